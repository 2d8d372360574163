"""Trainings made by hand, every digest of every step, so that a difference can be planted in exactly one place.

A `History` is what a training would be if every step left all its digests; a trail is what a record keeps of it.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self

from asr.runs.record import TrailEntry

PRINTS = ("heard", "loss", "gradient")  # of every step, in the order in which it computes them
STATE = ("weights", "average", "optimiser", "cursor")  # after a step


def digest(*words: object) -> str:
    """64 hex digits that stand for a content."""
    return hashlib.sha256(" ".join(map(str, words)).encode()).hexdigest()


@dataclass(frozen=True)
class History:
    """Every digest of every step."""

    prints: tuple[Mapping[str, str], ...]  # of steps 1, 2, ...: four hex digits each
    states: tuple[Mapping[str, str], ...]  # after steps 0, 1, 2, ...

    @classmethod
    def of(cls, steps: int, name: str = "one") -> Self:
        prints = [{kind: digest(name, kind, step)[:4] for kind in PRINTS} for step in range(1, steps + 1)]
        states = [{kind: digest(name, kind, step) for kind in STATE} for step in range(steps + 1)]
        return cls(tuple(prints), tuple(states))

    @property
    def steps(self) -> int:
        return len(self.prints)

    def parted(self, step: int, kinds: Collection[str], *, spreads: bool = True) -> "History":
        """Other digests of these kinds from a step on; of those that come after them too if it `spreads`."""
        order = (*PRINTS, *STATE)
        first = min(order.index(kind) for kind in kinds)

        def changed(tree: Mapping[str, str], number: int) -> Mapping[str, str]:
            if number < step:
                return tree
            others = (order if number > step else order[first:]) if spreads else kinds
            return {kind: _other(value) if kind in others else value for kind, value in tree.items()}

        return History(
            tuple(changed(tree, number) for number, tree in enumerate(self.prints, 1)),
            tuple(changed(tree, number) for number, tree in enumerate(self.states)),
        )

    def trail(self, every: int, epoch: int = 10**9, last: int | None = None) -> list[TrailEntry]:
        """What a record keeps: the state after every so many steps, at the end of each epoch, and of all."""
        last = self.steps if last is None else last
        kept = [step for step in range(last + 1) if step % every == 0 or step % epoch == 0 or step == last]
        entries, before = [], 0
        for step in kept:
            steps = self.prints[before:step]
            prints = {kind: "".join(tree[kind] for tree in steps) for kind in PRINTS}
            entries.append(TrailEntry(step=step, **prints, **self.states[step]))
            before = step
        return entries


def _other(value: str) -> str:
    """As long, and another one for every value."""
    return value[:-1] + f"{int(value[-1], 16) ^ 1:x}"
