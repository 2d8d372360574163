"""Gradients summed, judged and clipped in one row, against what the CPU does with them part by part."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from asr.errors import TrainingError
from asr.training.device_sum import DeviceSum
from asr.training.gradients import ExactSum, FloatSum, clip, squared_norms

SHAPES = [(2, 3), (4,), ()]
values = st.floats(-1000, 1000, width=32)
parts = st.lists(st.lists(values, min_size=11, max_size=11), min_size=1, max_size=4)


def parameters() -> list[nn.Parameter]:
    return [nn.Parameter(torch.zeros(shape)) for shape in SHAPES]


def shaped(flat: list[float]) -> list[Tensor]:
    return [torch.tensor(flat[:6]).reshape(2, 3), torch.tensor(flat[6:10]), torch.tensor(flat[10])]


@given(parts, st.sampled_from([0.0, 1.0, 30.0, 1e9]), st.booleans())
def test_as_on_the_cpu(gradients: list[list[float]], largest: float, exact: bool) -> None:
    """Sums, squares, the norm's verdict and the clipped gradients: the same bits."""
    ours = DeviceSum(parameters(), exact)
    theirs: ExactSum | FloatSum = (ExactSum if exact else FloatSum)(parameters())
    for gradient in gradients:
        assert bool(ours.add(shaped(gradient), len(gradients)))
        theirs.add(shaped(gradient), len(gradients), "all")
    assert torch.equal(ours.flat, theirs.flat)
    found, expected = ours.clip(largest), theirs.gradients()
    squares = squared_norms(expected)
    assert found.squares.tolist() == squares
    assert bool(found.clipped) == (clip(expected, squares, largest) > largest)
    for one, two in zip(found.gradients, expected, strict=True):
        assert (one.shape, one.dtype) == (two.shape, torch.float32)
        # The norm may differ in its last bit, as Python adds the squares with more care: the clipped ones after it.
        torch.testing.assert_close(one, two, rtol=1.2e-7, atol=1e-45)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 5, 10])
def test_what_is_not_finite_is_flagged_wherever_it_is(exact: bool, bad: float, place: int) -> None:
    flat = [0.5] * 11
    flat[place] = bad
    assert not bool(DeviceSum(parameters(), exact).add(shaped(flat), 1))


@pytest.mark.parametrize("share", [1, 3, 1000])
@pytest.mark.parametrize("factor", [0.999, 1.001, -1.001])
def test_as_large_as_the_cpu_lets_in(share: int, factor: float) -> None:
    ours, theirs = DeviceSum(parameters(), exact=True), ExactSum(parameters())
    flat = [0.0] * 10 + [factor * ours.largest(share)]
    good = bool(ours.add(shaped(flat), share))
    assert good == (abs(factor) < 1)
    if good:
        theirs.add(shaped(flat), share, "all")
    else:
        with pytest.raises(TrainingError):
            theirs.add(shaped(flat), share, "all")


def test_clear_begins_anew() -> None:
    ours = DeviceSum(parameters(), exact=True)
    ours.add(shaped([1.0] * 11), 2)
    ours.clip(0.1)
    ours.clear()
    ours.add(shaped([2.0] * 11), 2)
    assert ours.clip(1e9).gradients[1].tolist() == [2.0] * 4


def test_clipping_leaves_the_sum_alone() -> None:
    for exact in (True, False):
        ours = DeviceSum(parameters(), exact)
        ours.add(shaped([3.0] * 11), 1)
        before = ours.flat.clone()
        assert ours.clip(1.0).clipped
        assert torch.equal(ours.flat, before)
