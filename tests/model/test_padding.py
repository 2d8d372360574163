"""Masks and reversal that know the lengths."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from asr.model.padding import reorder, reversal, valid

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
