"""The outcome as one page of HTML that needs nothing else: ranking, intervals, groups, and errors side by side."""

import json
from collections.abc import Mapping, Sequence

from asr.benchmark.record import BenchmarkRecord, Cell, CorpusHeard, SystemUsed
from asr.benchmark.results import Counted, counted
from asr.benchmark.spec import Benchmark, benchmark_of
from asr.benchmark.table import (
    LEGEND,
    NAMES,
    PAIR_HEADINGS,
    headings,
    notes,
    pair_row,
    rows,
    rules,
    title,
)
from asr.benchmark.transcripts import Answered, Reference
from asr.report.alignment import Step, align_words
from asr.report.errors import cells as step_cells
from asr.report.errors import legend
from asr.report.markup import Html, element, figure, folded, join, note, table
from asr.report.plot import Axis, Dot, interval_plot
from asr.report.sectioned import sectioned_page, tile

DIFFERENT, TYPICAL = 6, 4  # utterances of each corpus that are shown
LONGEST = 40  # words of one that are shown
_OWN = """
.group{font-weight:620;letter-spacing:.08em}.standings th,.standings td{padding-right:11px;white-space:nowrap}
.standings thead th.n{min-width:0}.tile .big{font-size:20px}.tile dd{overflow-wrap:anywhere}
"""
Said = Mapping[str, Sequence[Reference]]  # by corpus
Heard = Mapping[tuple[str, str], Sequence[Answered]]  # by system and corpus


def page(record: BenchmarkRecord, references: Said, answers: Heard) -> str:
    """The whole page."""
    benchmark = benchmark_of(record.benchmark, "record")
    tones = {system.name: f"t{number % 6}" for number, system in enumerate(record.systems)}
    corpora = [_corpus(record, benchmark, corpus, tones) for corpus in record.corpora]
    sections = [
        ("ranking", "Ranking", join([*corpora, note(LEGEND), _notes(record)])),
        ("pairs", "Which differences are real", _pairs(record, benchmark)),
        ("errors", "Errors side by side", _errors(record, benchmark, references, answers, tones)),
        ("systems", "Systems", join(_system(system, tones[system.name]) for system in record.systems)),
        ("environment", "Environment", _environment(record)),
    ]
    return sectioned_page(f"Benchmark: {benchmark.name}", _header(record, benchmark), sections, _OWN)


def _header(record: BenchmarkRecord, benchmark: Benchmark) -> Html:
    tiles = [_tile(record, corpus) for corpus in record.corpora]
    return element(
        "header",
        element("p", "asr benchmark", class_="command"),
        element("h1", benchmark.name),
        element("p", benchmark.about) if benchmark.about else None,
        element("p", f"{rules(record)}.", class_="quiet"),
        element("dl", *tiles, class_="tiles"),
    )


def _tile(record: BenchmarkRecord, corpus: CorpusHeard) -> Html:
    """Who is first on a corpus, if that can be said."""
    cells = [cell for cell in record.cells if cell.corpus == corpus.name]
    best = [cell for cell in cells if cell.rank == 1]
    level = len(best) == len(cells) > 1
    said = "No difference beyond doubt" if level else ", ".join(cell.system for cell in best) or "No result"
    rates = "; ".join(f"{cell.system} {cell.score.wer:.1%}" for cell in best)
    return tile(corpus.name if level else f"Rank 1 on {corpus.name}", said, rates)


def _corpus(
    record: BenchmarkRecord, benchmark: Benchmark, corpus: CorpusHeard, tones: Mapping[str, str]
) -> Html:
    cells = [cell for cell in record.cells if cell.corpus == corpus.name]
    dots = [(f"{cell.rank}  {cell.system}", [_dot(cell, tones)]) for cell in cells]
    rate = "word error rate" if benchmark.unit == "word" else "error rate, by character"
    plot = interval_plot(f"{rate} on {corpus.name} with 95 % intervals", dots, Axis(rate, percent=True))
    caption = "Rank, error rate and its 95 % bootstrap interval over utterances."
    shown = table(
        f"{title(corpus)}; identity {corpus.identity[:12] or 'unknown'}, lock file: {corpus.lock or 'none'}",
        headings(benchmark),
        [_marked(row, tones) for row in rows(record, corpus.name)],
        words=len(NAMES) + 1,
        class_="standings",
    )
    return join(
        [element("h3", corpus.name), figure(caption, plot) if dots else None, shown, _speakers(cells)]
    )


def _marked(row: Sequence[str], tones: Mapping[str, str]) -> list[object]:
    rank, group, system, *rest = row
    return [
        rank,
        element("span", group, class_="group"),
        element("span", system, class_=f"run {tones[system]}"),
        *rest,
    ]


def _speakers(cells: Sequence[Cell]) -> Html | None:
    known = [(cell, cell.wer_interval_95_speakers) for cell in cells if cell.wer_interval_95_speakers]
    if not known:
        return None
    told = "; ".join(f"{cell.system} {100 * low:.1f} to {100 * high:.1f}" for cell, (low, high) in known)
    return note(f"Intervals over speakers in place of utterances, %: {told}.")


def _dot(cell: Cell, tones: Mapping[str, str]) -> Dot:
    low, high = cell.score.wer_interval_95
    return Dot(cell.score.wer, low, high, tones[cell.system], cell.system)


def _pairs(record: BenchmarkRecord, benchmark: Benchmark) -> Html:
    if not record.pairs:
        return note("One system has a result, so there is nothing to compare.")
    shown = [
        table(
            f"{corpus.name}: differences in points, second minus first",
            PAIR_HEADINGS,
            [pair_row(pair) for pair in record.pairs if pair.corpus == corpus.name],
            words=2,
        )
        for corpus in record.corpora
    ]
    about = note(
        "A t-test of the difference of two rates on the same utterances, over utterances and, from five on, speakers: "
        "the less certain of both counts. Intervals are of each pair alone; p (Holm) is corrected for all "
        f"{len(record.pairs)} pairs on this page, so that any two equal systems are told apart with a chance of "
        f"{benchmark.alpha:g} at the most."
    )
    return join([about, *shown])


def _errors(
    record: BenchmarkRecord, benchmark: Benchmark, references: Said, answers: Heard, tones: Mapping[str, str]
) -> Html:
    about = note(
        "First where the systems are furthest apart, then at even distances among all others with errors."
    )
    parts: list[Html] = [about, legend()]
    for corpus in record.corpora:
        found = {
            system.name: counted(references[corpus.name], answers[system.name, corpus.name], benchmark)
            for system in record.systems
            if (system.name, corpus.name) in answers
        }
        chosen = _chosen(found)
        parts.append(element("h3", corpus.name))
        if not chosen:
            parts.append(note("No errors."))
        parts += [_utterance(each, found, benchmark, tones) for each in chosen]
    return join(parts)


def _chosen(found: Mapping[str, Mapping[str, Counted]]) -> list[str]:
    """Ids: those with the widest gap between two systems, then some of the rest."""
    systems = list(found.values())
    if not systems:
        return []
    wrong = [name for name in systems[0] if any(system[name].errors for system in systems)]

    def gap(name: str) -> float:
        rates = [system[name].errors / max(1, system[name].words) for system in systems]
        return max(rates) - min(rates)

    first = sorted(wrong, key=lambda name: (-gap(name), name))[:DIFFERENT]
    rest = [name for name in wrong if name not in first]
    step = max(1, len(rest) // TYPICAL)
    return first + rest[::step][:TYPICAL]


def _utterance(
    name: str, found: Mapping[str, Mapping[str, Counted]], benchmark: Benchmark, tones: Mapping[str, str]
) -> Html:
    alike: dict[str, list[str]] = {}
    for system, all_ in found.items():
        alike.setdefault(all_[name].hypothesis, []).append(system)
    one = next(iter(found.values()))[name]
    pairs = [(one.reference, hypothesis) for hypothesis in alike]
    shown = [
        _heard(systems, found[systems[0]][name], steps, tones)
        for systems, steps in zip(alike.values(), align_words(pairs, benchmark.unit), strict=True)
    ]
    speaker = element("span", f", speaker {one.speaker}", class_="quiet") if one.speaker else None
    return element(
        "article",
        element("p", element("b", name), speaker),
        element("div", *shown, class_="pairs"),
        class_="utterance",
    )


def _heard(systems: Sequence[str], one: Counted, steps: Sequence[Step], tones: Mapping[str, str]) -> Html:
    """What these systems heard, all the same."""
    names = [element("span", system, " ", class_=f"run {tones[system]}") for system in systems]
    count = f"{one.errors} error{'s' * (one.errors != 1)} in {one.words}"
    words = [element("span", *step_cells(step), class_=f"step {step.kind}") for step in steps[:LONGEST]]
    if len(steps) > LONGEST:
        words.append(element("span", f"and {len(steps) - LONGEST} more", class_="quiet"))
    return element(
        "div", element("p", *names, count, class_="quiet count"), element("div", *words, class_="steps")
    )


def _system(system: SystemUsed, tone: str) -> Html:
    facts = [
        ("kind", system.kind),
        ("size on disk", "" if system.size is None else f"{system.size / 1e6:,.1f} MB"),
        ("loading", "" if system.loading is None else f"{system.loading:.2f} s"),
        ("memory at the most", "unknown" if system.memory is None else f"{system.memory / 1e6:,.0f} MB"),
        ("starts", str(system.starts)),
        ("identity", system.digest[:16]),
    ]
    failed = element("p", element("b", "No result: "), system.error) if system.error else None
    known = json.dumps(system.identity, indent=2, ensure_ascii=False, sort_keys=True)
    return join(
        [
            element("h3", element("span", system.name, class_=f"run {tone}")),
            failed,
            table("", ("", ""), facts, words=2, class_="facts"),
            folded("All that decides its answers", element("pre", known)),
        ]
    )


def _notes(record: BenchmarkRecord) -> Html | None:
    listed = [element("li", each) for each in notes(record)]
    return element("ul", *listed) if listed else None


def _environment(record: BenchmarkRecord) -> Html:
    machine, code = record.environment, record.code
    facts = [
        ("command", record.command),
        ("processor", f"{machine.processor}, {machine.cores} cores, {machine.memory / 2**30:.0f} GiB"),
        ("system", f"{machine.system}, {machine.libc}, Python {machine.python}"),
        ("libraries", ", ".join(f"{name} {version}" for name, version in machine.packages.items())),
        (
            "code",
            f"{code.version}, commit {code.commit[:12] or 'unknown'}" + ", with changes" * bool(code.changed),
        ),
        ("begun", record.started),
        ("finished", record.finished),
    ]
    whole = json.dumps(record.benchmark, indent=2, ensure_ascii=False)
    return join(
        [
            table("Machine and code", ("", ""), facts, words=2, class_="facts"),
            folded("The benchmark, with every default", element("pre", whole)),
        ]
    )
