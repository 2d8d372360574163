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
from asr.model.loss import ctc_loss
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
    """CTC losses of a micro-batch."""

    each: Tensor  # (B,) nats
    middle: Tensor | None  # (B,) of the middle layer, where the recipe has such a loss

    def total(self, middle_share: float) -> Tensor:
        """Their sum, in which the middle layer has its share."""
        total = self.each.sum()
        if self.middle is None:
            return total
        return (1 - middle_share) * total + middle_share * self.middle.sum()


def losses_of(
    model: AcousticModel, batch: Batch, masks: Masks, samples: Sequence[int], draws: Draws
) -> Losses:
    """What the model makes of a batch, both on one device.

    Args:
        samples: the waveforms' lengths as numbers.
    """
    device = batch.waveforms.device
    with autocast(device):
        heard = model(batch.waveforms, batch.waveform_lengths, draws, masks, samples)
    each = ctc_loss(heard.log_probs, heard.lengths, batch.targets, batch.target_lengths)
    if heard.intermediate is None:
        return Losses(each, None)
    middle = ctc_loss(heard.intermediate, heard.lengths, batch.targets, batch.target_lengths)
    return Losses(each, middle)


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """bf16 where it is safe and the device has it."""
    if not bfloat16(device):
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def differentiate(
    losses: Losses, model: AcousticModel, recipe: Recipe, tokens_in_step: int
) -> tuple[Tensor, ...]:
    """The gradient of the losses' sum over `tokens_in_step` for each parameter."""
    total = losses.total(recipe.model.intermediate_loss)
    # grad, not backward: every worker gets gradients of its own instead of adding into shared ones.
    return torch.autograd.grad(total / tokens_in_step, list(model.parameters()))


def gradients(
    model: AcousticModel, batch: Batch, draws: Draws, recipe: Recipe, tokens_in_step: int
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Losses (B,) in nats, and their gradient for each parameter; on the CPU.

    Raises:
        TrainingError: the loss is not finite; names the step and the utterances.
    """
    samples = batch.waveform_lengths.tolist()
    masks = model.draw_masks(samples, recipe.spec_augment, draws)
    losses = losses_of(model, batch, masks, samples, draws)
    for found in (losses.each, losses.middle):
        if found is not None:
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
