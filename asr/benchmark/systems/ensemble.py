"""Several systems as one: their words put to the vote, or the log-probs of our own models averaged.

    [[systems]]
    name = "all three"
    kind = "ensemble"
    how = "vote"
    members = ["ours", "theirs", "whisper"]  # systems of this file, or tables of their own

All members hear every file, one after the other, so its time is the sum of theirs, and its memory that of all. A file
that one of them has no answer for has none.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from asr.benchmark.errors import HearingError
from asr.benchmark.system import Answer, Json, System, SystemSpec
from asr.benchmark.systems.attest import AttestSpec, AttestSystem
from asr.benchmark.systems.command import CommandSpec
from asr.benchmark.systems.faster_whisper import FasterWhisperSpec
from asr.benchmark.systems.openai_server import OpenAiSpec
from asr.benchmark.systems.pocketsphinx import PocketsphinxSpec
from asr.ensemble.rover import Voting, network, vote
from asr.errors import AsrError
from asr.text import TextVersion

if TYPE_CHECKING:
    from asr.ensemble.averaging import Likeness

KIND = "ensemble"
AnyMember = Annotated[
    AttestSpec | CommandSpec | OpenAiSpec | PocketsphinxSpec | FasterWhisperSpec, Field(discriminator="kind")
]
Share = Annotated[float, Field(ge=0, le=1)]


class EnsembleSpec(SystemSpec):
    """Keys of an ensemble; `at_once`, `timeout` and the like of its members are not looked at."""

    kind: Literal["ensemble"]
    how: Literal["average", "vote"]
    members: Annotated[tuple[AnyMember, ...], Field(min_length=2)]  # ties of a vote go to the first
    mean: Literal["probabilities", "log-probs"] = "probabilities"  # of an average
    vote_weight: Share = 1.0  # of how many say a word, against how sure they are
    null_confidence: Share = 0.5  # how sure saying nothing is
    word_confidence: Literal["none", "posterior", "bundle"] = "none"  # of our own models
    text: TextVersion = "basic-1"  # of the normaliser before the vote; left out, that of the benchmark
    unit: Literal["word", "character"] = "word"  # that is voted on; left out, that of the benchmark

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [member.name for member in self.members]
        for place, name in enumerate(names):
            if name in names[:place]:
                raise ValueError(f"member {name!r} is there twice; a member has one voice")
        foreign = [each for each in self.members if not isinstance(each, AttestSpec)]
        if self.how == "average" and foreign:
            raise ValueError(
                f'how = "average" is of models of ours, and {foreign[0].name!r} is none (kind = '
                f'"{foreign[0].kind}"): set how = "vote"'
            )
        return self

    def system(self, folder: Path) -> "Averaged | Voted":
        return Averaged(self, folder) if self.how == "average" else Voted(self, folder)


def expanded(tree: Mapping[str, Any]) -> dict[str, Any]:
    """A benchmark's plain data, its ensembles with the tables of the systems that they name, its text and its unit.

    Raises:
        ValueError: no system of that name, or one that is an ensemble itself.
    """
    systems = tree.get("systems")
    if not isinstance(systems, list):
        return dict(tree)
    named = {each.get("name"): each for each in systems if isinstance(each, dict)}
    rules = {key: tree[key] for key in ("text", "unit") if key in tree}
    found = []
    for number, system in enumerate(systems):
        members = system.get("members") if isinstance(system, dict) else None
        if isinstance(members, list) and system.get("kind") == KIND:
            where = f"systems.{number}.members"
            system = {**rules, **system, "members": [_member(each, named, where) for each in members]}
        found.append(system)
    return {**tree, "systems": found}


def _member(member: Any, named: Mapping[Any, Any], where: str) -> Any:
    if isinstance(member, str):
        if member not in named:
            known = ", ".join(str(name) for name, each in named.items() if each.get("kind") != KIND)
            raise ValueError(f"{where}: no system of this file is called {member!r}; there are {known}")
        member = named[member]
    if isinstance(member, dict) and member.get("kind") == KIND:
        raise ValueError(f"{where}: {member.get('name')!r} is an ensemble; name its members instead")
    return member


class Voted:
    """Words of any systems, put to the vote."""

    concurrent = False

    def __init__(self, spec: EnsembleSpec, folder: Path) -> None:
        self._spec = spec
        self._members: list[System] = [
            AttestSystem(each, folder, spec.word_confidence)
            if isinstance(each, AttestSpec)
            else each.system(folder)
            for each in spec.members
        ]
        self._voting = Voting(spec.vote_weight, spec.null_confidence)
        self.inside = any(member.inside for member in self._members)

    def identity(self) -> dict[str, Json]:
        from asr.runs.environment import code_digest

        spec = self._spec
        members: list[Json] = []
        for name, member in self._named():
            with _naming(name):
                members.append(member.identity())
        return {
            "kind": spec.kind,
            "how": spec.how,
            "vote_weight": spec.vote_weight,
            "null_confidence": spec.null_confidence,
            "word_confidence": spec.word_confidence,
            "text": spec.text,
            "unit": spec.unit,
            "members": members,
            "code": code_digest(),
        }

    def size(self) -> int | None:
        return _sum_of([member.size() for member in self._members])

    def open(self) -> None:
        for name, member in self._named():
            with _naming(name):
                member.open()

    def hear(self, path: Path) -> Answer:
        # Loads numpy, which who only reads a benchmark's file can do without.
        from asr.ensemble.words import said_of, text_of

        spec, said, seconds = self._spec, [], 0.0
        for name, member in self._named():
            with _naming(name):
                answer = member.hear(path)
            seconds += answer.seconds
            said.append(said_of(answer.text, answer.words, spec.text, spec.unit))
        begun = time.perf_counter()
        text = text_of(vote(network(said), self._voting), spec.unit)
        return Answer(text, seconds + time.perf_counter() - begun)

    def close(self) -> None:
        for member in self._members:
            member.close()

    def _named(self) -> Iterator[tuple[str, System]]:
        return zip([each.name for each in self._spec.members], self._members, strict=True)


class Averaged:
    """Log-probs of models of ours, averaged and read as the first of them reads its own."""

    concurrent = False
    inside = True

    def __init__(self, spec: EnsembleSpec, folder: Path) -> None:
        self._spec = spec
        self._members = [AttestSystem(each, folder) for each in spec.members if isinstance(each, AttestSpec)]

    def identity(self) -> dict[str, Json]:
        self._likeness()
        members: list[Json] = [member.identity() for member in self._members]
        return {"kind": self._spec.kind, "how": "average", "mean": self._spec.mean, "members": members}

    def size(self) -> int | None:
        return _sum_of([member.size() for member in self._members])

    def open(self) -> None:
        from asr import numerics

        numerics.pin()
        from asr.engine.engine import load_engine
        from asr.ensemble.members import refuse_attention

        likeness, (first, *others) = self._likeness(), self._members
        try:
            loaded = [load_engine(each.bundle, each.spec.engine, each.spec.device) for each in others]
            engines = [engine for _, engine in loaded]
            first.open()
            assert first.transcriber is not None  # it is open
            refuse_attention(first.spec.model, first.transcriber.asks_attention)
        except AsrError as error:
            first.close()  # nothing is heard by it alone
            raise HearingError(str(error)) from None
        first.transcriber = first.transcriber.together_with(
            engines, lambda heard: likeness.average(heard, self._spec.mean)
        )

    def hear(self, path: Path) -> Answer:
        return self._members[0].hear(path)  # together with the others, from `open` on

    def close(self) -> None:
        for member in self._members:
            member.close()

    def _likeness(self) -> "Likeness":
        from asr.ensemble.averaging import Likeness
        from asr.model.described import read_described

        try:
            described = [read_described(member.bundle) for member in self._members]
            return Likeness.of([member.spec.name for member in self._members], described)
        except AsrError as error:
            raise HearingError(str(error)) from None


@contextmanager
def _naming(member: str) -> Iterator[None]:
    """Errors come with the name of the member."""
    try:
        yield
    except HearingError as error:
        raise HearingError(f"{member}: {error}") from None


def _sum_of(sizes: list[int | None]) -> int | None:
    """None where one is not known."""
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None
