"""Masks and reversal that know the lengths."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from asr.model.padding import permute_rows, reorder, reversal, valid

lengths = st.lists(st.integers(0, 9), min_size=1, max_size=5)


def test_valid_is_true_before_each_length() -> None:
    assert valid(torch.tensor([0, 2, 3]), 3).tolist() == [[False] * 3, [True, True, False], [True] * 3]


def test_reversal_by_hand() -> None:
    assert reversal(torch.tensor([3, 0, 4]), 4).tolist() == [[2, 1, 0, 3], [0, 1, 2, 3], [3, 2, 1, 0]]


@given(lengths)
def test_reversal_twice_is_the_identity_and_keeps_padding(counts: list[int]) -> None:
    size = max(counts)
    values = torch.arange(len(counts) * size * 2).reshape(len(counts), size, 2)
    positions = reversal(torch.tensor(counts), size)
    turned = reorder(values, positions)
    assert torch.equal(reorder(turned, positions), values)
    for row, count in enumerate(counts):
        assert torch.equal(turned[row, :count], values[row, :count].flip(0))
        assert torch.equal(turned[row, count:], values[row, count:])


@given(lengths, st.integers(0, 100))
def test_gradients_of_a_reversal_are_reversed(counts: list[int], seed: int) -> None:
    """As those of `gather`, which adds them up; and they can be differentiated again."""
    size = max(counts)
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(len(counts), size, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(len(counts), size, 3, generator=generator, dtype=torch.float64)
    positions = reversal(torch.tensor(counts), size)
    by_gather = values.gather(1, positions[:, :, None].expand(-1, -1, 3))
    assert torch.equal(reorder(values, positions), by_gather)
    ours, theirs = (
        torch.autograd.grad((found**3 * weights).sum(), values, create_graph=True)[0]
        for found in (reorder(values, positions), by_gather)
    )
    assert torch.equal(ours, theirs)
    if size:
        again = [torch.autograd.grad(gradient.sum(), values)[0] for gradient in (ours, theirs)]
        assert torch.equal(*again)


def test_a_part_of_wider_rows_is_reversed() -> None:
    """Half of a tensor that another layer has joined: its rows do not lie side by side."""
    wide = torch.arange(24.0).reshape(2, 3, 4)
    positions = reversal(torch.tensor([3, 2]), 3)
    assert torch.equal(reorder(wide[:, :, 2:], positions), reorder(wide, positions)[:, :, 2:])
    turned = reorder(wide.transpose(0, 1), reversal(torch.tensor([2, 1, 2]), 2))
    assert turned[0].tolist() == [wide[1, 0].tolist(), wide[0, 0].tolist()]


def test_rows_permuted_and_back() -> None:
    values = torch.randn(4, 3, 2, requires_grad=True)
    order = torch.tensor([2, 0, 3, 1])
    back = order.argsort()
    permuted = permute_rows(values, order, back)
    assert torch.equal(permuted, values[order])
    assert torch.equal(permute_rows(permuted, back, order), values)
    (gradient,) = torch.autograd.grad((permuted * values.detach()[order]).sum(), values)
    assert torch.equal(gradient, values)
