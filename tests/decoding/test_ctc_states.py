"""Scores and beginnings of given readings, against all paths and torchaudio's forced alignment."""

import itertools
import math

import numpy as np
import pytest
import torch
from all_paths import acoustics, matrices
from hypothesis import given, settings
from hypothesis import strategies as st
from torchaudio.functional import forced_align

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
def test_beginnings_are_those_of_a_best_path(matrix: np.ndarray, readings: list[list[int]]) -> None:
    """Several at a time, of different lengths: of all paths that say a reading, none is more probable."""
    soft = np.logaddexp(matrix, -9.0)
    best: dict[tuple[int, ...], dict[tuple[int, ...], float]] = {}
    for path in itertools.product(range(4), repeat=len(soft)):
        starts = [t for t, token in enumerate(path) if token and (not t or path[t - 1] != token)]
        reading, score = tuple(path[t] for t in starts), sum(soft[t, token] for t, token in enumerate(path))
        scores = best.setdefault(reading, {})
        scores[tuple(starts)] = max(score, scores.get(tuple(starts), -math.inf))
    possible = [tokens for tokens in readings if tuple(tokens) in best]
    for tokens, begins in zip(possible, first_frames(soft, possible), strict=True):
        scores = best[tuple(tokens)]
        assert scores[begins] == pytest.approx(max(scores.values()), abs=1e-9)


def test_of_equals_the_earliest() -> None:
    even = np.full((5, 3), math.log(1 / 3))
    assert first_frames(even, [[1], [1, 2], [1, 1], [1, 1, 1]]) == [(0,), (0, 1), (0, 2), (0, 2, 4)]


@pytest.mark.parametrize("tokens", [[1, 2] * 150, [1] * 100])
def test_a_long_reading(tokens: list[int]) -> None:
    """More states than fit into a byte."""
    path = np.array([[token, 0] for token in tokens]).ravel()
    matrix = np.full((len(path), 3), math.log(0.1))
    matrix[np.arange(len(path)), path] = math.log(0.8)
    assert first_frames(matrix, [tokens]) == [tuple(range(0, len(path), 2))]


@pytest.mark.filterwarnings("ignore::UserWarning")  # torchaudio announces its end
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@given(st.integers(0, 2**32 - 1))
def test_beginnings_are_those_of_torchaudio(seed: int) -> None:
    generator = np.random.default_rng(seed)
    tokens = generator.integers(1, 5, generator.integers(1, 12)).tolist()
    heard = torch.from_numpy(generator.standard_normal((40, 5)) * 3).log_softmax(1)
    path = forced_align(heard[None], torch.tensor([tokens]), blank=0)[0][0].tolist()
    begins = tuple(t for t, token in enumerate(path) if token and (not t or path[t - 1] != token))
    assert first_frames(heard.numpy(), [tokens]) == [begins]


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
