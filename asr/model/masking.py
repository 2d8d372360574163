"""Random zeroing in training: SpecAugment on features, dropout on activations. Both take keyed draws."""

import torch
from torch import Tensor

from asr.randomness import Draws
from asr.recipe import SpecAugment


def spec_augment(
    features: Tensor, frames: Tensor, settings: SpecAugment, draws: Draws, frames_per_second: float
) -> Tensor:
    """Masks bands and stretches of time, each utterance by its own draw (Park et al., 2019).

    Args:
        features: (B, frames, bands), zero past each length.
        frames: (B,) lengths.

    Returns:
        (B, frames, bands) with masked parts at the utterance's mean.
    """
    hidden = torch.zeros(features.shape, dtype=torch.bool)
    bands = features.shape[2]
    widest_time = settings.time_seconds * frames_per_second
    for row, length in enumerate(frames.tolist()):
        generator = draws.for_utterance("spec-augment", row)
        for _ in range(settings.frequency_masks):
            width = int(generator.integers(0, int(settings.frequency_share * bands) + 1))
            start = int(generator.integers(0, bands - width + 1))
            hidden[row, :, start : start + width] = True
        for _ in range(settings.time_masks):
            width = int(generator.integers(0, int(min(settings.time_share * length, widest_time)) + 1))
            start = int(generator.integers(0, length - width + 1))
            hidden[row, start : start + width] = True
        hidden[row, length:] = False
    mean = features.sum((1, 2), keepdim=True) / (frames[:, None, None] * bands)
    return torch.where(hidden.to(features.device), mean, features)


def dropout(values: Tensor, share: float, draws: Draws | None, layer: str) -> Tensor:
    """Zeroes a share of the values and scales up the rest; does nothing without draws (not in training)."""
    if draws is None or share == 0:
        return values
    keep = torch.empty(values.shape, dtype=values.dtype, device=values.device)
    keep.bernoulli_(1 - share, generator=draws.for_layer("dropout", layer, values.device))
    return values * keep.div_(1 - share)
