"""Recurrent layers: `torch.nn.LSTM`, `GRU` and `RNN` in names and results, the LSTM on a faster path on the CPU.

On the CPU packed sequences leave oneDNN's fast path (benchmarks/recurrent_layer.py), so each direction runs
over the padded batch: the backward one over sequences reversed up to their own lengths. The other cells, which oneDNN
does not know, are computed there by asr.model.scan. On CUDA, cuDNN takes packed sequences. Packing needs the lengths in
the order of the rows and as numbers: the rows are put in order on the device, and the numbers are known before anything
is computed, so that nobody has to wait for the device.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from asr.model.padding import permute_rows, reorder, reversal
from asr.model.scan import gru_scan, tanh_scan
from asr.recipe import Model as ModelSettings

Start = Literal["orthogonal", "uniform"]


class RecurrentLayer(nn.RNNBase, ABC):
    """One recurrent layer, both directions or one. What is above it in the order of bases is one of torch's own.

    Shape:
        values (B, T, inputs), lengths (B,) -> (B, T, hidden * directions), zero past each length on CUDA,
        undefined there on the CPU: whoever reads over time must mask.

    Starts with weights of inputs as Glorot and Bengio (2010) draw them, and with biases of zero. Recurrent weights are
    orthogonal, gate by gate (Saxe et al., 2014), or uniform up to hidden ** -0.5 to either side, as torch has them.
    """

    gates: int  # that each unit has weights for, the new value among them

    def __init__(
        self, inputs: int, hidden: int, *, bidirectional: bool = True, start: Start = "orthogonal"
    ) -> None:
        self._start = start
        torchs: Any = super()  # whose first argument is the kind of cell in the base that mypy sees
        torchs.__init__(inputs, hidden, batch_first=True, bidirectional=bidirectional)

    def reset_parameters(self) -> None:
        for name, parameter in self.named_parameters():
            gates = parameter.detach().chunk(self.gates)
            if name.startswith("weight_hh"):
                for gate in gates:
                    if self._start == "orthogonal":
                        nn.init.orthogonal_(gate)
                    else:
                        nn.init.uniform_(gate, -(self.hidden_size**-0.5), self.hidden_size**-0.5)
            elif name.startswith("weight_ih"):
                for gate in gates:
                    nn.init.xavier_uniform_(gate)
            else:
                nn.init.zeros_(parameter)

    def forward(self, values: Tensor, lengths: Tensor, steps: Sequence[int] | None = None) -> Tensor:
        """`steps` are the lengths as numbers; where they are not given, a device is asked for them."""
        if values.device.type == "cpu":
            return self._both_ways(values, lengths)
        # Under autocast torch runs cuDNN's recurrence in float16 whatever type was asked for, and nothing scales
        # the loss here.
        with torch.autocast(values.device.type, enabled=False):
            return self.packed(values.float(), lengths, lengths.tolist() if steps is None else steps)

    def packed(self, values: Tensor, lengths: Tensor, steps: Sequence[int]) -> Tensor:
        """The layer on packed sequences."""
        order = lengths.argsort(descending=True, stable=True)
        back = order.argsort()
        ordered = torch.tensor(sorted(steps, reverse=True))
        packed = pack_padded_sequence(permute_rows(values, order, back), ordered, batch_first=True)
        outputs, _ = pad_packed_sequence(
            super().forward(packed)[0], batch_first=True, total_length=values.shape[1]
        )
        return permute_rows(outputs, back, order)

    def weights(self, suffix: str) -> list[Tensor]:
        """Of a direction ("" or "_reverse"): of the inputs, recurrent, and both biases."""
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [getattr(self, f"{kind}_l0{suffix}") for kind in kinds]

    @abstractmethod
    def _both_ways(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Each direction over the padded batch."""


class LstmLayer(RecurrentLayer, nn.LSTM):  # type: ignore[misc]  # ours takes lengths
    """Long short-term memory (Hochreiter and Schmidhuber, 1997; forget gates: Gers et al., 2000).

    Args:
        forget_bias: of the forget gates at the start (one: Jozefowicz et al., 2015).
    """

    gates = 4  # input, forget, cell, output

    def __init__(
        self,
        inputs: int,
        hidden: int,
        *,
        bidirectional: bool = True,
        start: Start = "orthogonal",
        forget_bias: float = 1.0,
    ) -> None:
        self._forget_bias = forget_bias
        super().__init__(inputs, hidden, bidirectional=bidirectional, start=start)

    def reset_parameters(self) -> None:
        super().reset_parameters()
        for name, parameter in self.named_parameters():
            if name.startswith("bias_ih"):  # the two biases add up: one of them carries it
                nn.init.constant_(parameter.detach().chunk(4)[1], self._forget_bias)

    def _both_ways(self, values: Tensor, lengths: Tensor) -> Tensor:
        forward = self._direction(values, "")
        if not self.bidirectional:
            return forward
        positions = reversal(lengths, values.shape[1])
        backward = self._direction(reorder(values, positions), "_reverse")
        return torch.cat([forward, reorder(backward, positions)], dim=2)

    def _direction(self, values: Tensor, suffix: str) -> Tensor:
        start = values.new_zeros(1, values.shape[0], self.hidden_size)
        # has_biases, num_layers, dropout, train, bidirectional, batch_first
        outputs, _, _ = torch.lstm(
            values, (start, start), self.weights(suffix), True, 1, 0.0, self.training, False, True
        )
        return outputs


class ScannedLayer(RecurrentLayer):
    """A cell that oneDNN does not know: both directions take each step together (asr.model.scan)."""

    def _both_ways(self, values: Tensor, lengths: Tensor) -> Tensor:
        if not self.bidirectional:
            return self._scan(values[None])[0]
        positions = reversal(lengths, values.shape[1])
        forward, backward = self._scan(torch.stack([values, reorder(values, positions)]))
        return torch.cat([forward, reorder(backward, positions)], dim=2)

    def _scan(self, values: Tensor) -> Tensor:
        """(D, B, T, inputs) of each direction in its own order to (D, B, T, hidden)."""
        both = [self.weights(suffix) for suffix in ("", "_reverse")[: len(values)]]
        given, recurrent, bias, recurrent_bias = (torch.stack(each) for each in zip(*both, strict=True))
        inputs = torch.baddbmm(bias[:, None], values.flatten(1, 2), given.transpose(1, 2))
        by_time = inputs.view(*values.shape[:3], -1).permute(2, 0, 1, 3).contiguous()
        return self._recurrence(by_time, recurrent, recurrent_bias).permute(1, 2, 0, 3)

    @abstractmethod
    def _recurrence(self, inputs: Tensor, weights: Tensor, biases: Tensor) -> Tensor:
        """As in asr.model.scan."""


class GruLayer(ScannedLayer, nn.GRU):  # type: ignore[misc]
    """Gated recurrent units (Cho et al., 2014), in cuDNN's form, whose reset gate comes after the product."""

    gates = 3  # reset, update, new

    def _recurrence(self, inputs: Tensor, weights: Tensor, biases: Tensor) -> Tensor:
        return gru_scan(inputs, weights, biases)


class RnnLayer(ScannedLayer, nn.RNN):  # type: ignore[misc]
    """Units without gates: tanh of inputs and of all outputs before (Elman, 1990)."""

    gates = 1

    def _recurrence(self, inputs: Tensor, weights: Tensor, biases: Tensor) -> Tensor:
        return tanh_scan(inputs, weights, biases)


def recurrent_layer(settings: ModelSettings, inputs: int) -> RecurrentLayer:
    """The layer that a recipe asks for."""
    start = settings.recurrent_start
    if settings.cell == "lstm":
        return LstmLayer(
            inputs,
            settings.hidden,
            bidirectional=settings.bidirectional,
            start=start,
            forget_bias=settings.forget_bias,
        )
    cell = GruLayer if settings.cell == "gru" else RnnLayer
    return cell(inputs, settings.hidden, bidirectional=settings.bidirectional, start=start)
