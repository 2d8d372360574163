"""Error rates of groups of utterances: by speaker, by number of words, by length."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from asr.runs.record import Outcome
from asr.scoring import bootstrap_interval
from asr.utterance import Utterance

RESAMPLES = 2_000
WORDS = ((1, 1), (2, 3), (4, 6), (7, 10), (11, 15), (16, 25), (26, 0))  # 0: any number above
SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0)


@dataclass(frozen=True)
class Group:
    """Some utterances of a part."""

    name: str
    utterances: int
    words: int  # of their references
    errors: int
    low: float  # 95 % interval of the rate
    high: float

    @property
    def rate(self) -> float:
        return self.errors / self.words if self.words else 0.0

    @property
    def interval(self) -> str:
        """In words; of a single utterance with errors nothing is known."""
        if self.utterances == 1 and self.errors:
            return "none"
        return f"{self.low:.2%} to {self.high:.2%}"


def by_speaker(outcomes: Mapping[str, Outcome]) -> list[Group]:
    """The worst first; empty where no speaker is named."""
    found = _grouped((outcome.speaker, outcome) for outcome in outcomes.values() if outcome.speaker)
    return sorted(found, key=lambda group: (-group.rate, group.name))


def by_words(outcomes: Mapping[str, Outcome]) -> list[Group]:
    """By the number of words in the reference, the fewest first."""
    names = [_range(low, high) for low, high in WORDS]

    def name(outcome: Outcome) -> str:
        return next(
            each
            for each, (low, high) in zip(names, WORDS, strict=True)
            if low <= outcome.words and (not high or outcome.words <= high)
        )

    said = (outcome for outcome in outcomes.values() if outcome.words)
    return _in_order(_grouped((name(outcome), outcome) for outcome in said), names)


def by_seconds(outcomes: Mapping[str, Outcome], utterances: Sequence[Utterance]) -> list[Group]:
    """By length of the audio, the shortest first; empty where lengths are not known."""
    lengths = {utterance.id: utterance.duration for utterance in utterances}
    edges = (0.0, *SECONDS)
    names = [_lasting(low, high) for low, high in zip(edges, (*SECONDS, 0.0), strict=True)]

    def name(seconds: float) -> str:
        return names[sum(seconds >= edge for edge in SECONDS)]

    known = ((name(lengths[key]), outcome) for key, outcome in outcomes.items() if key in lengths)
    return _in_order(_grouped(known), names)


def _grouped(named: Iterable[tuple[str, Outcome]]) -> list[Group]:
    found: dict[str, list[Outcome]] = {}
    for name, outcome in named:
        found.setdefault(name, []).append(outcome)
    return [
        _group(name, outcomes) for name, outcomes in found.items() if any(each.words for each in outcomes)
    ]


def _group(name: str, outcomes: Sequence[Outcome]) -> Group:
    errors, words = [each.errors for each in outcomes], [each.words for each in outcomes]
    low, high = bootstrap_interval(errors, words, RESAMPLES)
    if not any(errors):
        # Resampling knows nothing of errors that did not happen: the upper limit of Clopper and Pearson.
        high = 1 - 0.025 ** (1 / sum(words))
    return Group(name, len(outcomes), sum(words), sum(errors), low, high)


def _in_order(groups: Iterable[Group], names: Sequence[str]) -> list[Group]:
    return sorted(groups, key=lambda group: names.index(group.name))


def _range(low: int, high: int) -> str:
    if low == high:
        return f"{low} word{'s' * (low != 1)}"
    return f"{low} to {high} words" if high else f"{low} words or more"


def _lasting(low: float, high: float) -> str:
    if not low:
        return f"under {high:g} s"
    return f"{low:g} to {high:g} s" if high else f"{low:g} s or more"
