"""Gradients of micro-batches, summed exactly, and their norms by layer.

Adding floats gives other bits in another order. So each micro-batch's gradient is rounded once to 64-bit
fixed point, and the sum of integers is the same however many workers add and in whatever order they finish.
"""

import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from asr.errors import TrainingError

SCALE = 2.0**40  # resolution 9.1e-13, largest sum 8.4e6
_PIECE = 1 << 16  # values
LIMIT = 2.0**62  # in fixed point; far enough from 2**63 that the sum of a step's parts cannot wrap


class GradientSum(Protocol):
    """Adds the gradients of a step's micro-batches."""

    flat: Tensor  # all of it in one row, to be summed over processes

    def clear(self) -> None: ...

    def add(self, gradients: Sequence[Tensor], share: int, what: str) -> None: ...

    def gradients(self) -> list[Tensor]: ...


class ExactSum:
    """Sum of gradients as 64-bit integers. Adding is safe from several threads."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self.flat, self._sums = _row(parameters, torch.int64)
        self._lock = threading.Lock()

    def clear(self) -> None:
        self.flat.zero_()

    def add(self, gradients: Sequence[Tensor], share: int, what: str) -> None:
        """Adds one of `share` parts; `what` names its utterances in errors.

        Raises:
            TrainingError: a gradient is not finite, or so large that the sum of all parts could overflow.
        """
        parts = [gradient.detach().to("cpu") for gradient in gradients]
        for part in parts:
            low, high = part.aminmax()
            # The comparison is false for NaN as well.
            if not bool(torch.maximum(-low, high).double() * SCALE * share < LIMIT):
                raise TrainingError(too_large(what, LIMIT / SCALE / share))
        with self._lock:
            for total, part in zip(self._sums, parts, strict=True):
                for sums, values in zip(_pieces(total), _pieces(part), strict=True):
                    sums += values.double().mul_(SCALE).round_().to(torch.int64)

    def gradients(self) -> list[Tensor]:
        """The sums as float32, on the CPU."""
        found = [torch.empty(total.shape) for total in self._sums]
        for total, gradient in zip(self._sums, found, strict=True):
            for sums, values in zip(_pieces(total), _pieces(gradient), strict=True):
                values.copy_(sums.double().div_(SCALE))
        return found


class FloatSum:
    """Sum of gradients as they are, in the order in which they come: what is left without strict determinism."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self.flat, self._sums = _row(parameters, torch.float32)
        self._lock = threading.Lock()

    def clear(self) -> None:
        self.flat.zero_()

    def add(self, gradients: Sequence[Tensor], share: int, what: str) -> None:  # noqa: ARG002  # of the protocol
        """Raises TrainingError when a gradient is not finite."""
        parts = [gradient.detach().to("cpu", torch.float32) for gradient in gradients]
        if not all(bool(torch.isfinite(part).all()) for part in parts):
            raise TrainingError(too_large(what, torch.finfo(torch.float32).max))
        with self._lock:
            for total, part in zip(self._sums, parts, strict=True):
                total += part

    def gradients(self) -> list[Tensor]:
        """Copies of the sums."""
        return [total.clone() for total in self._sums]


def _pieces(tensor: Tensor) -> Sequence[Tensor]:
    """Views of a contiguous tensor that fit into a core's cache: several passes over them cost a quarter."""
    return torch.split(tensor.contiguous().view(-1), _PIECE)


def _row(parameters: Iterable[nn.Parameter], dtype: torch.dtype) -> tuple[Tensor, list[Tensor]]:
    """Zeros for all parameters in one row, and the parts of it in the parameters' shapes."""
    shapes = [parameter.shape for parameter in parameters]
    flat = torch.zeros(sum(shape.numel() for shape in shapes), dtype=dtype)
    parts = torch.split(flat, [shape.numel() for shape in shapes])
    return flat, [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


def too_large(what: str, limit: float) -> str:
    return (
        f"{what}: a gradient is not finite or above {limit:.3g}; lower train.learning_rate, or look at these "
        "utterances"
    )


def squared_norms(gradients: Sequence[Tensor]) -> list[float]:
    """Of each gradient, the sum of its squares, in double precision."""
    return [float(gradient.double().square_().sum()) for gradient in gradients]


def clip(gradients: Sequence[Tensor], squares: Sequence[float], largest: float) -> float:
    """Scales all gradients down together if their norm is above `largest`; returns the norm before."""
    norm = math.sqrt(sum(squares))
    if norm > largest:
        for gradient in gradients:
            gradient.mul_(largest / norm)
    return norm


class LayerNorms:
    """Root mean square gradient norm of each layer over the steps of an epoch."""

    def __init__(
        self, names: Sequence[str], squares: Mapping[str, float] | None = None, steps: int = 0
    ) -> None:
        self._layers = [layer_of(name) for name in names]
        self.squares = dict(squares) if squares else dict.fromkeys(dict.fromkeys(self._layers), 0.0)
        self.steps = steps

    def add(self, squares: Sequence[float]) -> None:
        """Squared norms of a step's gradients, in the order of the parameters."""
        for layer, square in zip(self._layers, squares, strict=True):
            self.squares[layer] += square
        self.steps += 1

    def means(self) -> dict[str, float]:
        return {layer: math.sqrt(square / max(self.steps, 1)) for layer, square in self.squares.items()}


def layer_of(parameter: str) -> str:
    """`recurrent.0.weight_hh_l0` belongs to the layer `recurrent.0`."""
    return parameter.rpartition(".")[0]


def name_troubled(norms: Mapping[str, float], *, ratio: float = 1e3) -> list[str]:
    """A warning for each layer whose gradient vanishes or explodes on the way down from the output layer.

    Args:
        norms: by layer, from the input to the output; `output` is the output layer, else the last. A decoder beside
            it has one of its own.
        ratio: to the output layer's norm. A fixed number would not do, since the scale of a loss is arbitrary;
            nor would the median layer: one that lets nothing through silences all below it.
    """
    if not norms:
        return []
    last = norms.get("output", list(norms.values())[-1])  # a decoder beside it comes after it
    warnings = []
    for layer, norm in norms.items():
        beside = layer.startswith("attention_decoder.")
        reference = norms.get("attention_decoder.output", last) if beside else last
        if norm < reference / ratio:
            warnings.append(f"gradient vanishes in {layer}: {norm:.2e}, output layer {reference:.2e}")
        elif norm > reference * ratio:
            warnings.append(f"gradient explodes in {layer}: {norm:.2e}, output layer {reference:.2e}")
    return warnings
