"""One step's gradient on the CPU: its micro-batches on workers and ranks, joined by one sum."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from torch import Tensor

from asr.batching import Batch, MicroBatch, Step
from asr.errors import AsrError
from asr.model.acoustic import AcousticModel
from asr.randomness import Draws
from asr.recipe import Recipe
from asr.training.examples import Example, Examples
from asr.training.gradients import ExactSum, FloatSum, GradientSum
from asr.training.heard import Heard, exchange
from asr.training.memory import naming_the_batch
from asr.training.micro_batch import gradients, load
from asr.training.ranks import Ranks
from asr.training.risk import Risk
from asr.training.trail import heard_in, of_numbers


@dataclass(frozen=True)
class StepSum:
    """A step before its update."""

    gradients: list[Tensor]  # of the loss in nats a token, on the CPU
    heard: list[Heard]  # in the order of the plan
    stop: bool  # one of the ranks was asked to stop


@dataclass(frozen=True)
class Place:
    """Where a micro-batch stands."""

    epoch: int
    step: int  # of the epoch
    index: int  # in the step
    of: int  # micro-batches in the step
    tokens: int  # in the step

    def with_ids(self, ids: Sequence[str]) -> str:
        """For errors."""
        return f"epoch {self.epoch}, step {self.step}, utterances {', '.join(ids)}"


class StepComputer:
    """Computes the gradient of a step on the workers of this process, together with the other ranks.

    Args:
        pool: of the workers, each with one computing thread; without strict determinism of one, with many.
    """

    def __init__(
        self, model: AcousticModel, examples: Sequence[Example], recipe: Recipe, ranks: Ranks
    ) -> None:
        self.model, self.examples, self.recipe, self.ranks = model, examples, recipe, ranks
        self.risk = _risk_of(recipe, examples)
        strict = recipe.numerics.determinism == "strict"
        self.sum: GradientSum = (ExactSum if strict else FloatSum)(model.parameters())
        self._loading: dict[tuple[int, MicroBatch], Future[Batch]] = {}  # for the step that follows

    def compute(
        self,
        pool: ThreadPoolExecutor,
        step: Step,
        epoch: int,
        number: int,
        asked_to_stop: bool,
        following: Step = (),
    ) -> StepSum:
        """The sum over all micro-batches of a step.

        Args:
            following: the next step of this epoch. Whoever has no more to do with this one loads its audio.

        Raises:
            TrainingError: names the step and the utterances; at other ranks, the rank that has failed.
        """
        tokens = sum(len(self.examples[row].target) for rows in step for row in rows)
        self.sum.clear()
        loaded, self._loading = self._loading, {}
        jobs = {}
        for index, rows in self._mine(step):
            place = Place(epoch, number, index, len(step), tokens)
            jobs[index] = pool.submit(self._micro_batch, rows, place, loaded.get((epoch, rows)))
        # Behind them in the queue: no micro-batch ever waits for audio that nobody has begun to load.
        for _, rows in self._mine(following):
            self._loading[epoch, rows] = pool.submit(load, self.examples, rows, self.recipe, epoch)
        notes = [Heard() for _ in step]
        failure: AsrError | None = None
        for index, job in jobs.items():
            try:
                notes[index] = job.result()
            except AsrError as error:  # told to the others before it is raised: they would wait for this rank
                failure = failure or error
        heard, stop = exchange(self.ranks, notes, asked_to_stop, failure)
        self.ranks.add(self.sum.flat)
        return StepSum(self.sum.gradients(), heard, stop)

    def _mine(self, step: Step) -> list[tuple[int, MicroBatch]]:
        return [(index, rows) for index, rows in enumerate(step) if self.ranks.computes(index)]

    def _micro_batch(self, rows: MicroBatch, place: Place, loaded: Future[Batch] | None) -> Heard:
        """Runs on a worker."""
        utterances = [self.examples[row].utterance for row in rows]
        what = place.with_ids([utterance.id for utterance in utterances])
        with naming_the_batch(utterances, what, self.recipe.train):
            batch = loaded.result() if loaded else load(self.examples, rows, self.recipe, place.epoch)
            draws = Draws(self.recipe.seed, place.epoch, place.step, place.index, batch.ids)
            losses, parts = gradients(self.model, batch, draws, self.recipe, place.tokens, self.risk)
            self.sum.add(parts, place.of, what)
        each, expected = losses.each.detach(), losses.expected
        figures = each.tolist() + (expected.each.tolist() if expected else [])
        return Heard(
            loss=float(each.double().sum()),
            tokens=int(batch.target_lengths.sum()),
            seconds=int(batch.waveform_lengths.sum()) / self.recipe.front_end.sample_rate,
            input_print=heard_in(batch),
            loss_print=of_numbers(figures),
            errors=float(expected.each.sum()) if expected else 0.0,
            units=expected.units if expected else 0,
        )


def _risk_of(recipe: Recipe, examples: Sequence[Example]) -> Risk | None:
    """Where the recipe learns from errors."""
    if recipe.risk.kind == "none":
        return None
    if not isinstance(examples, Examples):
        raise ValueError("errors are counted in what the tokenizer reads: give Examples, which have one")
    return Risk(recipe.risk, examples.tokenizer)
