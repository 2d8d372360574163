"""The training loop: plan, gradient of a step, update, average, evaluate, checkpoint."""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import torch

from asr import numerics
from asr.errors import TrainingError
from asr.files import write_text
from asr.model.acoustic import AcousticModel
from asr.model.bundle import weights_digest
from asr.model.tensors import write_tensors
from asr.recipe import Recipe
from asr.scoring import Score
from asr.training.ahead import read_ahead
from asr.training.checkpoint import (
    Learner,
    keep_checkpoint,
    kept_epochs,
    load_checkpoint,
    save_checkpoint,
    share_learner,
)
from asr.training.cursor import Cursor
from asr.training.device_steps import DeviceSteps
from asr.training.examples import Example
from asr.training.gradients import LayerNorms, layer_of, name_troubled
from asr.training.initial import learning_shares
from asr.training.optimiser import WeightAverage, learning_rate, new_optimiser
from asr.training.plan import plan_training
from asr.training.ranks import Ranks
from asr.training.reports import EpochReport, Interrupted, StepReport, Watcher
from asr.training.stage import stage
from asr.training.steps import CpuSteps, StepDone, Steps, Turn
from asr.training.trail import add_entry, fingerprint, of_numbers, short


class Trainer:
    """Trains one model; `train()` goes on from the folder's checkpoint if there is one.

    Args:
        evaluate: scores a model on the development data; only the lead of several ranks is asked.
        settings: digest of all that the result depends on; a checkpoint of others is refused.
        workers: threads that compute micro-batches on the CPU, or load them for another device. Their number does not
            change the result, unless the recipe has determinism off: then one worker computes with so many threads.
        ranks: this process's place among several; only the lead writes files and tells the watcher.
        last_step: of the whole training, after which to stop as if asked to; 0 goes to the end.
        should_stop: asked in every step; true at any rank: a checkpoint is written after it and Interrupted raised.
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
        ranks: Ranks = Ranks(),  # noqa: B008  # frozen
        last_step: int = 0,
        watcher: Watcher | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.recipe, self.examples, self.folder, self.settings = recipe, examples, folder, settings
        self.evaluate, self.should_stop, self.last_step = evaluate, should_stop, last_step
        self.watcher = watcher or Watcher()
        self.ranks = ranks
        device = next(model.parameters()).device
        self.names = [name for name, _ in model.named_parameters()]
        shares = learning_shares(self.names, recipe)
        for parameter, share in zip(model.parameters(), shares, strict=True):
            parameter.requires_grad_(share > 0)
        self.learner = Learner(
            model,
            new_optimiser(model, recipe.train, device, shares),
            WeightAverage(model, recipe.train.averaging),
        )
        learning = (name for name, share in zip(self.names, shares, strict=True) if share)
        self.learning = {layer_of(name) for name in learning}  # layers, without those that are frozen
        self.device, self.workers = device, workers
        self.steps = self._steps()
        self.cursor = Cursor()

    def _steps(self) -> Steps:
        learner, recipe = self.learner, self.recipe
        if self.device.type == "cpu":
            return CpuSteps(learner, self.examples, recipe, self.ranks)
        ahead = self.workers + recipe.train.micro_batches
        return DeviceSteps(learner, self.examples, recipe, self.ranks, ahead)

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.safetensors"

    @property
    def metrics(self) -> Path:
        """An epoch a line."""
        return self.folder / "metrics.jsonl"

    @property
    def best(self) -> Path:
        """Averaged weights of the epoch with the best development result, or of the last one, as the recipe has it."""
        return self.folder / "best.safetensors"

    def train(self) -> Cursor:
        """Raises Interrupted, or TrainingError with the step and the utterances."""
        with stage(self.ranks, self.folder):
            if self.ranks.leads and self.checkpoint.exists():
                self.cursor = load_checkpoint(self.checkpoint, self.learner, self.settings)
                self._keep()
                self._write_metrics()
        self.cursor = share_learner(
            self.learner, self.cursor, self.ranks, taken_over=bool(self.recipe.init.source)
        )
        self._agree()
        self.learner.model.train()
        # For another device the workers only load audio.
        determinism = self.recipe.numerics.determinism if self.device.type == "cpu" else "strict"
        workers, threads = numerics.share_cores(determinism, self.workers)
        # Also in this thread: sums over large tensors come out otherwise with more threads.
        torch.set_num_threads(threads)
        numerics.warm_up()
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(threads,)) as pool:
            if not self.cursor.trail:  # where a training goes on leaves no mark
                add_entry(self.learner, self.cursor, pool)
            while not self._finished():
                self._run_epoch(pool)
        return self.cursor

    def _agree(self) -> None:
        """Raises TrainingError when the ranks do not stand at one place, with the same weights."""
        weights = weights_digest(dict(self.learner.model.named_parameters()))
        mine = fingerprint([repr(self.cursor.place()).encode(), weights.encode()])
        differ = torch.tensor([int(self.ranks.from_lead([mine]) != [mine])])
        self.ranks.add(differ)
        if differ.any():
            raise TrainingError(
                f"rank {self.ranks.rank}: the processes of this training do not begin with the same weights at one "
                "step; give the command again, or start over with --fresh"
            )

    def _finished(self) -> bool:
        cursor, settings = self.cursor, self.recipe.train
        impatient = settings.patience and cursor.epoch - cursor.best_epoch > settings.patience
        return cursor.epoch >= settings.epochs or bool(impatient and cursor.best_epoch >= 0)

    def _run_epoch(self, pool: ThreadPoolExecutor) -> None:
        cursor = self.cursor
        steps = read_ahead(plan_training(self.examples, self.recipe, cursor.epoch), self.examples)
        norms = LayerNorms(self.names, cursor.squares, cursor.step)
        # Asked during an evaluation: everything was saved after it.
        asked = torch.tensor([int(self.should_stop()), int(self.ranks.leads and self.checkpoint.exists())])
        self.ranks.add(asked)
        if self._is_over() or bool(asked.all()):
            raise Interrupted(self.folder)
        self.steps.begin(pool, steps, self._turn(len(steps)))
        try:
            self._run_steps(pool, len(steps), norms)
        finally:
            self.steps.end()
        self._end_epoch(len(steps), norms)

    def _run_steps(self, pool: ThreadPoolExecutor, steps: int, norms: LayerNorms) -> None:
        cursor = self.cursor
        saved = started = time.monotonic()
        before = cursor.seconds
        while cursor.step < steps:
            due = self._take_step(steps)
            noted = cursor.total_steps % self.recipe.train.digest_every == 0
            noted = noted or cursor.step == steps or self._is_over()
            if not (due or noted):
                continue
            stop = self._read(steps, norms)
            if noted:
                add_entry(self.learner, cursor, pool)
            now = time.monotonic()
            cursor.seconds = before + now - started
            if stop or self._is_over() or now - saved > self.recipe.train.checkpoint_seconds:
                self._save()
                saved = now
                if stop or (self._is_over() and cursor.step < steps):
                    raise Interrupted(self.folder)

    def _is_over(self) -> bool:
        return 0 < self.last_step <= self.cursor.total_steps

    def _turn(self, steps: int) -> Turn:
        """The step that comes next."""
        cursor, settings = self.cursor, self.recipe.train
        rate = learning_rate(settings, (cursor.epoch + cursor.step / steps) / settings.epochs)
        return Turn(cursor.epoch, cursor.step, cursor.total_steps + 1, rate)

    def _take_step(self, steps: int) -> bool:
        """Returns whether what was done should be read now."""
        due = self.steps.take(self._turn(steps), self.should_stop())
        self.cursor.step += 1
        self.cursor.total_steps += 1
        return due

    def _read(self, steps: int, norms: LayerNorms) -> bool:
        """Adds up what the steps have left; returns whether one of the ranks was asked to stop."""
        cursor = self.cursor
        done, stop = self.steps.read()
        for step in done:
            norms.add(step.squares)
            cursor.clipped += step.clipped
            self._note(step)
        cursor.squares = norms.squares
        heard = sum(note.seconds for step in done for note in step.heard)
        mean = cursor.loss / cursor.tokens
        errors = cursor.expected_errors
        self.watcher.on_step(StepReport(cursor.epoch, cursor.step, steps, mean, heard, len(done), errors))
        return stop

    def _note(self, done: StepDone) -> None:
        """In the order of the plan, so that sums of floats are fixed."""
        cursor = self.cursor
        for note in done.heard:
            cursor.loss += note.loss
            cursor.tokens += note.tokens
            cursor.errors += note.errors
            cursor.units += note.units
        cursor.heard += short(*(note.input_print for note in done.heard))
        cursor.losses += short(*(note.loss_print for note in done.heard))
        cursor.gradients += short(of_numbers(done.squares))

    def _end_epoch(self, steps: int, norms: LayerNorms) -> None:
        cursor = self.cursor
        started = time.monotonic()
        with stage(self.ranks, self.folder):
            score = self.evaluate(self.learner.average.model) if self.ranks.leads else None
        errors = self.ranks.from_lead([score.words.errors, score.characters.errors] if score else [0, 0])
        last = self.recipe.train.chosen_epoch == "last"
        best = last or cursor.best_epoch < 0 or errors < cursor.best_errors
        if best:
            cursor.best_epoch, cursor.best_errors = cursor.epoch, errors
        if score is None:
            cursor.next_epoch()
            return
        if best:
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
            warnings=name_troubled({layer: mean for layer, mean in means.items() if layer in self.learning}),
            expected_errors=cursor.expected_errors,
        )
        cursor.epochs.append(report.to_json())
        cursor.next_epoch()
        self._write_metrics()
        self._save()
        self._keep()
        self.watcher.on_epoch(report)

    def _write_metrics(self) -> None:
        """The whole file at once: a resumed run must not leave a line twice."""
        if self.ranks.leads:
            write_text(self.metrics, "".join(json.dumps(epoch) + "\n" for epoch in self.cursor.epochs))

    def _save(self) -> None:
        if self.ranks.leads:
            save_checkpoint(self.checkpoint, self.learner, asdict(self.cursor), self.settings)

    def _keep(self) -> None:
        """Keeps the checkpoint at the end of certain epochs; asked again when a training goes on from there."""
        train, cursor = self.recipe.train, self.cursor
        at_end = cursor.step == 0 and cursor.epoch in kept_epochs(train.epochs, train.keep_checkpoints)
        if at_end and self.ranks.leads:
            keep_checkpoint(self.checkpoint, cursor.total_steps)
