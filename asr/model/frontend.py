"""The front end: waveforms to normalised log-mel or cepstral features, inside the model.

The mel scale is O'Shaughnessy (1987), 2595 log10(1 + f / 700), as in HTK. Cepstra are the orthonormal DCT-II
of the log-mel energies.
"""

import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from asr.model.padding import valid
from asr.recipe import FrontEnd as FrontEndSettings

Count = TypeVar("Count", int, npt.NDArray[np.int64])  # one, or many at once


class FrontEnd(nn.Module):
    """Features of padded waveforms.

    Shape:
        waveforms (B, samples) float32 in [-1, 1], lengths (B,) samples
        -> features (B, frames, settings.features), lengths (B,) frames = 1 + samples // hop

    Frame t is centred on sample t * hop; what lies outside the utterance counts as silence, whether it is
    the edge of the audio or the padding of a batch.
    """

    window: Tensor
    filters: Tensor
    cosines: Tensor

    def __init__(self, settings: FrontEndSettings) -> None:
        super().__init__()
        self.settings = settings
        samples = settings.window_samples
        self.fft_size = 2 ** math.ceil(math.log2(samples))
        # Not saved with the weights: they follow from the settings, which travel in the bundle.
        self.register_buffer(
            "window", torch.hann_window(samples, periodic=True, device="cpu"), persistent=False
        )
        filters = mel_filters(
            settings.mels, self.fft_size, settings.sample_rate, settings.low, settings.upper_edge
        )
        self.register_buffer("filters", torch.from_numpy(filters).float(), persistent=False)
        cosines = torch.from_numpy(_cosines(settings.mels, settings.coefficients)).float()
        self.register_buffer("cosines", cosines, persistent=False)

    def frames(self, samples: Count) -> Count:
        """Frames of an utterance of so many samples; of (utterances,) counts, those of each."""
        return 1 + samples // self.settings.hop_samples

    @torch.no_grad()
    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        if waveforms.ndim != 2 or lengths.shape != waveforms.shape[:1]:
            raise ValueError(
                f"expected waveforms (B, samples) and lengths (B,), got {tuple(waveforms.shape)} "
                f"and {tuple(lengths.shape)}"
            )
        with torch.autocast(waveforms.device.type, enabled=False):
            energies = self._log_mel(self._emphasise(waveforms.float(), lengths))
            if self.settings.kind == "mfcc":
                energies = energies @ self.cosines
            frames = 1 + torch.div(lengths, self.settings.hop_samples, rounding_mode="floor")
            mask = valid(frames, energies.shape[1])[:, :, None]
            if self.settings.normalise == "utterance":
                energies = _normalise(energies, mask, frames)
            return energies.masked_fill(~mask, 0.0), frames

    def _emphasise(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """First difference with a weight; what lies past the length is zero afterwards."""
        before = torch.cat([waveforms[:, :1], waveforms[:, :-1]], dim=1)
        emphasised = waveforms - self.settings.pre_emphasis * before
        return emphasised.masked_fill(~valid(lengths, waveforms.shape[1]), 0.0)

    def _log_mel(self, waveforms: Tensor) -> Tensor:
        """(B, samples) to (B, frames, mels): natural log of power, floored."""
        half = self.settings.window_samples // 2
        padded = nn.functional.pad(waveforms, (half, self.settings.window_samples - half))
        frames = 1 + waveforms.shape[1] // self.settings.hop_samples
        pieces = padded.unfold(1, self.settings.window_samples, self.settings.hop_samples)[:, :frames]
        spectrum = torch.fft.rfft(pieces * self.window, n=self.fft_size)
        power = spectrum.real.square() + spectrum.imag.square()
        energies: Tensor = (power @ self.filters).clamp_min(self.settings.floor).log()
        return energies


def mel_filters(mels: int, fft_size: int, sample_rate: int, low: float, high: float) -> np.ndarray:
    """(fft_size // 2 + 1, mels) float64 triangles of height one, evenly spaced on the mel scale."""
    edges = _hertz(np.linspace(_mel(low), _mel(high), mels + 2))
    frequencies = np.arange(fft_size // 2 + 1) * (sample_rate / fft_size)
    rising = (frequencies[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies[:, None]) / (edges[2:] - edges[1:-1])
    triangles: np.ndarray = np.maximum(0.0, np.minimum(rising, falling))
    return triangles


def _mel(hertz: float) -> float:
    return 2595.0 * math.log10(1.0 + hertz / 700.0)


def _hertz(mel: np.ndarray) -> np.ndarray:
    return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))


def _cosines(mels: int, coefficients: int) -> np.ndarray:
    """(mels, coefficients) orthonormal DCT-II."""
    angle = np.pi / mels * (np.arange(mels)[:, None] + 0.5) * np.arange(coefficients)
    cosines = np.cos(angle) * math.sqrt(2.0 / mels)
    cosines[:, 0] /= math.sqrt(2.0)
    return np.asarray(cosines)


def _normalise(features: Tensor, mask: Tensor, frames: Tensor) -> Tensor:
    """Mean 0 and variance 1 in each band over the valid frames."""
    count = frames[:, None, None].to(features.dtype)
    mean = (features * mask).sum(1, keepdim=True) / count
    centred = (features - mean) * mask
    variance = centred.square().sum(1, keepdim=True) / count
    return centred * (variance + 1e-5).rsqrt()
