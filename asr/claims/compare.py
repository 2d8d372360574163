"""Are two results different, and if so, since when and why? Over several seeds, their mean and spread."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import mean, stdev
from typing import Any

from asr.claims.causes import Cause, causes
from asr.claims.given import Given
from asr.claims.training_data import name_differing
from asr.claims.verdict import Verdict, judge
from asr.errors import RunError
from asr.evaluation.mapsswe import Mapsswe, mapsswe
from asr.evaluation.significance import (
    BootstrapInterval,
    McNemar,
    Paired,
    PairedTest,
    bootstrap,
    matched_pairs,
    mcnemar,
)
from asr.runs.folder import RunFolder
from asr.runs.record import Outcome, Record
from asr.scoring import Unit, in_units

Outcomes = Mapping[str, Mapping[str, Outcome]]  # by part, by utterance


@dataclass(frozen=True)
class Tests:
    """Of one pair of results on the test part. Differences are second minus first."""

    matched_pairs: PairedTest
    over_utterances: BootstrapInterval
    over_speakers: BootstrapInterval | None  # None with fewer than two speakers
    sentences: McNemar
    segments: Mapsswe | None  # None without the hypotheses of both


@dataclass(frozen=True)
class Comparison:
    """Of two runs."""

    first: Given
    second: Given
    verdict: Verdict
    tests: Tests | None  # None where nothing can be paired
    no_tests: str  # why
    search_tests: Tests | None  # of the searches, where both runs have one
    causes: list[Cause]
    other_transcripts: list[str]  # test utterances with another text, where both records tell of each
    other_search_transcripts: list[str]  # likewise, of the searches

    def to_json(self) -> dict[str, Any]:
        return {
            "first": str(self.first.path),
            "second": str(self.second.path),
            "verdict": self.verdict.to_json(),
            "tests": asdict(self.tests) if self.tests else None,
            "no_tests": self.no_tests,
            "search_tests": asdict(self.search_tests) if self.search_tests else None,
            "causes": [asdict(cause) for cause in self.causes],
            "other_transcripts": self.other_transcripts,
            "other_search_transcripts": self.other_search_transcripts,
        }


@dataclass(frozen=True)
class Group:
    """Runs that differ in their seed alone."""

    name: str  # of the recipe
    seeds: list[int]
    rates: list[float]  # test WER, in the order of the seeds
    codes: int  # different versions of the code
    search_rates: list[float]  # likewise, of the searches; empty where the recipe asks for none
    unit: Unit = "word"  # that errors are counted in

    @property
    def mean(self) -> float:
        return mean(self.rates)

    @property
    def deviation(self) -> float:
        """Standard deviation over the seeds; 0 for one."""
        return stdev(self.rates) if len(self.rates) > 1 else 0.0

    @property
    def of_search(self) -> "Group | None":
        """The same with the rates of the searches."""
        rates = self.search_rates
        return replace(self, rates=rates, search_rates=[]) if len(rates) == len(self.seeds) else None


def compare(first: Given, second: Given) -> Comparison:
    """The second result beside the first."""
    # The narrower of both: whoever chose one afterwards, to be equivalent, gains nothing.
    verdict = judge(first.record, second.record, margin=second.record.recipe.score.margin)
    tests, no_tests = _tests(first, second)
    named = name_differing(first.record, first.folder, second.record, second.folder)
    place = verdict.parting.place if verdict.parting else None
    return Comparison(
        first,
        second,
        verdict,
        tests,
        no_tests,
        _search_tests(first, second),
        causes(first.record, second.record, place, named),
        other_transcripts(first.record, second.record),
        other_search_transcripts(first.record, second.record),
    )


def other_transcripts(first: Record, second: Record) -> list[str]:
    """Test utterances whose text is not the same; empty when a record does not tell."""
    return _others(first.outcomes, second.outcomes)


def other_search_transcripts(first: Record, second: Record) -> list[str]:
    """Likewise of the searches; empty where one of the runs has none."""
    if first.search is None or second.search is None:
        return []
    return _others(first.search.outcomes, second.search.outcomes)


def _others(first: Outcomes, second: Outcomes) -> list[str]:
    ours, theirs = first.get("test", {}), second.get("test", {})
    both = sorted(ours.keys() & theirs.keys())
    return [name for name in both if ours[name].hypothesis != theirs[name].hypothesis]


def _tests(first: Given, second: Given) -> tuple[Tests | None, str]:
    ours, theirs = first.record, second.record
    if ours.corpus is None or theirs.corpus is None:
        return None, "a record names no corpus"
    if "test" not in ours.results or "test" not in theirs.results:
        return None, "a run is not complete"
    if not ours.outcomes or not theirs.outcomes:
        return None, "a record of format 1 does not tell of each utterance"
    try:
        paired = Paired.of(ours.outcomes["test"], theirs.outcomes["test"])
    except ValueError as error:
        return None, str(error)
    return _tests_of(paired, first, second, search=False), ""


def _search_tests(first: Given, second: Given) -> Tests | None:
    ours, theirs = first.record.search, second.record.search
    if ours is None or theirs is None:
        return None
    try:
        paired = Paired.of(ours.outcomes.get("test", {}), theirs.outcomes.get("test", {}))
    except ValueError:  # as of the greedy results, where it is said
        return None
    return _tests_of(paired, first, second, search=True)


def _tests_of(paired: Paired, first: Given, second: Given, *, search: bool) -> Tests:
    resamples = first.record.recipe.score.bootstrap
    return Tests(
        matched_pairs(paired),
        bootstrap(paired, resamples=resamples),
        bootstrap(paired, unit="speakers", resamples=resamples) if paired.named_speakers > 1 else None,
        mcnemar(paired),
        _segments(first, second, search=search),
    )


def _segments(first: Given, second: Given, *, search: bool) -> Mapsswe | None:
    ours, theirs = (_hypotheses(given.folder, search=search) for given in (first, second))
    if ours is None or theirs is None or ours.keys() != theirs.keys():
        return None
    unit = first.record.results["test"].unit
    texts = ((ours[name][0], ours[name][1], theirs[name][1]) for name in sorted(ours))
    return mapsswe(
        [(in_units(one, unit), in_units(two, unit), in_units(three, unit)) for one, two, three in texts]
    )


def _hypotheses(folder: RunFolder | None, *, search: bool) -> dict[str, tuple[str, str]] | None:
    """Reference and hypothesis of each test utterance; None where there is no such file."""
    path = folder.hypotheses("test", search=search) if folder else None
    if path is None or not path.is_file():
        return None
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return {line["id"]: (line["reference"], line["hypothesis"]) for line in lines}
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: not a file of hypotheses ({error}); `asr verify` says more") from None


def groups(records: Sequence[Record]) -> list[Group]:
    """Runs of one recipe and corpus, whatever their seeds; one run that is given twice counts once."""
    found: dict[str, dict[str, Record]] = {}
    for record in records:
        if record.corpus and record.model and "test" in record.results:
            parts = sorted(f"{name} {part.digest}" for name, part in record.corpus.splits.items())
            key = " ".join([record.recipe.model_copy(update={"seed": 0}).digest(), *parts])
            found.setdefault(key, {})[record.model.weights_digest] = record
    result = []
    for group in found.values():
        runs = sorted(group.values(), key=lambda record: record.recipe.seed)
        rates = [record.results["test"].wer for record in runs]
        codes = {record.sessions[-1].code.digest for record in runs if record.sessions}
        searches = [record.search.results["test"].wer for record in runs if record.search]
        seeds = [record.recipe.seed for record in runs]
        result.append(
            Group(runs[0].recipe.name, seeds, rates, len(codes), searches, runs[0].recipe.score.unit)
        )
    return result
