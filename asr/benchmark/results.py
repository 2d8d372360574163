"""From references and answers to numbers: the one place for it, when a benchmark is run and when it is verified."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from asr.benchmark.figures import read_out
from asr.benchmark.ranking import Pair, compare_pairs, letters, ranks
from asr.benchmark.record import Cell, Failure, PairTested, Speed
from asr.benchmark.spec import Benchmark
from asr.benchmark.transcripts import Answered, Reference
from asr.evaluation.significance import FEWEST_SPEAKERS
from asr.runs.record import Result
from asr.scoring import bootstrap_interval, count_character_errors, count_errors, score
from asr.text import normalise


@dataclass(frozen=True)
class Counted:
    """One utterance of one system, by the rules of the benchmark."""

    id: str
    speaker: str
    reference: str  # normalised
    hypothesis: str  # likewise, figures read out
    words: int  # of the reference, in units
    errors: int  # in units
    letters: int  # of the reference
    wrong_letters: int  # errors in characters


@dataclass(frozen=True)
class Answers:
    """Of one system on one corpus, with the file that they are in."""

    lines: Sequence[Answered]  # in the order of the references
    file: str = ""
    sha256: str = ""


def counted(
    references: Sequence[Reference], answers: Sequence[Answered], benchmark: Benchmark
) -> dict[str, Counted]:
    """By utterance; both in the same order."""
    found = {}
    for said, answer in zip(references, answers, strict=True):
        reference = normalise(said.text, benchmark.text)
        written = normalise(answer.text, benchmark.text)
        hypothesis = read_out(reference, written, benchmark.figures)
        words = count_errors(reference, hypothesis, benchmark.unit)
        characters = count_character_errors(reference, hypothesis)
        found[said.id] = Counted(
            said.id,
            said.speaker,
            reference,
            hypothesis,
            words.reference_length,
            words.errors,
            characters.reference_length,
            characters.errors,
        )
    return found


def evaluate(
    benchmark: Benchmark,
    references: Mapping[str, Sequence[Reference]],
    answers: Mapping[tuple[str, str], Answers],
) -> tuple[list[Cell], list[PairTested]]:
    """All cells and pairs.

    Args:
        references: by corpus.
        answers: by system and corpus; systems without a result are not among them.
    """
    names = [system.name for system in benchmark.systems]
    of_corpus = {
        corpus: {
            system: counted(said, answers[system, corpus].lines, benchmark)
            for system in names
            if (system, corpus) in answers
        }
        for corpus, said in references.items()
    }
    pairs = compare_pairs(of_corpus, benchmark.alpha)
    cells = []
    for corpus, systems in of_corpus.items():
        made = {
            system: _cell(benchmark, system, corpus, found, references[corpus], answers[system, corpus])
            for system, found in systems.items()
        }
        cells += _ranked(made, [pair for pair in pairs if pair.corpus == corpus])
    return cells, [_tested(pair) for pair in pairs]


def _cell(
    benchmark: Benchmark,
    system: str,
    corpus: str,
    found: Mapping[str, Counted],
    references: Sequence[Reference],
    answers: Answers,
) -> Cell:
    each = list(found.values())
    whole = score(
        [(one.reference, one.hypothesis) for one in each], bootstrap=benchmark.bootstrap, unit=benchmark.unit
    )
    return Cell(
        system=system,
        corpus=corpus,
        rank=1,
        letters="",
        score=Result.model_validate_json(json.dumps(whole.to_json())),
        cer_interval_95=bootstrap_interval(
            [one.wrong_letters for one in each], [one.letters for one in each], benchmark.bootstrap
        ),
        wer_interval_95_speakers=_over_speakers(each, benchmark.bootstrap),
        failed=[Failure(id=line.id, reason=line.failed) for line in answers.lines if line.failed],
        speed=speed(references, answers.lines),
        file=answers.file,
        sha256=answers.sha256,
    )


def _over_speakers(each: Sequence[Counted], resamples: int) -> tuple[float, float] | None:
    """An utterance without a speaker counts as a speaker of its own; None with fewer than five that are named."""
    if len({one.speaker for one in each} - {""}) < FEWEST_SPEAKERS:
        return None
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for one in each:
        key = (one.speaker, "" if one.speaker else one.id)
        errors, words = sums.get(key, (0, 0))
        sums[key] = (errors + one.errors, words + one.words)
    errors_of, words_of = zip(*sums.values(), strict=True)
    return bootstrap_interval(errors_of, words_of, resamples)


def speed(references: Sequence[Reference], answers: Sequence[Answered]) -> Speed | None:
    """Of the utterances that were answered; None where none was."""
    heard = [(said, line) for said, line in zip(references, answers, strict=True) if not line.failed]
    if not heard:
        return None
    times = sorted(line.seconds for _, line in heard)
    audio, hearing = sum(said.seconds for said, _ in heard), sum(times)
    cpu = sum(line.cpu for _, line in heard)
    return Speed(
        utterances=len(times),
        audio=audio,
        hearing=hearing,
        real_time_factor=hearing / audio,
        cpu_factor=cpu / audio if cpu else None,
        median=median(times),
        p99=_quantile(times, 0.99),
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the values below or at which at least this share of them lies."""
    below = next(place for place in range(len(ordered)) if place + 1 >= share * len(ordered) - 1e-9)
    return ordered[below]


def _ranked(made: Mapping[str, Cell], pairs: Sequence[Pair]) -> list[Cell]:
    """The best rank first, within it the lowest error rate, then the order of the file."""
    of_rank = ranks(list(made), pairs)
    order = sorted(made, key=lambda system: (of_rank[system], made[system].score.wer))
    named = letters(order, pairs)
    return [made[name].model_copy(update={"rank": of_rank[name], "letters": named[name]}) for name in order]


def _tested(pair: Pair) -> PairTested:
    return PairTested(
        corpus=pair.corpus,
        first=pair.first,
        second=pair.second,
        difference=pair.test.difference,
        interval_95=pair.test.interval_95,
        p=pair.test.p,
        p_holm=pair.p_holm,
        unit=pair.test.unit,
        different=pair.different,
    )


def loading_and_memory(lines: Sequence[Answered]) -> tuple[float | None, int | None, int]:
    """Of a system: median seconds over its starts, bytes at the most, and starts that have left answers."""
    heard = [line for line in lines if not line.failed]
    loads = {line.session: line.loading for line in heard}
    memory = max((line.memory for line in heard), default=0)
    return (median(loads.values()) if loads else None), memory or None, len(loads)
