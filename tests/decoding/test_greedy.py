import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from asr.decoding.greedy import greedy


def log_probs(rows: list[list[float]]) -> np.ndarray:
    return np.log(np.array(rows))


def test_by_hand() -> None:
    # Best tokens: 1 1 0 1 2 2 0 0 -> merged 1 0 1 2 0 -> 1 1 2.
    best = [1, 1, 0, 1, 2, 2, 0, 0]
    assert greedy(log_probs([[0.8 if token == one else 0.1 for token in range(3)] for one in best])) == [
        1,
        1,
        2,
    ]


def test_another_blank() -> None:
    matrix = log_probs([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.8, 0.1, 0.1]])
    assert greedy(matrix, blank=2) == [0, 0]
    assert greedy(matrix, blank=0) == [2]
    assert greedy(matrix, blank=1) == [0, 2, 0]


def test_nothing_in_nothing_out() -> None:
    assert greedy(np.zeros((0, 5))) == []
    assert greedy(log_probs([[0.9, 0.1]] * 10)) == []


def test_equal_tokens_give_the_lowest() -> None:
    assert greedy(np.full((4, 3), -math.log(3))) == []
    assert greedy(np.full((4, 3), -math.log(3)), blank=2) == [0]


@given(
    hnp.arrays(
        np.float32, st.tuples(st.integers(0, 5), st.integers(1, 4)), elements=st.floats(-20, 0, width=32)
    )
)
def test_against_the_best_of_all_paths(matrix: np.ndarray) -> None:
    frames, tokens = matrix.shape
    paths = itertools.product(range(tokens), repeat=frames)  # in ascending order, and max keeps the first
    exact = [[Fraction(float(value)) for value in row] for row in matrix]  # a sum of floats could make a tie
    best = max(paths, key=lambda path: sum(exact[frame][token] for frame, token in enumerate(path)))
    merged = [token for token, _ in itertools.groupby(best)]
    assert greedy(matrix) == [token for token in merged if token != 0]


def test_lists_and_tensors() -> None:
    import torch

    matrix = log_probs([[0.1, 0.8, 0.1], [0.8, 0.1, 0.1]])
    assert (
        greedy(matrix.tolist())
        == greedy(torch.from_numpy(matrix))
        == greedy(torch.from_numpy(matrix).float())
        == [1]
    )
    assert all(type(token) is int for token in greedy(matrix))


def test_minus_infinity_is_a_probability_of_zero() -> None:
    assert greedy(np.array([[-np.inf, 0.0], [0.0, -np.inf]])) == [1]


def test_wrong_shapes_say_what_was_expected() -> None:
    for shape in [(3,), (2, 3, 4), ()]:
        with pytest.raises(ValueError, match=r"expected log_probs of shape \(frames, tokens\), got shape \("):
            greedy(np.zeros(shape))


def test_a_blank_that_is_no_token() -> None:
    for blank in (3, -1):
        with pytest.raises(
            ValueError, match=rf"blank {blank} is not one of the 3 tokens of log_probs \(2, 3\)"
        ):
            greedy(np.zeros((2, 3)), blank=blank)


def test_nan_is_refused() -> None:
    matrix = np.zeros((5, 3))
    matrix[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"log_probs of shape \(5, 3\) has NaN, first in frame 3"):
        greedy(matrix)
