"""Our recurrent layers are those of `torch.nn` on packed sequences: in names, outputs and every gradient."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from asr.model.recurrent import GruLayer, LstmLayer, RecurrentLayer, RnnLayer

LENGTHS = torch.tensor([7, 12, 1, 12, 4])


CELLS: dict[str, tuple[type[RecurrentLayer], type[nn.RNNBase]]] = {
    "lstm": (LstmLayer, nn.LSTM),
    "gru": (GruLayer, nn.GRU),
    "rnn": (RnnLayer, nn.RNN),
}
every_cell = pytest.mark.parametrize("cell", CELLS)


def pair(dtype: torch.dtype, bidirectional: bool, cell: str = "lstm") -> tuple[RecurrentLayer, nn.RNNBase]:
    """Ours and torch's, with the same weights."""
    torch.manual_seed(1)
    our_kind, their_kind = CELLS[cell]
    make: Any = their_kind
    theirs: nn.RNNBase = make(6, 5, batch_first=True, bidirectional=bidirectional).to(dtype)
    ours = our_kind(6, 5, bidirectional=bidirectional).to(dtype)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def packed(layer: nn.RNNBase, values: Tensor) -> Tensor:
    inputs = pack_padded_sequence(values, LENGTHS, batch_first=True, enforce_sorted=False)
    outputs: Tensor = pad_packed_sequence(layer(inputs)[0], batch_first=True)[0]
    return outputs


def speech_only(values: Tensor) -> Tensor:
    return torch.cat([values[row, :length] for row, length in enumerate(LENGTHS)])


@every_cell
@pytest.mark.parametrize("bidirectional", [True, False])
def test_names_are_those_of_torch(bidirectional: bool, cell: str) -> None:
    ours, theirs = pair(torch.float32, bidirectional, cell)
    shapes = {name: value.shape for name, value in theirs.state_dict().items()}
    assert {name: value.shape for name, value in ours.state_dict().items()} == shapes
    assert len(shapes) == (8 if bidirectional else 4)


@every_cell
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-12), (torch.float32, 2e-6)])
def test_results_and_gradients_are_those_of_torch(
    dtype: torch.dtype, bound: float, bidirectional: bool, training: bool, cell: str
) -> None:
    ours, theirs = pair(dtype, bidirectional, cell)
    ours.train(training)
    values = torch.randn(5, 12, 6, dtype=dtype)
    ours_in, theirs_in = values.clone().requires_grad_(), values.clone().requires_grad_()
    found, expected = speech_only(ours(ours_in, LENGTHS)), speech_only(packed(theirs, theirs_in))
    torch.testing.assert_close(found, expected, atol=bound, rtol=0)
    weights = torch.randn_like(expected)
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    assert ours_in.grad is not None
    assert theirs_in.grad is not None
    torch.testing.assert_close(ours_in.grad, theirs_in.grad, atol=10 * bound, rtol=0)
    for (name, one), two in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert one.grad is not None, name
        assert two.grad is not None, name
        assert one.grad.any(), name
        torch.testing.assert_close(one.grad, two.grad, atol=10 * bound, rtol=10 * bound, msg=name)


@every_cell
@pytest.mark.parametrize("bidirectional", [True, False])
def test_packed_as_on_cuda_is_the_same_layer(bidirectional: bool, cell: str) -> None:
    """Rows in any order, their lengths as numbers: outputs and all gradients are those of the padded batch."""
    ours, _ = pair(torch.float64, bidirectional, cell)
    values = torch.randn(5, 12, 6, dtype=torch.float64)
    one, two = values.clone().requires_grad_(), values.clone().requires_grad_()
    steps = LENGTHS.tolist()
    assert steps != sorted(steps, reverse=True)
    found, expected = ours.packed(one, LENGTHS, steps), ours(two, LENGTHS)
    assert found.shape == expected.shape
    torch.testing.assert_close(speech_only(found), speech_only(expected), atol=1e-12, rtol=0)
    assert not any(found[row, length:].any() for row, length in enumerate(steps))
    weights = torch.randn_like(speech_only(found))
    ours_found = torch.autograd.grad((speech_only(found) * weights).sum(), [one, *ours.parameters()])
    ours_expected = torch.autograd.grad((speech_only(expected) * weights).sum(), [two, *ours.parameters()])
    for gradient, other in zip(ours_found, ours_expected, strict=True):
        torch.testing.assert_close(gradient, other, atol=1e-11, rtol=0)


@every_cell
@pytest.mark.parametrize("bidirectional", [True, False])
def test_what_lies_past_the_end_is_not_heard(bidirectional: bool, cell: str) -> None:
    ours, _ = pair(torch.float32, bidirectional, cell)
    values = torch.randn(5, 12, 6)
    changed = values.clone()
    for row, length in enumerate(LENGTHS):
        changed[row, length:] = 1e6
    assert torch.equal(speech_only(ours(values, LENGTHS)), speech_only(ours(changed, LENGTHS)))


@every_cell
def test_each_direction_hears_its_own_side(cell: str) -> None:
    """Frame 5 changes: forward units know it from 5 on, backward units up to 5."""
    ours, _ = pair(torch.float32, True, cell)
    values = torch.randn(1, 9, 6)
    changed = values.clone()
    changed[0, 5] += 1
    before, after = ours(values, torch.tensor([9])), ours(changed, torch.tensor([9]))
    differs = (before != after).reshape(9, 2, 5).any(2)
    assert differs[:, 0].tolist() == [False] * 5 + [True] * 4
    assert differs[:, 1].tolist() == [True] * 6 + [False] * 3


@pytest.mark.parametrize("bidirectional", [True, False])
def test_start_values(bidirectional: bool) -> None:
    torch.manual_seed(1)
    layer = LstmLayer(40, 24, bidirectional=bidirectional)
    for name, value in layer.state_dict().items():
        gates = value.chunk(4)  # input, forget, cell, output
        if name.startswith("weight_hh"):
            for gate in gates:
                torch.testing.assert_close(gate @ gate.T, torch.eye(24), atol=1e-5, rtol=0)
        elif name.startswith("weight_ih"):
            bound = (6 / (40 + 24)) ** 0.5  # Glorot and Bengio (2010)
            assert all(0.9 * bound < gate.abs().max() <= bound for gate in gates)
    for suffix in ("", "_reverse")[: 1 + bidirectional]:
        biases = layer.state_dict()[f"bias_ih_l0{suffix}"] + layer.state_dict()[f"bias_hh_l0{suffix}"]
        assert biases.tolist() == [0.0] * 24 + [1.0] * 24 + [0.0] * 48  # the two add up to one, not two


@pytest.mark.parametrize("cell", ["gru", "rnn"])
def test_start_values_of_other_cells(cell: str) -> None:
    torch.manual_seed(1)
    kind = CELLS[cell][0]
    layer = kind(40, 24)
    for name, value in layer.state_dict().items():
        for gate in value.chunk(kind.gates):
            if name.startswith("weight_hh"):
                torch.testing.assert_close(gate @ gate.T, torch.eye(24), atol=1e-5, rtol=0)
            elif name.startswith("weight_ih"):
                assert 0.9 * (6 / 64) ** 0.5 < gate.abs().max() <= (6 / 64) ** 0.5
            else:
                assert not gate.any()


@every_cell
def test_uniform_start_is_of_the_recurrent_weights_alone(cell: str) -> None:
    torch.manual_seed(1)
    kind = CELLS[cell][0]
    orthogonal, uniform = kind(40, 16), kind(40, 16, start="uniform")
    for name, value in uniform.state_dict().items():
        if name.startswith("weight_hh"):
            assert value.shape == (16 * kind.gates, 16)
            assert 0.9 * 16**-0.5 < value.abs().max() <= 16**-0.5  # torch's own
            assert abs(float(value.mean())) < 0.03
        elif name.startswith("bias"):
            assert torch.equal(value, orthogonal.state_dict()[name])
        else:
            torch.testing.assert_close(value.std(), orthogonal.state_dict()[name].std(), rtol=0.05, atol=0)


def test_forget_bias() -> None:
    layer = LstmLayer(4, 3, forget_bias=-2.5)
    for suffix in ("", "_reverse"):
        biases = layer.state_dict()[f"bias_ih_l0{suffix}"] + layer.state_dict()[f"bias_hh_l0{suffix}"]
        assert biases.tolist() == [0.0] * 3 + [-2.5] * 3 + [0.0] * 6
