"""Convolutions: an utterance among longer ones is as if it were alone."""

import pytest
import torch
from torch import nn

from asr.model.convolution import Convolutions, pooled, strided
from asr.recipe import Convolution

SETTINGS = [
    [],
    [Convolution(channels=3)],
    [Convolution(channels=3, stride=(2, 2)), Convolution(channels=2, stride=(1, 2))],
    [
        Convolution(channels=2, kernel=(5, 3), stride=(2, 1)),
        Convolution(channels=2, kernel=(7, 5), stride=(3, 2)),
    ],
    [Convolution(channels=2, kernel=(11, 1), stride=(1, 1))] * 3,
    [Convolution(channels=2, pool=(2, 2)), Convolution(channels=2, stride=(2, 1), pool=(3, 4))] * 2,
]


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_length_after_a_stride(stride: int, kernel: int) -> None:
    convolution = nn.Conv1d(1, 1, kernel, stride, kernel // 2)
    for length in range(1, 41):
        assert strided(torch.tensor(length), stride).item() == convolution(torch.zeros(1, 1, length)).shape[2]


@pytest.mark.parametrize("settings", SETTINGS, ids=len)
def test_padding_changes_nothing(settings: list[Convolution]) -> None:
    torch.manual_seed(1)
    convolutions = Convolutions(settings, bands=13)
    for layer in convolutions.layers:
        nn.init.normal_(layer.bias)  # a bias must not leak out of the padding either
    lengths = torch.tensor([40, 17, 1, 2, 33])
    features = torch.randn(5, 40, 13)
    for row, length in enumerate(lengths):
        features[row, length:] = 0
    together, counts = convolutions(features, lengths)
    assert together.shape[2] == convolutions.outputs
    for row, length in enumerate(lengths):
        alone, (count,) = convolutions(features[row : row + 1, :length], lengths[row : row + 1])
        assert counts[row] == count == alone.shape[1]
        torch.testing.assert_close(together[row, :count], alone[0], atol=1e-6, rtol=1e-5)
        if settings:
            assert not together[row, count:].any()


def test_one_layer_is_torch_and_relu() -> None:
    torch.manual_seed(1)
    convolutions = Convolutions([Convolution(channels=3, kernel=(3, 5), stride=(2, 1))], bands=6)
    features = torch.randn(1, 9, 6)
    found, lengths = convolutions(features, torch.tensor([9]))
    expected = torch.relu(convolutions.layers[0](features[:, None]))  # (1, channels, frames, bands)
    assert lengths.tolist() == [5]
    torch.testing.assert_close(found, torch.cat(list(expected[0].unbind()), dim=1)[None])


def test_without_layers_nothing_changes() -> None:
    features = torch.randn(2, 7, 6)
    found, lengths = Convolutions([], bands=6)(features, torch.tensor([7, 3]))
    assert torch.equal(found, features)
    assert lengths.tolist() == [7, 3]


def test_pooling_by_hand() -> None:
    planes = torch.tensor([[3.0, 1, 0], [2, 5, 7], [0, 0, 4], [9, 0, 0], [6, 8, 0]])[None, None]
    assert pooled(planes, (2, 2))[0, 0].tolist() == [[5, 7], [9, 4], [8, 0]]
    assert pooled(planes, (1, 3))[0, 0].tolist() == [[3], [7], [4], [9], [8]]
    assert pooled(planes, (16, 2))[0, 0].tolist() == [[9, 7]]


@pytest.mark.parametrize("pool", [(2, 2), (3, 1), (4, 5)])
def test_pooling_elsewhere_is_pooling_on_the_cpu(
    pool: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no two are equal, gradients are the same, too; `elsewhere` is what is written out for devices."""
    torch.manual_seed(1)
    planes = torch.rand(2, 3, 11, 7, dtype=torch.float64, requires_grad=True)

    class Elsewhere(torch.Tensor):
        device = torch.device("meta")

    found = pooled(planes, pool)
    other = pooled(planes.as_subclass(Elsewhere), pool).as_subclass(torch.Tensor)
    assert torch.equal(found, other)
    weights = torch.rand_like(found)
    (one,), (two,) = (torch.autograd.grad((each * weights).sum(), planes) for each in (found, other))
    assert torch.equal(one, two)
    assert torch.autograd.gradcheck(lambda values: pooled(values, pool), [planes])
