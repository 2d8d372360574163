"""The training loop: plan, micro-batches on workers, exact sum, step, average, evaluate, checkpoint."""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from asr.augment import speed_of
from asr.batching import MicroBatch, Step, plan_epoch
from asr.files import write_text
from asr.model.acoustic import AcousticModel
from asr.model.tensors import write_tensors
from asr.randomness import Draws
from asr.recipe import Recipe
from asr.scoring import Score
from asr.training.checkpoint import Learner, load_checkpoint, save_checkpoint
from asr.training.gradients import ExactSum, LayerNorms, clip, name_troubled
from asr.training.micro_batch import Example, gradients, load
from asr.training.optimiser import WeightAverage, learning_rate, new_optimiser


class Interrupted(Exception):  # noqa: N818  # nothing went wrong
    """Training was asked to stop, and its checkpoint is written in `folder`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder}: interrupted")
        self.folder = folder


@dataclass(frozen=True)
class StepReport:
    """For a progress bar."""

    epoch: int  # from 0
    step: int  # of this epoch, from 1
    steps: int  # in this epoch
    loss: float  # nats a token, mean of this epoch so far
    audio_seconds: float  # heard in this step


@dataclass(frozen=True)
class EpochReport:
    """One line of metrics.jsonl."""

    epoch: int  # from 1, as people count
    steps: int
    learning_rate: float
    train_loss: float  # nats a token
    clipped: float  # share of the steps whose gradient was clipped
    gradient_norms: dict[str, float]  # root mean square of each layer
    dev: dict[str, Any]  # Score.to_json() of the averaged weights
    best: bool
    seconds: float
    warnings: list[str]


class Watcher:
    """Is told what happens; does nothing by itself."""

    def on_step(self, report: StepReport) -> None: ...

    def on_epoch(self, report: EpochReport) -> None: ...


@dataclass
class Cursor:
    """Where the training stands; plain JSON values."""

    epoch: int = 0  # from 0: the epoch under way
    step: int = 0  # steps of it that are done
    total_steps: int = 0
    loss: float = 0.0  # sums over this epoch
    tokens: int = 0
    clipped: int = 0
    squares: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    best_epoch: int = -1
    best_errors: list[int] = field(default_factory=list)
    epochs: list[dict[str, Any]] = field(default_factory=list)

    def next_epoch(self) -> None:
        self.epoch, self.step = self.epoch + 1, 0
        self.loss, self.tokens, self.clipped, self.squares, self.seconds = 0.0, 0, 0, {}, 0.0


class Trainer:
    """Trains one model; `train()` goes on from the folder's checkpoint if there is one.

    Args:
        evaluate: scores a model on the development data.
        settings: digest of all that the result depends on; a checkpoint of others is refused.
        workers: threads that compute micro-batches on the CPU. Their number does not change the result.
        should_stop: asked after every step; when true, a checkpoint is written and Interrupted raised.
    """

    def __init__(
        self,
        model: AcousticModel,
        examples: Sequence[Example],
        recipe: Recipe,
        folder: Path,
        *,
        evaluate: Callable[[AcousticModel], Score],
        settings: str,
        workers: int = 1,
        watcher: Watcher | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.recipe, self.examples, self.folder, self.settings = recipe, examples, folder, settings
        self.evaluate, self.should_stop = evaluate, should_stop
        self.watcher = watcher or Watcher()
        device = next(model.parameters()).device
        self.learner = Learner(
            model, new_optimiser(model, recipe.train, device), WeightAverage(model, recipe.train.averaging)
        )
        self.sum = ExactSum(model.parameters())
        self.names = [name for name, _ in model.named_parameters()]
        self.workers = workers if device.type == "cpu" else 1
        self.cursor = Cursor()

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.safetensors"

    @property
    def metrics(self) -> Path:
        """An epoch a line."""
        return self.folder / "metrics.jsonl"

    @property
    def best(self) -> Path:
        """Averaged weights of the epoch with the best development result."""
        return self.folder / "best.safetensors"

    def train(self) -> Cursor:
        """Raises Interrupted, or TrainingError with the step and the utterances."""
        if self.checkpoint.exists():
            self.cursor = Cursor(**load_checkpoint(self.checkpoint, self.learner, self.settings))
            self._write_metrics()
        self.learner.model.train()
        # Also in this thread: sums over large tensors come out otherwise with more threads.
        torch.set_num_threads(1)
        with ThreadPoolExecutor(self.workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            while not self._finished():
                self._run_epoch(pool)
        return self.cursor

    def _finished(self) -> bool:
        cursor, settings = self.cursor, self.recipe.train
        impatient = settings.patience and cursor.epoch - cursor.best_epoch > settings.patience
        return cursor.epoch >= settings.epochs or bool(impatient and cursor.best_epoch >= 0)

    def _run_epoch(self, pool: ThreadPoolExecutor) -> None:
        cursor = self.cursor
        steps = self._plan(cursor.epoch)
        norms = LayerNorms(self.names, cursor.squares, cursor.step)
        saved = started = time.monotonic()
        before = cursor.seconds
        # Asked during an evaluation: everything was saved after it.
        if self.should_stop() and self.checkpoint.exists():
            raise Interrupted(self.folder)
        while cursor.step < len(steps):
            self._run_step(pool, steps, norms)
            now = time.monotonic()
            cursor.seconds = before + now - started
            if self.should_stop() or now - saved > self.recipe.train.checkpoint_seconds:
                self._save()
                saved = now
                if self.should_stop():
                    raise Interrupted(self.folder)
        self._end_epoch(len(steps), norms)

    def _plan(self, epoch: int) -> list[Step]:
        recipe, settings = self.recipe, self.recipe.train
        seconds = [
            example.utterance.duration / speed_of(recipe.augment, recipe.seed, epoch, example.utterance.id)
            for example in self.examples
        ]
        return plan_epoch(
            seconds,
            utterances=settings.utterances,
            padded_seconds=settings.seconds,
            micro_batches=settings.micro_batches,
            seed=recipe.seed,
            epoch=epoch,
        )

    def _run_step(self, pool: ThreadPoolExecutor, steps: list[Step], norms: LayerNorms) -> None:
        cursor, settings = self.cursor, self.recipe.train
        step = steps[cursor.step]
        in_step = sum(len(self.examples[row].target) for rows in step for row in rows)
        self.sum.clear()
        jobs = [
            pool.submit(self._add_micro_batch, rows, index, len(step), in_step)
            for index, rows in enumerate(step)
        ]
        results = [job.result() for job in jobs]  # in the order of the plan, so that sums of floats are fixed
        gradients = self.sum.gradients()
        norms.add(gradients)
        cursor.clipped += clip(gradients, settings.clip) > settings.clip
        rate = learning_rate(settings, (cursor.epoch + cursor.step / len(steps)) / settings.epochs)
        self._update(gradients, rate)
        for loss, tokens, _ in results:
            cursor.loss += loss
            cursor.tokens += tokens
        cursor.step += 1
        cursor.squares = norms.squares
        heard = sum(seconds for _, _, seconds in results)
        mean = cursor.loss / cursor.tokens
        self.watcher.on_step(StepReport(cursor.epoch, cursor.step, len(steps), mean, heard))

    def _add_micro_batch(
        self, rows: MicroBatch, index: int, parts: int, tokens_in_step: int
    ) -> tuple[float, int, float]:
        """Runs on a worker. Returns the summed loss, the tokens and the seconds of audio."""
        cursor, recipe = self.cursor, self.recipe
        batch = load(self.examples, rows, recipe, cursor.epoch)
        draws = Draws(recipe.seed, cursor.epoch, cursor.step, index, batch.ids)
        losses, parts_of_gradient = gradients(self.learner.model, batch, draws, recipe, tokens_in_step)
        what = f"epoch {cursor.epoch}, step {cursor.step}, utterances {', '.join(batch.ids)}"
        self.sum.add(parts_of_gradient, parts, what)
        heard = int(batch.waveform_lengths.sum()) / recipe.front_end.sample_rate
        return float(losses.double().sum()), int(batch.target_lengths.sum()), heard

    def _update(self, gradients: Sequence[torch.Tensor], rate: float) -> None:
        model, optimiser = self.learner.model, self.learner.optimiser
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            parameter.grad = gradient.to(parameter.device)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
        self.cursor.total_steps += 1
        self.learner.average.update(model, self.cursor.total_steps)

    def _end_epoch(self, steps: int, norms: LayerNorms) -> None:
        cursor = self.cursor
        started = time.monotonic()
        score = self.evaluate(self.learner.average.model)
        errors = [score.words.errors, score.characters.errors]
        best = cursor.best_epoch < 0 or errors < cursor.best_errors
        if best:
            cursor.best_epoch, cursor.best_errors = cursor.epoch, errors
            weights = dict(self.learner.average.model.named_parameters())
            write_tensors(self.best, weights, {"epoch": str(cursor.epoch)})
        means = norms.means()
        report = EpochReport(
            epoch=cursor.epoch + 1,
            steps=steps,
            learning_rate=learning_rate(self.recipe.train, (cursor.epoch + 1) / self.recipe.train.epochs),
            train_loss=cursor.loss / cursor.tokens,
            clipped=cursor.clipped / steps,
            gradient_norms=means,
            dev=score.to_json(),
            best=best,
            seconds=cursor.seconds + time.monotonic() - started,
            warnings=name_troubled(means),
        )
        cursor.epochs.append(asdict(report))
        cursor.next_epoch()
        self._write_metrics()
        self._save()
        self.watcher.on_epoch(report)

    def _write_metrics(self) -> None:
        """The whole file at once: a resumed run must not leave a line twice."""
        write_text(self.metrics, "".join(json.dumps(epoch) + "\n" for epoch in self.cursor.epochs))

    def _save(self) -> None:
        save_checkpoint(self.checkpoint, self.learner, asdict(self.cursor), self.settings)
