"""Several models as one on a part of a corpus, beside each of them: averaged, or put to the vote.

What is chosen (the best single member, and with `tune` how the ensemble weighs) is chosen on development data that all
members share, whichever part is scored.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import product
from typing import Any, Literal, get_args

from asr.decoding.averaging import Mean
from asr.ensemble.averaging import Likeness
from asr.ensemble.members import HeardOnce, Member, Members
from asr.ensemble.rover import Slot, Voting, network, vote
from asr.ensemble.words import text_of
from asr.errors import CorpusError
from asr.evaluation.hypotheses import Hypothesis, beside_references, score_hypotheses
from asr.evaluation.matrix import SpokenPart
from asr.evaluation.significance import Paired, PairedTest, matched_pairs
from asr.runs.outcomes import outcomes_of
from asr.scoring import Score, Unit, count_character_errors, count_errors

How = Literal["average", "vote"]
Progress = Callable[[str, int, int], None]  # (what, done, total)
WEIGHTS = (1.0, 0.75, 0.5, 0.25, 0.0)  # of votes, the plainest first
_Key = tuple[str, str]  # name and identity of a part
NULLS = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9, 0.95)  # confidences of nothing, likewise


@dataclass(frozen=True)
class Way:
    """How an ensemble makes one text of what its members hear."""

    how: How
    mean: Mean = "probabilities"  # of an average
    voting: Voting = field(default_factory=Voting)

    def to_json(self) -> dict[str, Any]:
        return {"mean": self.mean} if self.how == "average" else asdict(self.voting)


@dataclass(frozen=True)
class Tried:
    """A way, and its errors on development data."""

    way: Way
    errors: int  # in units
    characters: int  # errors

    def to_json(self) -> dict[str, Any]:
        return {**self.way.to_json(), "errors": self.errors, "character_errors": self.characters}


@dataclass(frozen=True)
class Scored:
    """One system on a part."""

    name: str
    decoder: str
    score: Score
    cpu: float  # seconds of processor time a second of audio; of an ensemble all of its members are in it
    against: PairedTest | None  # the ensemble minus this member; None for the ensemble itself
    hypotheses: list[Hypothesis]

    def to_json(self) -> dict[str, Any]:
        return {
            "system": self.name,
            "decoder": self.decoder,
            **self.score.to_json(),
            "cpu_factor": self.cpu,
            "ensemble_against_it": None if self.against is None else asdict(self.against),
        }


@dataclass(frozen=True)
class Together:
    """An ensemble and its members on a part; the members first, in their order."""

    part: SpokenPart
    systems: tuple[Scored, ...]

    @property
    def ensemble(self) -> Scored:
        return self.systems[-1]

    def to_json(self) -> dict[str, Any]:
        return {**self.part.to_json(), "systems": [each.to_json() for each in self.systems]}


class EnsembleEvaluator:
    """Each part is heard once, by all members.

    Args:
        version: of the text normaliser, of references and of what is heard.
        unit: what errors are counted in, and what is voted on.

    Raises:
        EnsembleError: fewer than two members, or they cannot be averaged.
    """

    def __init__(
        self,
        members: Sequence[Member],
        how: How,
        *,
        version: str,
        unit: Unit = "word",
        bootstrap: int = 10_000,
        workers: int = 1,
        progress: Progress = lambda what, done, total: None,
    ) -> None:
        likeness = None
        if how == "average":
            likeness = Likeness.of([member.name for member in members], [each.described for each in members])
        self.members, self.how, self.bootstrap = tuple(members), how, bootstrap
        self.workers, self.progress = workers, progress
        means = get_args(Mean) if how == "average" else ()
        self._members = Members(self.members, version, unit, likeness, means)
        self._heard: dict[_Key, list[HeardOnce]] = {}
        self._slots: dict[_Key, list[list[Slot]]] = {}

    @property
    def unit(self) -> Unit:
        return self._members.unit

    @property
    def version(self) -> str:
        """Of the text normaliser."""
        return self._members.version

    def best(self, dev: SpokenPart) -> int:
        """The member with the fewest errors in units on development data, then in characters; of equals the first."""
        counts = [self._errors(dev, self._own(dev, number)) for number in range(len(self.members))]
        return min(range(len(counts)), key=lambda number: counts[number])

    def tried(self, dev: SpokenPart, ways: Iterable[Way]) -> list[Tried]:
        """The errors of each way on development data, the best first, of equals as they came."""
        found = [Tried(way, *self._errors(dev, self._together(dev, way))) for way in ways]
        return sorted(found, key=lambda each: (each.errors, each.characters))

    def evaluate(self, part: SpokenPart, way: Way) -> Together:
        """Scores the ensemble and each member.

        Raises:
            CorpusError: nothing is said in it, or it has one utterance alone.
        """
        heard = self._hear(part)
        together = self._beside(part, self._together(part, way))
        if len(together) < 2 or not any(each.reference for each in together):
            raise CorpusError(
                f"{part.name}: {len(together)} utterances, of which "
                f"{sum(bool(each.reference) for each in together)} have a text; two are needed to compare systems"
            )
        seconds = sum(utterance.duration for utterance in part.utterances)
        systems, costs = [], self._costs(heard)
        for number, member in enumerate(self.members):
            own = self._beside(part, self._own(part, number))
            test = matched_pairs(Paired.of(outcomes_of(own, self.unit), outcomes_of(together, self.unit)))
            systems.append(self._scored(member.name, member.decoder, own, costs[number] / seconds, test))
        decoder = self.members[0].decoder if self.how == "average" else "vote"
        systems.append(self._scored(self.how, decoder, together, costs[-1] / seconds, None))
        return Together(part, tuple(systems))

    def _scored(
        self, name: str, decoder: str, found: list[Hypothesis], cpu: float, test: PairedTest | None
    ) -> Scored:
        return Scored(name, decoder, score_hypotheses(found, self.bootstrap, self.unit), cpu, test, found)

    def _costs(self, heard: Sequence[HeardOnce]) -> list[float]:
        """Seconds of processor time of each member, and of the ensemble."""
        count = range(len(self.members))
        computing = [sum(each.computing[number] for each in heard) for number in count]
        reading = [sum(each.reading[number] for each in heard) for number in count]
        rest = sum(each.averaging for each in heard) if self.how == "average" else sum(reading)
        return [*map(sum, zip(computing, reading, strict=True)), sum(computing) + rest]

    def _hear(self, part: SpokenPart) -> list[HeardOnce]:
        if _key(part) not in self._heard:
            shown = partial(self.progress, f"{len(self.members)} members on {part.name}")
            self._heard[_key(part)] = list(
                self._members.hear(part.utterances, workers=self.workers, progress=shown)
            )
        return self._heard[_key(part)]

    def _own(self, part: SpokenPart, number: int) -> list[str]:
        return [text_of(each.members[number], self.unit) for each in self._hear(part)]

    def _together(self, part: SpokenPart, way: Way) -> list[str]:
        heard = self._hear(part)
        if self.how == "average":
            return [text_of(each.averages[way.mean], self.unit) for each in heard]
        if _key(part) not in self._slots:
            self._slots[_key(part)] = [network(each.members) for each in heard]
        return [text_of(vote(slots, way.voting), self.unit) for slots in self._slots[_key(part)]]

    def _beside(self, part: SpokenPart, texts: Sequence[str]) -> list[Hypothesis]:
        return beside_references(part.utterances, texts, self._members.version)

    def _errors(self, part: SpokenPart, texts: Sequence[str]) -> tuple[int, int]:
        """In units and in characters."""
        found = self._beside(part, texts)
        return (
            sum(count_errors(each.reference, each.hypothesis, self.unit).errors for each in found),
            sum(count_character_errors(each.reference, each.hypothesis).errors for each in found),
        )


def _key(part: SpokenPart) -> _Key:
    return part.name, part.identity


def ways_of(way: Way) -> list[Way]:
    """What development data chooses from, the plainest first; the given way, which is taken where nothing is chosen,
    comes first of all."""
    if way.how == "average":
        return [way, *(Way("average", mean) for mean in get_args(Mean) if mean != way.mean)]
    unknown = way.voting.unknown
    others = [Way("vote", voting=Voting(weight, null, unknown)) for weight, null in product(WEIGHTS, NULLS)]
    return list(dict.fromkeys([way, *others]))
