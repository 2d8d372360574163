"""One micro-batch: its audio, its loss, its gradients. Computed by one thread, whoever else computes others."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from asr.audio import read_audio
from asr.augment import add_noise, change_speed, speed_of
from asr.batching import Batch, MicroBatch, collate
from asr.errors import TrainingError
from asr.manifest import Utterance
from asr.model.acoustic import AcousticModel
from asr.model.loss import ctc_loss, disagreement
from asr.model.masking import Masks
from asr.numerics import bfloat16
from asr.randomness import Draws
from asr.recipe import Recipe


@dataclass(frozen=True)
class Example:
    """An utterance and its target tokens."""

    utterance: Utterance
    target: tuple[int, ...]


def load(examples: Sequence[Example], rows: MicroBatch, recipe: Recipe, epoch: int) -> Batch:
    """Reads and augments the audio of some rows."""
    chosen = [examples[row] for row in rows]
    return collate(
        [example.utterance.id for example in chosen],
        [_waveform(example.utterance, recipe, epoch) for example in chosen],
        [example.target for example in chosen],
    )


def _waveform(utterance: Utterance, recipe: Recipe, epoch: int) -> np.ndarray:
    rate = recipe.front_end.sample_rate
    audio = read_audio(
        utterance.audio_filepath, offset=utterance.offset, duration=utterance.duration, sample_rate=rate
    )
    speed = speed_of(recipe.augment, recipe.seed, epoch, utterance.id)
    samples = change_speed(audio.samples, rate, speed)
    return add_noise(samples, recipe.augment, recipe.seed, epoch, utterance.id)


@dataclass(frozen=True)
class Losses:
    """What a micro-batch has to learn from, utterance by utterance."""

    each: Tensor  # (B,) nats of CTC; the mean over the views, where there are two
    middle: Tensor | None  # (B,) likewise of the middle layer, where the recipe has such a loss
    disagreement: Tensor | None = None  # (B,) nats between two views, where the recipe has them

    @property
    def besides(self) -> list[Tensor]:
        """What there is besides the losses, each (B,): as many as `besides_of` says."""
        return [found for found in (self.middle, self.disagreement) if found is not None]

    def total(self, recipe: Recipe) -> Tensor:
        """Their sum, each with its weight."""
        total = self.each.sum()
        if self.middle is not None:
            share = recipe.model.intermediate_loss
            total = (1 - share) * total + share * self.middle.sum()
        if self.disagreement is not None:
            total = total + recipe.train.consistency * self.disagreement.sum()
        return total


def views_of(recipe: Recipe) -> int:
    """How often an utterance is heard in a micro-batch, each time with other parts hidden."""
    return 2 if recipe.train.consistency else 1


def besides_of(recipe: Recipe) -> int:
    """Number of figures of an utterance besides its loss."""
    return int(recipe.model.intermediate_loss > 0) + int(recipe.train.consistency > 0)


def losses_of(
    model: AcousticModel, batch: Batch, masks: Masks, samples: Sequence[int] | None, draws: Draws
) -> Losses:
    """What the model makes of a batch, both on one device.

    Args:
        masks: of all utterances for the first view, then, if there are two, of all for the second.
        samples: the waveforms' lengths as numbers; without them it waits for a device to tell.
    """
    views = masks.bands.shape[0] // len(batch.ids)

    def seen(tensor: Tensor) -> Tensor:
        """(views * B, ...), without a copy where there is one view."""
        return tensor if views == 1 else torch.cat([tensor] * views)

    waveforms, lengths = seen(batch.waveforms), seen(batch.waveform_lengths)
    with autocast(waveforms.device):
        heard = model(waveforms, lengths, draws, masks, samples and [*samples] * views)
    targets, target_lengths = seen(batch.targets), seen(batch.target_lengths)

    def ctc(log_probs: Tensor) -> Tensor:
        """(B,) the mean over the views."""
        each = ctc_loss(log_probs, heard.lengths, targets, target_lengths)
        return each if views == 1 else each.view(views, -1).mean(0)

    each = ctc(heard.log_probs)
    middle = None if heard.intermediate is None else ctc(heard.intermediate)
    if views == 1:
        return Losses(each, middle)
    one, other = heard.log_probs.chunk(2)
    return Losses(each, middle, disagreement(one, other, heard.lengths.chunk(2)[0]))


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """bf16 where it is safe and the device has it."""
    if not bfloat16(device):
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def differentiate(
    losses: Losses, model: AcousticModel, recipe: Recipe, tokens_in_step: int
) -> tuple[Tensor, ...]:
    """The gradient of the losses' sum over `tokens_in_step` for each parameter."""
    total = losses.total(recipe)
    # grad, not backward: every worker gets gradients of its own instead of adding into shared ones.
    parameters = list(model.parameters())
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    found = iter(torch.autograd.grad(total / tokens_in_step, learning))
    return tuple(next(found) if one.requires_grad else torch.zeros_like(one) for one in parameters)


def gradients(
    model: AcousticModel, batch: Batch, draws: Draws, recipe: Recipe, tokens_in_step: int
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Losses (B,) in nats, and their gradient for each parameter; on the CPU.

    Raises:
        TrainingError: the loss is not finite; names the step and the utterances.
    """
    samples = batch.waveform_lengths.tolist()
    masks = model.draw_masks(samples, recipe.spec_augment, draws, views_of(recipe))
    losses = losses_of(model, batch, masks, samples, draws)
    for found in (losses.each, *losses.besides):
        check_finite(found.tolist(), draws)
    return losses.each.detach(), differentiate(losses, model, recipe, tokens_in_step)


def check_finite(losses: Sequence[float], draws: Draws) -> None:
    """Raises TrainingError, which names the step and the utterances whose loss is not finite."""
    bad = [row for row, loss in enumerate(losses) if not math.isfinite(loss)]
    if bad:
        names = ", ".join(draws.ids[row] for row in bad)
        raise TrainingError(
            f"epoch {draws.epoch}, step {draws.step}: loss is {losses[bad[0]]} on {names}; remove these "
            "utterances, or lower train.learning_rate if it happens all over"
        )
