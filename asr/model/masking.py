"""Random zeroing in training: SpecAugment on features, dropout on activations. Both take keyed draws."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from asr.model.padding import valid
from asr.randomness import Draws
from asr.recipe import SpecAugment


@dataclass(frozen=True)
class Masks:
    """What SpecAugment hides of each utterance: stretches from the first number up to the second."""

    bands: Tensor  # (B, masks, 2)
    frames: Tensor  # (B, masks, 2)

    @classmethod
    def joined(cls, views: Sequence["Masks"]) -> "Masks":
        """Those of several views, one after the other: (views * B, masks, 2)."""
        return cls(torch.cat([view.bands for view in views]), torch.cat([view.frames for view in views]))


def draw_masks(
    frames: Sequence[int],
    bands: int,
    settings: SpecAugment,
    draws: Draws,
    frames_per_second: float,
    view: int = 0,
) -> Masks:
    """Masks on the CPU, each utterance's by its own draw; `frames` are the utterances' lengths.

    Args:
        view: masks of another number are drawn independently.
    """
    purpose = f"spec-augment.{view}" if view else "spec-augment"
    widest_time = settings.time_seconds * frames_per_second
    found: list[list[tuple[int, int]]] = [[], []]
    for row, length in enumerate(frames):
        generator = draws.for_utterance(purpose, row)
        for spans, count, size, widest in (
            (found[0], settings.frequency_masks, bands, settings.frequency_share * bands),
            (found[1], settings.time_masks, length, min(settings.time_share * length, widest_time)),
        ):
            for _ in range(count):
                width = int(generator.integers(0, int(widest) + 1))
                start = int(generator.integers(0, size - width + 1))
                spans.append((start, start + width))
    rows = len(frames)
    return Masks(
        torch.tensor(found[0], dtype=torch.int64).view(rows, settings.frequency_masks, 2),
        torch.tensor(found[1], dtype=torch.int64).view(rows, settings.time_masks, 2),
    )


def hide(features: Tensor, frames: Tensor, masks: Masks) -> Tensor:
    """Puts masked parts at the utterance's mean (Park et al., 2019).

    Args:
        features: (B, frames, bands), zero past each length.
        frames: (B,) lengths.
        masks: on the features' device.
    """
    _, size, bands = features.shape
    across, along = _within(masks.bands, bands), _within(masks.frames, size)
    hidden = (across[:, None, :] | along[:, :, None]) & valid(frames, size)[:, :, None]
    mean = features.sum((1, 2), keepdim=True) / (frames[:, None, None] * bands)
    return torch.where(hidden, mean, features)


def _within(spans: Tensor, size: int) -> Tensor:
    """(B, masks, 2) to (B, size): which places lie in one of the stretches."""
    place = torch.arange(size, device=spans.device)
    return ((place >= spans[:, :, :1]) & (place < spans[:, :, 1:])).any(1)


def dropout(values: Tensor, share: float, draws: Draws | None, layer: str) -> Tensor:
    """Zeroes a share of the values and scales up the rest; does nothing without draws (not in training)."""
    if draws is None or share == 0:
        return values
    keep = torch.empty(values.shape, dtype=values.dtype, device=values.device)
    keep.bernoulli_(1 - share, generator=draws.for_layer("dropout", layer, values.device))
    return values * keep.div_(1 - share)
