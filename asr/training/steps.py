"""Taking a training's steps: gradient, clipping, update, average of the weights."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from asr.batching import Step
from asr.recipe import Recipe
from asr.training.checkpoint import Learner
from asr.training.examples import Example
from asr.training.gradients import clip, squared_norms
from asr.training.heard import Heard
from asr.training.ranks import Ranks
from asr.training.step import StepComputer


@dataclass(frozen=True)
class StepDone:
    """What a step leaves for the records of the training."""

    heard: list[Heard]  # of its micro-batches, in the order of the plan
    squares: list[float]  # of each parameter's gradient, summed, before clipping
    clipped: bool


@dataclass(frozen=True)
class Turn:
    """A step's place in the training."""

    epoch: int
    step: int  # of the epoch
    count: int  # of the training, from 1
    rate: float  # of learning


class Steps(Protocol):
    """Takes steps of an epoch, one after the other. What they leave is read after each, or after several."""

    def begin(self, pool: ThreadPoolExecutor, steps: Sequence[Step], turn: Turn) -> None:
        """Of an epoch, beginning with the step of that turn."""

    def take(self, turn: Turn, asked_to_stop: bool) -> bool:
        """Takes a step; true if what is done should be read now."""

    def read(self) -> tuple[list[StepDone], bool]:
        """The steps since the last reading, and whether one of the ranks was asked to stop.

        Before anything of the learner is kept or shown, its steps must have been read: that finds what went wrong.

        Raises:
            TrainingError: names the step and the utterances; at other ranks, the rank that has failed.
        """

    def end(self) -> None:
        """Nothing more is taken of this epoch."""


class CpuSteps:
    """Steps on the CPU: each is done, and may be read, when the next one begins."""

    def __init__(self, learner: Learner, examples: Sequence[Example], recipe: Recipe, ranks: Ranks) -> None:
        self.learner, self.largest_norm = learner, recipe.train.clip
        self.computer = StepComputer(learner.model, examples, recipe, ranks)
        self._done: list[StepDone] = []
        self._stop = False

    def begin(self, pool: ThreadPoolExecutor, steps: Sequence[Step], turn: Turn) -> None:  # noqa: ARG002
        self._pool, self._steps = pool, steps

    def take(self, turn: Turn, asked_to_stop: bool) -> bool:
        following = self._steps[turn.step + 1] if turn.step + 1 < len(self._steps) else ()
        step = self._steps[turn.step]
        done = self.computer.compute(self._pool, step, turn.epoch, turn.step, asked_to_stop, following)
        squares = squared_norms(done.gradients)
        clipped = clip(done.gradients, squares, self.largest_norm) > self.largest_norm
        update(self.learner, done.gradients, turn)
        self._done.append(StepDone(done.heard, squares, clipped))
        self._stop = done.stop
        return True

    def read(self) -> tuple[list[StepDone], bool]:
        done, self._done = self._done, []
        return done, self._stop

    def end(self) -> None: ...


def update(learner: Learner, gradients: Sequence[Tensor], turn: Turn) -> None:
    """Moves the weights by gradients that lie on their device, and the average after them."""
    for parameter, gradient in zip(learner.model.parameters(), gradients, strict=True):
        parameter.grad = gradient
    for group in learner.optimiser.param_groups:
        group["lr"] = turn.rate * group["share"]
    learner.optimiser.step()
    learner.average.update(learner.model, turn.count)
