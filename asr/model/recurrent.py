"""The recurrent layer: `torch.nn.LSTM` in names and results, on a faster path on the CPU.

On the CPU packed sequences leave oneDNN's fast path (benchmarks/recurrent_layer.py), so each direction runs
over the padded batch: the backward one over sequences reversed up to their own lengths. On CUDA, cuDNN takes
packed sequences. Packing needs the lengths in the order of the rows and as numbers: the rows are put in order on the
device, and the numbers are known before anything is computed, so that nobody has to wait for the device.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from asr.model.padding import permute_rows, reorder, reversal


class RecurrentLayer(nn.LSTM):
    """One LSTM layer, both directions or one.

    Shape:
        values (B, T, inputs), lengths (B,) -> (B, T, hidden * directions), zero past each length on CUDA,
        undefined there on the CPU: whoever reads over time must mask.

    Starts with orthogonal recurrent weights and forget biases at one (Jozefowicz et al., 2015).
    """

    def __init__(self, inputs: int, hidden: int, *, bidirectional: bool = True) -> None:
        super().__init__(inputs, hidden, batch_first=True, bidirectional=bidirectional)

    def reset_parameters(self) -> None:
        for name, parameter in self.named_parameters():
            gates = parameter.detach().chunk(4)  # input, forget, cell, output
            if name.startswith("weight_hh"):
                for gate in gates:
                    nn.init.orthogonal_(gate)
            elif name.startswith("weight_ih"):
                for gate in gates:
                    nn.init.xavier_uniform_(gate)
            else:
                nn.init.zeros_(parameter)
                if name.startswith("bias_ih"):  # the two biases add up: one of them carries the one
                    nn.init.ones_(gates[1])

    def forward(  # type: ignore[override]
        self, values: Tensor, lengths: Tensor, steps: Sequence[int] | None = None
    ) -> Tensor:
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

    def _both_ways(self, values: Tensor, lengths: Tensor) -> Tensor:
        forward = self._direction(values, "")
        if not self.bidirectional:
            return forward
        positions = reversal(lengths, values.shape[1])
        backward = self._direction(reorder(values, positions), "_reverse")
        return torch.cat([forward, reorder(backward, positions)], dim=2)

    def _direction(self, values: Tensor, suffix: str) -> Tensor:
        parameters = [
            getattr(self, f"{kind}_l0{suffix}") for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]
        start = values.new_zeros(1, values.shape[0], self.hidden_size)
        # has_biases, num_layers, dropout, train, bidirectional, batch_first
        outputs, _, _ = torch.lstm(
            values, (start, start), parameters, True, 1, 0.0, self.training, False, True
        )
        return outputs
