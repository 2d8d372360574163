"""Padding must never change a result: masks from lengths, and reversal that knows them."""

import torch
from torch import Tensor


def valid(lengths: Tensor, size: int) -> Tensor:
    """(B,) whole counts to a (B, size) mask that is true before each length."""
    return torch.arange(size, device=lengths.device)[None, :] < lengths[:, None]


def reversal(lengths: Tensor, size: int) -> Tensor:
    """(B, size) source positions that reverse each row up to its length and leave its padding in place.

    Applied twice it is the identity.
    """
    position = torch.arange(size, device=lengths.device)[None, :]
    return torch.where(position < lengths[:, None], lengths[:, None] - 1 - position, position)


def reorder(values: Tensor, positions: Tensor) -> Tensor:
    """(B, T, D) values taken along time at (B, T) positions."""
    return values.gather(1, positions[:, :, None].expand(-1, -1, values.shape[2]))
