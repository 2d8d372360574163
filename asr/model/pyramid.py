"""Pyramidal time reduction: two outputs of a recurrent layer become one input of the next (Chan et al., 2016)."""

from torch import Tensor, nn

from asr.model.convolution import strided
from asr.model.padding import valid


def joined(values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs of outputs, side by side; a last one without a partner stands beside zeros, whatever its padding holds.

    Shape:
        values (B, T, width), lengths (B,) -> (B, ceil(T / 2), 2 * width), lengths' (B,) = ceil(lengths / 2)
    """
    values = values.masked_fill(~valid(lengths, values.shape[1])[:, :, None], 0.0)
    values = nn.functional.pad(values, (0, 0, 0, values.shape[1] % 2))
    rows, size, width = values.shape
    return values.reshape(rows, size // 2, 2 * width), strided(lengths, 2)
