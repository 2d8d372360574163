"""One micro-batch: its audio, its loss, its gradients. Computed by one thread, whoever else computes others."""

from collections.abc import Sequence
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


def gradients(
    model: AcousticModel, batch: Batch, draws: Draws, recipe: Recipe, tokens_in_step: int
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Losses (B,) in nats, and the gradient of their sum over `tokens_in_step` for each parameter.

    Raises:
        TrainingError: the loss is not finite; names the step and the utterances.
    """
    device = next(model.parameters()).device
    waveforms = batch.waveforms.to(device, non_blocking=True)
    lengths = batch.waveform_lengths.to(device, non_blocking=True)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16(device)):
        heard = model(waveforms, lengths, draws, recipe.spec_augment)
    losses = ctc_loss(heard.log_probs, heard.lengths, batch.targets, batch.target_lengths)
    _check_finite(losses, batch, draws)
    total = losses.sum()
    if heard.intermediate is not None:
        share = recipe.model.intermediate_loss
        middle = ctc_loss(heard.intermediate, heard.lengths, batch.targets, batch.target_lengths)
        _check_finite(middle, batch, draws)
        total = (1 - share) * total + share * middle.sum()
    # grad, not backward: every worker gets gradients of its own instead of adding into shared ones.
    return losses.detach(), torch.autograd.grad(total / tokens_in_step, list(model.parameters()))


def _check_finite(losses: Tensor, batch: Batch, draws: Draws) -> None:
    bad = (~torch.isfinite(losses)).nonzero().flatten().tolist()
    if bad:
        names = ", ".join(batch.ids[row] for row in bad)
        raise TrainingError(
            f"epoch {draws.epoch}, step {draws.step}: loss is {losses[bad[0]].item()} on {names}; remove these "
            "utterances, or lower train.learning_rate if it happens all over"
        )
