"""The acoustic model: front end, convolutions, projection, recurrent layers, output layer."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from asr.model.convolution import Convolutions
from asr.model.frontend import Count, FrontEnd
from asr.model.masking import Masks, draw_masks, dropout, hide
from asr.model.padding import valid
from asr.model.recurrent import RecurrentLayer
from asr.randomness import Draws, torch_generator
from asr.recipe import FrontEnd as FrontEndSettings
from asr.recipe import Model as ModelSettings
from asr.recipe import SpecAugment


class Posteriors(NamedTuple):
    """What the model heard."""

    log_probs: Tensor  # (B, T, V) natural log, normalised; without meaning past each length
    lengths: Tensor  # (B,) frames
    intermediate: Tensor | None = None  # (B, T, V) of the middle layer, in training with such a loss


class AcousticModel(nn.Module):
    """Waveforms to log-probs over tokens and the blank (token 0).

    Shape:
        waveforms (B, samples) float32 at the front end's sample rate, zero past each length;
        lengths (B,) samples -> Posteriors
    """

    def __init__(self, front_end: FrontEndSettings, settings: ModelSettings, tokens: int) -> None:
        super().__init__()
        self.settings = settings
        self.front_end = FrontEnd(front_end)
        self.convolutions = Convolutions(settings.convolutions, front_end.features)
        self.input_norm = nn.LayerNorm(self.convolutions.outputs)
        self.projection = nn.Linear(self.convolutions.outputs, settings.projection)
        width = settings.hidden * (2 if settings.bidirectional else 1)
        inputs = [settings.projection] + [width] * (settings.layers - 1)
        self.recurrent = nn.ModuleList(
            RecurrentLayer(size, settings.hidden, bidirectional=settings.bidirectional) for size in inputs
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in inputs)
        self.output = nn.Linear(width, tokens)

    def output_length(self, samples: Count) -> Count:
        """Outputs for an utterance of so many samples; of (utterances,) counts, the outputs of each."""
        length = self.front_end.frames(samples)
        for layer in self.settings.convolutions:
            length = -(-length // layer.stride[0])  # as `strided`
        return length

    def draw_masks(
        self, samples: Sequence[int], settings: SpecAugment, draws: Draws, views: int = 1
    ) -> Masks:
        """SpecAugment for utterances of so many samples; for all of them once, then again for the next view."""
        front_end = self.front_end.settings
        frames = [self.front_end.frames(count) for count in samples]
        per_second = front_end.sample_rate / front_end.hop_samples
        return Masks.joined(
            [
                draw_masks(frames, front_end.features, settings, draws, per_second, view)
                for view in range(views)
            ]
        )

    def forward(
        self,
        waveforms: Tensor,
        lengths: Tensor,
        draws: Draws | None = None,
        masks: Masks | None = None,
        samples: Sequence[int] | None = None,
    ) -> Posteriors:
        """`draws` and `masks` are given in training: they switch dropout and SpecAugment on.

        `samples` are the lengths as numbers. Where they are given, nothing waits for a device to tell them.
        """
        features, frames = self.front_end(waveforms, lengths)
        if masks is not None:
            features = hide(features, frames, masks)
        planes, frames = self.convolutions(features, frames)
        values = self.projection(self.input_norm(planes))
        middle = None
        steps = None if samples is None else [self.output_length(count) for count in samples]
        for index, (layer, norm) in enumerate(zip(self.recurrent, self.norms, strict=True)):
            values = dropout(values, self.settings.dropout, draws, f"recurrent.{index}")
            values = norm(layer(values, frames, steps))
            values = values * valid(frames, values.shape[1])[:, :, None]
            if (
                draws is not None
                and self.settings.intermediate_loss
                and index == (len(self.recurrent) - 1) // 2
            ):
                middle = self._log_probs(values, draws, "intermediate")
        return Posteriors(self._log_probs(values, draws, "output"), frames, middle)

    def _log_probs(self, values: Tensor, draws: Draws | None, layer: str) -> Tensor:
        logits: Tensor = self.output(dropout(values, self.settings.dropout, draws, layer))
        return logits.float().log_softmax(-1)


def new_model(front_end: FrontEndSettings, settings: ModelSettings, tokens: int, seed: int) -> AcousticModel:
    """A model with fresh weights that depend on the seed alone."""
    state = torch.random.get_rng_state()  # torch's initialisers draw from its one global generator
    try:
        torch.random.set_rng_state(torch_generator(seed, "weights").get_state())
        return AcousticModel(front_end, settings, tokens)
    finally:
        torch.random.set_rng_state(state)
