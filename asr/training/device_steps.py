"""Steps on a device: the host says what is to be computed, far ahead of the device, and looks at results now and then.

Threads load and augment audio ahead (speed and noise on the CPU, so that a training hears the same samples on every
device, and its trail says so); pinned memory is copied on a stream of its own; features, masks, network, CTC, the exact
sum, clipping, AdamW and the average are computed on the device. Nothing within a step waits for it. Every few steps
losses, norms and flags are read together, with one wait. Until then a training may have gone on from a gradient that
was not finite: nothing is kept of it, since everything that is kept is read first.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from asr.batching import Batch, MicroBatch, Step
from asr.errors import AsrError, TrainingError
from asr.manifest import Utterance
from asr.model.masking import Masks
from asr.randomness import Draws
from asr.recipe import Recipe
from asr.training.checkpoint import Learner
from asr.training.device_sum import DeviceSum
from asr.training.examples import Example
from asr.training.gradients import too_large
from asr.training.heard import Heard, exchange, total
from asr.training.memory import naming_the_batch
from asr.training.micro_batch import (
    besides_of,
    check_finite,
    differentiate,
    load,
    losses_of,
    views_of,
    windows_of,
)
from asr.training.prefetch import Prefetch
from asr.training.ranks import Ranks
from asr.training.step import Place
from asr.training.steps import StepDone, Turn, update
from asr.training.trail import heard_in, of_numbers
from asr.training.transfer import Transfer

READ_EVERY = 10  # steps: a wait for the device costs little then, and an error is told soon


@dataclass(frozen=True)
class Known:
    """What is known of a micro-batch before it is computed."""

    place: Place
    utterances: list[Utterance]
    draws: Draws
    heard: Heard  # without its losses


@dataclass(frozen=True)
class Loaded:
    """A micro-batch in pinned memory."""

    known: Known
    samples: list[int]
    batch: Batch
    masks: Masks


@dataclass(frozen=True)
class Unread:
    """A step whose figures are still on the device."""

    notes: list[Heard]  # of all its micro-batches
    mine: list[Known]
    figures: list[Tensor]  # of mine: losses, what is besides them, a flag; then squares, and whether clipped


@dataclass
class DeviceSteps:
    """Takes the steps of a training on the device of its model; on the CPU as well, for tests."""

    learner: Learner
    examples: Sequence[Example]
    recipe: Recipe
    ranks: Ranks
    ahead: int  # micro-batches that are loaded, or being loaded, while others are computed
    _unread: list[Unread] = field(default_factory=list)
    _failure: AsrError | None = None  # to be told when all ranks read
    _asked: bool = False

    def __post_init__(self) -> None:
        model = self.learner.model
        self.sum = DeviceSum(model.parameters(), self.recipe.numerics.determinism == "strict")
        self.transfer = Transfer(self.sum.flat.device)

    def begin(self, pool: ThreadPoolExecutor, steps: Sequence[Step], turn: Turn) -> None:
        self._steps, self._loading = steps, Prefetch(pool, self._calls(steps, turn), self.ahead)

    def end(self) -> None:
        self._loading.close()

    def _calls(self, steps: Sequence[Step], turn: Turn) -> Iterator[Callable[[], Loaded]]:
        """This rank's micro-batches from a step on, put together when they are to be loaded."""
        for number in range(turn.step, len(steps)):
            step = steps[number]
            tokens = sum(len(self.examples[row].target) for rows in step for row in rows)
            for index in filter(self.ranks.computes, range(len(step))):
                place = Place(turn.epoch, number, index, len(step), tokens)
                yield partial(self._load, step[index], place)

    def _load(self, rows: MicroBatch, place: Place) -> Loaded:
        """Runs on a worker."""
        utterances = [self.examples[row].utterance for row in rows]
        what = place.with_ids([utterance.id for utterance in utterances])
        with naming_the_batch(utterances, what, self.recipe.train):
            batch = load(self.examples, rows, self.recipe, place.epoch)
            return self._pinned(batch, utterances, place)

    def _pinned(self, batch: Batch, utterances: list[Utterance], place: Place) -> Loaded:
        recipe, pin = self.recipe, self.transfer.pin
        draws = Draws(recipe.seed, place.epoch, place.step, place.index, batch.ids)
        samples: list[int] = batch.waveform_lengths.tolist()
        masks = self.learner.model.draw_masks(samples, recipe.spec_augment, draws, views_of(recipe))
        heard = Heard(
            tokens=int(batch.target_lengths.sum()),
            seconds=sum(samples) / recipe.front_end.sample_rate,
            input_print=heard_in(batch),
        )
        pinned = Batch(
            ids=batch.ids,
            waveforms=pin(batch.waveforms),
            waveform_lengths=pin(batch.waveform_lengths),
            targets=pin(batch.targets),
            target_lengths=pin(batch.target_lengths),
        )
        masks = Masks(pin(masks.bands), pin(masks.frames))
        return Loaded(Known(place, utterances, draws, heard), samples, pinned, masks)

    def take(self, turn: Turn, asked_to_stop: bool) -> bool:
        step = self._steps[turn.step]
        unread = Unread([Heard() for _ in step], [], [])
        self.sum.clear()
        for _ in filter(self.ranks.computes, range(len(step))):
            try:
                if self._failure is None:
                    self._micro_batch(unread)
            except AsrError as error:  # a rank that stopped at once would leave the others waiting for it
                self._failure = error
        self.ranks.add(self.sum.flat)
        # Memory can end here, too: the first time, the optimiser takes its own.
        with self._naming(unread.mine[-1]) if unread.mine else nullcontext():
            done = self.sum.clip(self.recipe.train.clip)
            update(self.learner, done.gradients, turn)
        unread.figures.extend([done.squares, done.clipped[None]])
        self._unread.append(unread)
        self._asked |= asked_to_stop
        alone = self.ranks.size == 1
        return len(self._unread) == READ_EVERY or (alone and (self._asked or self._failure is not None))

    def _micro_batch(self, unread: Unread) -> None:
        """Has the next micro-batch computed, without waiting for it."""
        loaded = next(self._loading)
        known, model = loaded.known, self.learner.model
        with self._naming(known):
            batch, masks = self._send(loaded)
            losses = losses_of(
                model, batch, masks, loaded.samples, known.draws, None, windows_of(self.recipe)
            )
            parts = differentiate(losses, model, self.recipe, known.place.tokens)
            good = self.sum.add(parts, known.place.of)
        unread.figures.extend(
            [losses.each.detach(), *(found.detach() for found in losses.besides), good[None]]
        )
        unread.mine.append(known)
        unread.notes[known.place.index] = known.heard

    def _naming(self, known: Known) -> AbstractContextManager[None]:
        what = known.place.with_ids(known.draws.ids)
        return naming_the_batch(known.utterances, what, self.recipe.train)

    def _send(self, loaded: Loaded) -> tuple[Batch, Masks]:
        batch, masks = loaded.batch, loaded.masks
        lengths = (batch.waveform_lengths, batch.target_lengths)
        sent = self.transfer.send([batch.waveforms, batch.targets, *lengths, masks.bands, masks.frames])
        waveforms, targets, waveform_lengths, target_lengths, bands, frames = sent
        return Batch(batch.ids, waveforms, waveform_lengths, targets, target_lengths), Masks(bands, frames)

    def read(self) -> tuple[list[StepDone], bool]:
        unread, self._unread = self._unread, []
        figures = torch.cat([figure for step in unread for figure in step.figures])  # float64, as squares are
        numbers = iter(figures.tolist())  # here is the one wait
        failure, self._failure = self._failure, None
        norms = []
        for step in unread:
            try:
                self._complete(step, numbers)
            except AsrError as error:  # came before anything that has failed since
                failure = error
                break
            squares = [next(numbers) for _ in self.learner.model.parameters()]
            norms.append((squares, next(numbers) > 0))
        notes = [note for step in unread for note in step.notes]
        heard, stop = exchange(self.ranks, notes, self._asked, failure)
        parts = iter(heard)
        return [
            StepDone([next(parts) for _ in step.notes], squares, clipped)
            for step, (squares, clipped) in zip(unread, norms, strict=True)
        ], stop

    def _complete(self, step: Unread, numbers: Iterator[float]) -> None:
        """Puts the losses into a step's notes; raises TrainingError if they are not finite, or the gradients not."""
        for known in step.mine:
            losses = [next(numbers) for _ in known.draws.ids]
            check_finite(losses, known.draws)
            for _ in range(besides_of(self.recipe)):
                check_finite([next(numbers) for _ in known.draws.ids], known.draws)
            place, heard = known.place, known.heard
            if not next(numbers):
                raise TrainingError(too_large(place.with_ids(known.draws.ids), self.sum.largest(place.of)))
            step.notes[place.index] = replace(heard, loss=total(losses), loss_print=of_numbers(losses))
