"""One step's gradient: its micro-batches on workers and ranks, joined by one sum."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from asr.batching import MicroBatch, Step
from asr.errors import AsrError, TrainingError
from asr.model.acoustic import AcousticModel
from asr.randomness import Draws
from asr.recipe import Recipe
from asr.training.gradients import ExactSum, FloatSum, GradientSum
from asr.training.micro_batch import Example, gradients, load
from asr.training.ranks import Ranks
from asr.training.trail import heard_in, of_numbers


@dataclass(frozen=True)
class Heard:
    """What a micro-batch leaves besides its gradient."""

    loss: float = 0.0  # nats, summed
    tokens: int = 0
    seconds: float = 0.0  # of audio
    input_print: int = 0  # fingerprints, see asr.training.trail
    loss_print: int = 0

    def as_integers(self) -> list[int]:
        """Floats by their bits: a sum of integers carries them to other ranks unchanged."""
        bits = np.array([self.loss, self.seconds]).view(np.int64).tolist()
        return [bits[0], self.tokens, bits[1], self.input_print, self.loss_print]

    @classmethod
    def from_integers(cls, numbers: Sequence[int]) -> "Heard":
        loss, seconds = np.array([numbers[0], numbers[2]], np.int64).view(np.float64).tolist()
        return cls(loss, numbers[1], seconds, numbers[3], numbers[4])


_INTEGERS = len(Heard().as_integers())


@dataclass(frozen=True)
class StepSum:
    """A step before its update."""

    gradients: list[Tensor]  # of the loss in nats a token, on the CPU
    heard: list[Heard]  # in the order of the plan
    stop: bool  # the lead was asked to stop


class StepComputer:
    """Computes the gradient of a step on the workers of this process, together with the other ranks.

    Args:
        pool: of the workers, each with one computing thread; without strict determinism of one, with many.
    """

    def __init__(
        self, model: AcousticModel, examples: Sequence[Example], recipe: Recipe, ranks: Ranks
    ) -> None:
        self.model, self.examples, self.recipe, self.ranks = model, examples, recipe, ranks
        strict = recipe.numerics.determinism == "strict"
        self.sum: GradientSum = (ExactSum if strict else FloatSum)(model.parameters())

    def compute(
        self, pool: ThreadPoolExecutor, step: Step, epoch: int, number: int, asked_to_stop: bool
    ) -> StepSum:
        """The sum over all micro-batches of a step.

        Raises:
            TrainingError: names the step and the utterances; at other ranks, the rank that has failed.
        """
        tokens = sum(len(self.examples[row].target) for rows in step for row in rows)
        self.sum.clear()
        mine = [index for index in range(len(step)) if self.ranks.computes(index)]
        jobs = {
            index: pool.submit(self._micro_batch, step[index], Place(epoch, number, index, len(step), tokens))
            for index in mine
        }
        notes = [Heard() for _ in step]
        failure: AsrError | None = None
        for index, job in jobs.items():
            try:
                notes[index] = job.result()
            except AsrError as error:  # told to the others before it is raised: they would wait for this rank
                failure = failure or error
        heard, stop = self._exchange(notes, asked_to_stop, failure)
        return StepSum(self.sum.gradients(), heard, stop)

    def _exchange(
        self, notes: list[Heard], asked_to_stop: bool, failure: AsrError | None
    ) -> tuple[list[Heard], bool]:
        """Joins sums and notes over the ranks; a rank that failed takes part, and then all stop."""
        failures = [0] * self.ranks.size
        failures[self.ranks.rank] = int(failure is not None)
        numbers = [number for note in notes for number in note.as_integers()]
        message = torch.tensor([*failures, int(asked_to_stop and self.ranks.leads), *numbers])
        self.ranks.add(message)
        if failure:
            raise failure
        failures, (stop, *numbers) = message[: self.ranks.size].tolist(), message[self.ranks.size :].tolist()
        if any(failures):
            raise TrainingError(f"rank {failures.index(1)} of {self.ranks.size} has failed; it says why")
        self.ranks.add(self.sum.flat)
        heard = [
            Heard.from_integers(numbers[start : start + _INTEGERS])
            for start in range(0, len(numbers), _INTEGERS)
        ]
        return heard, stop > 0

    def _micro_batch(self, rows: MicroBatch, place: "Place") -> Heard:
        """Runs on a worker."""
        batch = load(self.examples, rows, self.recipe, place.epoch)
        draws = Draws(self.recipe.seed, place.epoch, place.step, place.index, batch.ids)
        losses, parts = gradients(self.model, batch, draws, self.recipe, place.tokens)
        what = f"epoch {place.epoch}, step {place.step}, utterances {', '.join(batch.ids)}"
        self.sum.add(parts, place.of, what)
        return Heard(
            loss=float(losses.double().sum()),
            tokens=int(batch.target_lengths.sum()),
            seconds=int(batch.waveform_lengths.sum()) / self.recipe.front_end.sample_rate,
            input_print=heard_in(batch),
            loss_print=of_numbers(losses.tolist()),
        )


@dataclass(frozen=True)
class Place:
    """Where a micro-batch stands."""

    epoch: int
    step: int  # of the epoch
    index: int  # in the step
    of: int  # micro-batches in the step
    tokens: int  # in the step
