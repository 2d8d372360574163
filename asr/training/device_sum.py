"""Gradients of micro-batches, summed, judged and clipped where they are: on the device.

The same arithmetic as asr.training.gradients has on the CPU, in one row for all parameters. Nothing here looks at a
number: what is wrong with a gradient is a flag on the device too, to be read when somebody wants to know.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from asr.training.gradients import LIMIT, SCALE


@dataclass(frozen=True)
class Clipped:
    """A step's gradients, ready for the update."""

    gradients: list[Tensor]  # in the parameters' shapes
    squares: Tensor  # (parameters,) float64: of each gradient before clipping, the sum of its squares
    clipped: Tensor  # () whether they were scaled down


class DeviceSum:
    """Sum of gradients on a device: as 64-bit integers if `exact`, else as floats."""

    def __init__(self, parameters: Iterable[nn.Parameter], exact: bool) -> None:
        listed = list(parameters)
        self._shapes = [parameter.shape for parameter in listed]
        self._sizes = [parameter.numel() for parameter in listed]
        self._exact = exact
        dtype = torch.int64 if exact else torch.float32
        self.flat = torch.zeros(sum(self._sizes), dtype=dtype, device=listed[0].device)

    def clear(self) -> None:
        self.flat.zero_()

    def largest(self, share: int) -> float:
        """How large a gradient in one of so many parts may be."""
        return LIMIT / SCALE / share if self._exact else torch.finfo(torch.float32).max

    def add(self, gradients: Sequence[Tensor], share: int) -> Tensor:
        """Adds one of `share` parts; returns () whether it was finite and small enough. If not, the sum is void."""
        row = torch.cat([gradient.detach().reshape(-1) for gradient in gradients])
        low, high = row.aminmax()
        largest = torch.maximum(-low, high)  # NaN if there is one, and then both comparisons are false
        if not self._exact:
            self.flat += row
            return largest <= torch.finfo(torch.float32).max
        self.flat += row.double().mul_(SCALE).round_().to(torch.int64)
        return largest.double() * SCALE * share < LIMIT

    def clip(self, largest: float) -> Clipped:
        """Scales all gradients down together if their norm is above `largest`."""
        row = self.flat.double().div_(SCALE).float() if self._exact else self.flat.clone()
        squares = torch.stack([part.sum() for part in torch.split(row.double().square_(), self._sizes)])
        norm = squares.sum().sqrt()
        clipped = norm > largest
        row *= torch.where(clipped, largest / norm, 1.0).float()
        parts = zip(torch.split(row, self._sizes), self._shapes, strict=True)
        return Clipped([part.view(shape) for part, shape in parts], squares, clipped)
