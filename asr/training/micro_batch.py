"""One micro-batch: its audio, its loss, its gradients. Computed by one thread, whoever else computes others."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from asr.audio import read_audio
from asr.augment import add_noise, change_speed, joined_utterances, shift_edges, speed_of
from asr.batching import Batch, MicroBatch, collate
from asr.errors import TrainingError
from asr.model.acoustic import AcousticModel, Posteriors
from asr.model.attention_decoder import tokens_over
from asr.model.loss import ctc_losses, disagreement, frames_needed
from asr.model.masking import Masks
from asr.randomness import Draws
from asr.recipe import Recipe, samples_an_output
from asr.training.examples import Example, Examples
from asr.training.risk import Expected, Risk
from asr.training.windows import Windows, autocast, hear_in_windows


def load(examples: Sequence[Example], rows: MicroBatch, recipe: Recipe, epoch: int) -> Batch:
    """Reads and augments the audio of some rows."""
    chosen = [examples[row] for row in rows]
    ids = [example.utterance.id for example in chosen]
    waveforms = [_waveform(example, recipe, epoch) for example in chosen]
    targets = [example.target for example in chosen]
    groups = joined_utterances(recipe.augment, recipe.seed, epoch, ids)
    if groups is None:
        return collate(ids, waveforms, targets)
    if not isinstance(examples, Examples):
        raise ValueError("utterances are joined by their texts: give Examples, which have a tokenizer")
    joined = [np.concatenate([waveforms[place] for place in group]) for group in groups]
    read = [examples.joined([chosen[place].utterance for place in group]) for group in groups]
    # A token between two texts may be one too many where each alone has just as many outputs as it needs.
    if any(len(sound) < _least(target, recipe) for sound, target in zip(joined, read, strict=True)):
        return collate(ids, waveforms, targets)
    return collate([" + ".join(ids[place] for place in group) for group in groups], joined, read)


def _waveform(example: Example, recipe: Recipe, epoch: int) -> np.ndarray:
    utterance, rate = example.utterance, recipe.front_end.sample_rate
    audio = read_audio(
        utterance.audio_filepath, offset=utterance.offset, duration=utterance.duration, sample_rate=rate
    )
    speed = speed_of(recipe.augment, recipe.seed, epoch, utterance.id)
    samples = change_speed(audio.samples, rate, speed)
    least = _least(example.target, recipe)
    samples = shift_edges(samples, rate, recipe.augment, recipe.seed, epoch, utterance.id, least)
    return add_noise(samples, recipe.augment, recipe.seed, epoch, utterance.id)


def _least(target: Sequence[int], recipe: Recipe) -> int:
    """Samples that leave as many outputs as the tokens need."""
    return frames_needed(list(target)) * samples_an_output(recipe.front_end, recipe.model)


def windows_of(recipe: Recipe) -> Windows | None:
    """Those that a recipe wants; None: every utterance is heard as a whole."""
    train = recipe.train
    if not train.window_seconds:
        return None
    samples = samples_an_output(recipe.front_end, recipe.model)
    a_second = recipe.front_end.sample_rate / samples
    outputs = max(2, round(train.window_seconds * a_second))
    overlap = min(round(train.overlap_seconds * a_second), outputs - 1)
    return Windows(outputs, overlap, samples, recipe.front_end.hop_samples)


@dataclass(frozen=True)
class Losses:
    """What a micro-batch has to learn from, utterance by utterance."""

    each: Tensor  # (B,) nats of CTC; the mean over the views, where there are two
    middle: Tensor | None  # (B,) likewise of the middle layer, where the recipe has such a loss
    disagreement: Tensor | None = None  # (B,) nats between two views, where the recipe has them
    attention: Tensor | None = None  # (B,) nats of the attention decoder, likewise; the mean over the views
    expected: Expected | None = None  # errors, where it is learned from them

    @property
    def besides(self) -> list[Tensor]:
        """What there is besides the losses, each (B,): as many as `besides_of` says."""
        found = (self.middle, self.disagreement, self.attention)
        return [losses for losses in found if losses is not None]

    def total(self, recipe: Recipe) -> Tensor:
        """Their sum, each with its weight."""
        total = self.each.sum()
        if self.middle is not None:
            share = recipe.model.intermediate_loss
            total = (1 - share) * total + share * self.middle.sum()
        if self.attention is not None:
            share = recipe.model.attention_decoder.loss_share
            total = (1 - share) * total + share * self.attention.sum()
        if self.disagreement is not None:
            total = total + recipe.train.consistency * self.disagreement.sum()
        if recipe.risk.kind != "none":
            assert self.expected is not None  # other devices are refused
            total = self.expected.goal + recipe.risk.ctc_weight * total
        return total


def views_of(recipe: Recipe) -> int:
    """How often an utterance is heard in a micro-batch, each time with other parts hidden."""
    return 2 if recipe.train.consistency else 1


def besides_of(recipe: Recipe) -> int:
    """Number of figures of an utterance besides its loss."""
    found = (
        recipe.model.intermediate_loss > 0,
        recipe.train.consistency > 0,
        recipe.model.attention_decoder.layers > 0,
    )
    return sum(found)


def losses_of(
    model: AcousticModel,
    batch: Batch,
    masks: Masks,
    samples: Sequence[int] | None,
    draws: Draws,
    risk: Risk | None = None,
    windows: Windows | None = None,
) -> Losses:
    """What the model makes of a batch, both on one device.

    Args:
        masks: of all utterances for the first view, then, if there are two, of all for the second.
        samples: the waveforms' lengths as numbers; without them it waits for a device to tell.
        risk: what tells the errors that are expected, on the CPU.
        windows: how utterances are heard that are longer than one; None: as a whole.
    """
    views = masks.bands.shape[0] // len(batch.ids)

    def seen(tensor: Tensor) -> Tensor:
        """(views * B, ...), without a copy where there is one view."""
        return tensor if views == 1 else torch.cat([tensor] * views)

    waveforms, lengths = seen(batch.waveforms), seen(batch.waveform_lengths)
    samples = samples and [*samples] * views
    if windows is None:
        with autocast(waveforms.device):
            heard = model(waveforms, lengths, draws, masks, samples)
    else:
        heard = hear_in_windows(model, windows, waveforms, lengths, draws, masks, samples)
    targets, target_lengths = seen(batch.targets), seen(batch.target_lengths)

    readings = [(heard.log_probs, heard.lengths)]
    if heard.intermediate is not None and heard.intermediate_lengths is not None:
        readings.append((heard.intermediate, heard.intermediate_lengths))
    found = ctc_losses(readings, targets, target_lengths)
    if views > 1:
        found = [losses.view(views, -1).mean(0) for losses in found]
    each, middle = found[0], found[1] if len(found) > 1 else None
    attention = _of_attention(model, heard, targets, target_lengths, draws)
    if attention is not None:
        attention = attention.view(views, -1).mean(0)
    apart = None
    if views > 1:
        one, other = heard.log_probs.chunk(2)
        apart = disagreement(one, other, heard.lengths.chunk(2)[0])
    return Losses(each, middle, apart, attention, None if risk is None else risk(heard, batch, draws))


def _of_attention(
    model: AcousticModel, heard: Posteriors, targets: Tensor, target_lengths: Tensor, draws: Draws
) -> Tensor | None:
    """(rows,) losses of the attention decoder, where there is one."""
    decoder = model.attention_decoder
    if decoder is None or heard.encoded is None:
        return None
    smoothing, over = decoder.settings.label_smoothing, tokens_over(heard.log_probs)
    with autocast(heard.encoded.device):
        return decoder.loss(heard.encoded, heard.lengths, over, targets, target_lengths, draws, smoothing)


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
    model: AcousticModel,
    batch: Batch,
    draws: Draws,
    recipe: Recipe,
    tokens_in_step: int,
    risk: Risk | None = None,
) -> tuple[Losses, tuple[Tensor, ...]]:
    """What a micro-batch has to learn from, and the gradient for each parameter; on the CPU.

    Args:
        risk: what tells the errors that are expected, where the recipe learns from them.

    Raises:
        TrainingError: the loss is not finite; names the step and the utterances.
    """
    samples = batch.waveform_lengths.tolist()
    masks = model.draw_masks(samples, recipe.spec_augment, draws, views_of(recipe))
    losses = losses_of(model, batch, masks, samples, draws, risk, windows_of(recipe))
    expected = [losses.expected.each] if losses.expected else []
    for found in (losses.each, *losses.besides, *expected):
        check_finite(found.tolist(), draws)
    return losses, differentiate(losses, model, recipe, tokens_in_step)


def check_finite(losses: Sequence[float], draws: Draws) -> None:
    """Raises TrainingError, which names the step and the utterances whose loss is not finite."""
    bad = [row for row, loss in enumerate(losses) if not math.isfinite(loss)]
    if bad:
        names = ", ".join(draws.ids[row] for row in bad)
        raise TrainingError(
            f"epoch {draws.epoch}, step {draws.step}: loss is {losses[bad[0]]} on {names}; remove these "
            "utterances, or lower train.learning_rate if it happens all over"
        )
