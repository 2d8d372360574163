"""The acoustic model: front end, convolutions, projection, recurrent layers, self-attention, output layer."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from asr.model.attention_decoder import AttentionDecoder
from asr.model.convolution import Convolutions
from asr.model.frontend import Count, FrontEnd
from asr.model.masking import Masks, draw_masks, dropout, hide
from asr.model.padding import valid
from asr.model.pyramid import joined
from asr.model.recurrent import recurrent_layer
from asr.model.self_attention import SelfAttention
from asr.randomness import Draws, torch_generator
from asr.recipe import FrontEnd as FrontEndSettings
from asr.recipe import Model as ModelSettings
from asr.recipe import SpecAugment


class Posteriors(NamedTuple):
    """What the model heard."""

    log_probs: Tensor  # (B, T, V) natural log, normalised; without meaning past each length
    lengths: Tensor  # (B,) frames
    intermediate: Tensor | None = None  # (B, T', V) of the middle layer, in training with such a loss
    intermediate_lengths: Tensor | None = None  # (B,) its frames, more where layers above join them
    encoded: Tensor | None = None  # (B, T, values) what an attention decoder looks at, where there is one


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
        self.input_norm = self._norm(self.convolutions.outputs)
        self.projection = nn.Linear(self.convolutions.outputs, settings.projection)
        self.recurrent = nn.ModuleList(recurrent_layer(settings, size) for size in settings.recurrent_inputs)
        self.norms = nn.ModuleList(self._norm(settings.width) for _ in self.recurrent)
        self.self_attention = nn.ModuleDict(
            {str(layer): self._attention() for layer in settings.attended}
        )  # by the number of the recurrent layer before it
        self.output = nn.Linear(settings.width, tokens)
        # Last, so that fresh weights of all the rest are drawn as they are without it.
        self.attention_decoder = (
            AttentionDecoder(settings.width, tokens, settings.attention_decoder)
            if settings.attention_decoder.layers
            else None
        )

    def _norm(self, width: int) -> nn.Module:
        return nn.LayerNorm(width) if self.settings.normalisation == "layer" else nn.Identity()

    def _attention(self) -> SelfAttention:
        settings = self.settings
        return SelfAttention(
            settings.width,
            settings.self_attention,
            normalised=settings.normalisation == "layer",
            past=not settings.bidirectional,
        )

    def output_length(self, samples: Count) -> Count:
        """Outputs for an utterance of so many samples; of (utterances,) counts, the outputs of each."""
        return -(-self.front_end.frames(samples) // self.settings.frames_an_output)

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
        steps = None if samples is None else self._steps(samples)
        for index in range(len(self.recurrent)):
            if self.settings.joins(index):
                values, frames = joined(values, frames)
                steps = steps and [-(-count // 2) for count in steps]
            values = self._layer(index, values, frames, steps, draws)
            if (
                draws is not None
                and self.settings.intermediate_loss
                and index == (len(self.recurrent) - 1) // 2
            ):
                middle = self._log_probs(values, draws, "intermediate"), frames
        encoded = None if self.attention_decoder is None else values
        log_probs = self._log_probs(values, draws, "output")
        heard, its_frames = middle or (None, None)
        return Posteriors(log_probs, frames, heard, its_frames, encoded)

    def _steps(self, samples: Sequence[int]) -> list[int]:
        """Inputs of the first recurrent layer for utterances of so many samples."""
        return [-(-self.front_end.frames(count) // self.settings.frames_a_step) for count in samples]

    def _layer(
        self, index: int, values: Tensor, frames: Tensor, steps: Sequence[int] | None, draws: Draws | None
    ) -> Tensor:
        """A recurrent layer, and what stands around and behind it; zero past each length."""
        share = self.settings.dropout
        heard: Tensor = dropout(values, share, draws, f"recurrent.{index}")
        heard = self.norms[index](self.recurrent[index](heard, frames, steps))
        if self.settings.adds_input(index):
            heard = heard + values
        heard = heard * valid(frames, heard.shape[1])[:, :, None]
        if index in self.settings.attended:
            name = f"self_attention.{index}"
            heard = self.self_attention[str(index)](heard, frames, draws, share, name)
        return heard

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
