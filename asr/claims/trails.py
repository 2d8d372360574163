"""Two trainings side by side: the first step at which they differ, and what differs there first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from asr.runs.record import Epoch, Record, TrailEntry
from asr.training.cursor import DIGITS

# In the order in which a step computes them: what differs first is the nearest to the cause.
Place = Literal[
    "start",  # the weights before the first step
    "audio",  # what was heard, augmentation included
    "loss",  # the way forward
    "gradient",  # the way back, or the sum over micro-batches
    "update",  # weights, their average or the optimiser, though the gradient was the same
    "epoch",  # something in an epoch, of records that have no trail
    "cursor",  # where the training stands, such as the best development result; all tensors were the same
    "end",  # one has ended, the other goes on
]
WORDS: dict[Place, str] = {
    "start": "the weights before the first step",
    "audio": "the audio that was heard",
    "loss": "the losses",
    "gradient": "the sum of the gradients",
    "update": "the state after the update",
    "epoch": "losses, gradient norms or development results",
    "cursor": "where the training stands: the best development result so far",
    "end": "one training goes on, the other has ended",
}
_STATE = ("weights", "average", "optimiser", "cursor")


@dataclass(frozen=True)
class FirstDifference:
    """Where two trainings part."""

    step: int  # of the whole training, from 1; 0 is before the first
    after: int  # the last step that is known to be the same; -1: none
    place: Place
    epoch: int  # from 1; 0 when only the step is known

    def __str__(self) -> str:
        where = f"step {self.step}" if self.step else "the start"
        if self.place == "epoch":
            return f"epoch {self.epoch} (steps {self.after + 1} to {self.step}): {WORDS[self.place]}"
        if self.place == "end":
            return f"step {self.step}: {WORDS[self.place]}"
        if 0 <= self.after < self.step - 1:
            where = f"steps {self.after + 1} to {self.step}"
        return f"{where}: {WORDS[self.place]}"


@dataclass(frozen=True)
class Way:
    """The trail of a training, step by step."""

    states: dict[int, TrailEntry]  # by step
    prints: dict[int, tuple[str, str, str]]  # by step from 1: audio, loss, gradient
    epochs: Sequence[Epoch]
    steps: int  # that it tells of

    @classmethod
    def of(cls, record: Record) -> "Way":
        prints: dict[int, tuple[str, str, str]] = {}
        before = 0
        for entry in record.trail:
            for number, found in enumerate(_each_step(entry), before + 1):
                prints[number] = found
            before = entry.step
        steps = before if record.trail else sum(epoch.steps for epoch in record.epochs)
        return cls({entry.step: entry for entry in record.trail}, prints, record.epochs, steps)


def _each_step(entry: TrailEntry) -> Iterator[tuple[str, str, str]]:
    for start in range(0, len(entry.heard), DIGITS):
        part = slice(start, start + DIGITS)
        yield entry.heard[part], entry.loss[part], entry.gradient[part]


def steps_in_common(first: Way, second: Way, start: int = 0) -> int:
    """Steps after `start` of which both tell; without trails those of whole epochs."""
    if first.states and second.states:
        return max(0, min(first.steps, second.steps) - start)
    return sum(
        min(ours.steps, theirs.steps) for ours, theirs in zip(first.epochs, second.epochs, strict=False)
    )


def first_difference(first: Way, second: Way, start: int = 0) -> FirstDifference | None:
    """The first one at or after step `start`, of what both have; None when all of it is the same.

    Records of format 1 have no trail: then epochs are compared.
    """
    if first.states and second.states:
        return _by_steps(first, second, start)
    return _by_epochs(first.epochs, second.epochs)


def _by_steps(first: Way, second: Way, start: int) -> FirstDifference | None:
    last = min(first.steps, second.steps)
    same = -1  # the last state that is known to be equal
    for step in range(start, last + 1):
        if step > start:
            place = _differing_print(first.prints[step], second.prints[step])
            if place:
                return FirstDifference(step, step - 1, place, 0)
        if step in first.states and step in second.states:
            ours, theirs = first.states[step], second.states[step]
            if any(getattr(ours, key) != getattr(theirs, key) for key in _STATE):
                # It is digested now and then only: after `same`, any step can have been the first.
                return FirstDifference(step, same, _differing_state(ours, theirs), 0)
            same = step
    return None


def _differing_state(ours: TrailEntry, theirs: TrailEntry) -> Place:
    tensors = [key for key in _STATE if key != "cursor"]
    if all(getattr(ours, key) == getattr(theirs, key) for key in tensors):
        return "cursor"
    return "update" if ours.step else "start"


def _differing_print(ours: Sequence[str], theirs: Sequence[str]) -> Place | None:
    places: tuple[Place, ...] = ("audio", "loss", "gradient")
    return next((place for place, a, b in zip(places, ours, theirs, strict=True) if a != b), None)


def _by_epochs(first: Sequence[Epoch], second: Sequence[Epoch]) -> FirstDifference | None:
    done = 0
    for ours, theirs in zip(first, second, strict=False):
        if _of_epoch(ours) != _of_epoch(theirs):
            return FirstDifference(done + ours.steps, done, "epoch", ours.epoch)
        done += ours.steps
    return None


def _of_epoch(epoch: Epoch) -> dict[str, object]:
    """All but the time that it took; intervals are drawn anew from what is compared already."""
    return epoch.model_dump(exclude={"seconds": True, "warnings": True, "dev": {"wer_interval_95"}})
