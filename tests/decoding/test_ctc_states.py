"""Scores and beginnings of given readings, against all paths and against the forced alignment of one."""

import math

import numpy as np
import pytest
from all_paths import acoustics, matrices
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.decoding.alignment import align
from asr.decoding.ctc_states import first_frames, log_probs_of

several = st.lists(st.lists(st.integers(1, 3), max_size=3), max_size=4)


@pytest.mark.parametrize("separator", [None, 3])
@settings(max_examples=25, deadline=None)
@given(matrices(4, 5))
def test_all_alignments(separator: int | None, matrix: np.ndarray) -> None:
    """Every possible reading of the frames, and one that does not fit."""
    truth = acoustics(matrix, separator) | {(1, 2, 1, 2, 1, 2): -math.inf}
    assert log_probs_of(matrix, list(truth), separator) == pytest.approx(
        list(truth.values()), rel=0, abs=1e-9
    )


@settings(max_examples=40, deadline=None)
@given(matrices(4, 6), several)
def test_beginnings_are_those_of_the_alignment(matrix: np.ndarray, readings: list[list[int]]) -> None:
    """Several at a time, of different lengths, as one by one by another implementation."""
    soft = np.logaddexp(matrix, -9.0)
    possible = [
        tokens for tokens in readings if len(tokens) + sum(map(int.__eq__, tokens, tokens[1:])) <= len(soft)
    ]
    assert first_frames(soft, possible) == [
        tuple(one.start for one in align(soft, tokens)) for tokens in possible
    ]


def test_other_separators_pass() -> None:
    """ "_a_-_b_-_" with a space for _ and a blank for - is the only path of "a b"."""
    with np.errstate(divide="ignore"):
        matrix = np.log(np.eye(4)[[3, 1, 3, 0, 3, 2, 3, 0, 3]])
    assert first_frames(matrix, [[1, 3, 2]], separator=3) == [(1, 2, 5)]
    assert log_probs_of(matrix, [[1, 3, 2], [1, 2], []], separator=3) == [0.0, -math.inf, -math.inf]
    assert log_probs_of(matrix, [[3, 1, 3, 3, 2, 3, 3], [1, 3, 2]]) == [0.0, -math.inf]


def test_no_frames_and_no_readings() -> None:
    assert log_probs_of(np.zeros((0, 3)), [[], [1]]) == [0.0, -math.inf]
    assert first_frames(np.zeros((0, 3)), [[]]) == [()]
    assert log_probs_of(np.zeros((2, 3)), []) == []
    assert first_frames(np.zeros((2, 3)), []) == []
