"""Whose sound is computed next: fair between recordings, and in batches of like length.

Start-time fair queueing (Goyal, Vin and Cheng, 1997) over seconds of sound: each piece has a tag, the time at which it
would begin if all recordings that wait were heard at one rate, and the least tag is next. So a short recording goes
before what is left of a long one, and a recording alone gets all there is.
"""

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from asr.transcribe.reading import BATCH, BATCH_SECONDS, cheapest_batches

T = TypeVar("T")


@dataclass
class Share:
    """Of one recording: until when it has had its turn."""

    finish: float = 0.0


@dataclass(order=True)
class Waiting(Generic[T]):
    """A piece that waits for its turn."""

    tag: float
    number: int  # of equal tags the piece that came first
    seconds: float = field(compare=False)  # of sound
    kind: object = field(compare=False)  # what can be computed together: a model
    batched: bool = field(compare=False)  # whether a batch is quicker than one after the other
    what: T = field(compare=False)


class Turns(Generic[T]):
    """Pieces that wait. Not locked: that is for whoever has it."""

    def __init__(self) -> None:
        self._waiting: list[Waiting[T]] = []
        self._now = 1.0
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def seconds(self) -> float:
        """Of sound that waits."""
        return sum(piece.seconds for piece in self._waiting)

    def put(
        self, share: Share | None, seconds: float, kind: object, what: T, *, batched: bool = True
    ) -> None:
        """The next piece of a recording; without a share it is next, before all others."""
        tag = 0.0
        if share is not None:
            tag = max(self._now, share.finish)
            share.finish = tag + seconds
        self._count += 1
        insort(self._waiting, Waiting(tag, self._count, seconds, kind, batched, what))

    def take(self, idle: int = 1) -> list[T]:
        """A batch: the piece whose turn it is, and others of like length whose turn is soon.

        Args:
            idle: workers that have nothing to do, the one that asks among them: they share what waits.

        Returns:
            Nothing where nothing waits.
        """
        if not self._waiting:
            return []
        first = self._waiting[0]
        self._now = max(self._now, first.tag)
        batch = self._around(first, idle) if first.batched else [first]
        chosen = set(map(id, batch))
        self._waiting = [piece for piece in self._waiting if id(piece) not in chosen]
        return [piece.what for piece in batch]

    def drop(self, unwanted: Callable[[T], bool]) -> None:
        """Those that are not wanted any more."""
        self._waiting = [piece for piece in self._waiting if not unwanted(piece.what)]

    def _around(self, first: Waiting[T], idle: int) -> list[Waiting[T]]:
        alike = [piece for piece in self._waiting if piece.kind is first.kind][: BATCH * idle]
        alike.sort(key=lambda piece: -piece.seconds)
        most = min(BATCH, -(-len(alike) // idle))
        begin = 0
        for size in cheapest_batches([piece.seconds for piece in alike], most, BATCH_SECONDS):
            batch = alike[begin : begin + size]
            if any(piece is first for piece in batch):
                return batch
            begin += size
        raise AssertionError("every piece is in a batch")
