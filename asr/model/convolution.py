"""Two-dimensional convolutions over time and frequency that never see padding: strided, or with max pooling behind."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from asr.model.padding import valid
from asr.recipe import Convolution as ConvolutionSettings


class Convolutions(nn.Module):
    """Convolutions with ReLU; time shrinks by the product of the time strides and of what is pooled.

    Shape:
        features (B, frames, bands), lengths (B,) -> (B, frames', channels * bands'), lengths' (B,)
        with frames' = ceil(frames / (stride * pool)) after each layer
    """

    def __init__(self, settings: Sequence[ConvolutionSettings], bands: int) -> None:
        super().__init__()
        self.settings = tuple(settings)
        self.layers = nn.ModuleList()
        channels = 1
        for layer in self.settings:
            padding = (layer.kernel[0] // 2, layer.kernel[1] // 2)
            convolution = nn.Conv2d(channels, layer.channels, layer.kernel, layer.stride, padding)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]  # the bias is there
            self.layers.append(convolution)
            channels, bands = layer.channels, -(-bands // (layer.stride[1] * layer.pool[1]))
        self.outputs = channels * bands

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        planes = features[:, None]  # (B, 1, frames, bands)
        for layer, settings in zip(self.layers, self.settings, strict=True):
            planes = torch.relu(layer(planes))
            lengths = strided(lengths, settings.stride[0])
            # A convolution leaks into the first padded frames: clear them, or the next one reads them back.
            planes = planes * valid(lengths, planes.shape[2])[:, None, :, None]
            if settings.pool != (1, 1):
                planes, lengths = pooled(planes, settings.pool), strided(lengths, settings.pool[0])
        return planes.transpose(1, 2).flatten(2), lengths


def strided(lengths: Tensor, stride: int) -> Tensor:
    """Frames left by a centred odd kernel, and by pooling: ceil(length / stride)."""
    return torch.div(lengths + stride - 1, stride, rounding_mode="floor")


def pooled(planes: Tensor, pool: tuple[int, int]) -> Tensor:
    """The largest of each `pool` frames and bands; the last ones may be fewer.

    Args:
        planes: (B, channels, frames, bands), nowhere below zero and zero in the padding, which so is never the largest.

    Returns:
        (B, channels, ceil(frames / pool[0]), ceil(bands / pool[1])), zero in the padding
    """
    if planes.device.type == "cpu":
        return nn.functional.max_pool2d(planes, pool, ceil_mode=True)
    # On CUDA the gradient of pooling is added up in no order. Here it has one; equal ones share it.
    *_, frames, bands = planes.shape
    filled = nn.functional.pad(planes, (0, -bands % pool[1], 0, -frames % pool[0]))
    pieces = filled.view(*filled.shape[:2], -1, pool[0], -(-bands // pool[1]), pool[1])
    return pieces.amax((3, 5))
