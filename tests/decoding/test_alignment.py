"""Forced alignment: by hand, against all paths, against torchaudio's, on the posteriors of a model that knows."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchaudio.functional import forced_align

from asr.decoding.alignment import AlignedToken, align
from asr.decoding.greedy import collapse
from asr.errors import AlignmentError

A, B = 1, 2


def rows(*probabilities: tuple[float, ...]) -> np.ndarray:
    """(frames, V) log-probs."""
    with np.errstate(divide="ignore"):
        return np.log(np.array(probabilities))


def test_by_hand() -> None:
    """blank, A, A, blank, B: each at 0.8."""
    heard = rows((0.8, 0.1, 0.1), (0.1, 0.8, 0.1), (0.1, 0.8, 0.1), (0.8, 0.1, 0.1), (0.1, 0.1, 0.8))
    first, second = align(heard, [A, B])
    assert (first.token, first.start, first.end) == (A, 1, 3)
    assert (second.token, second.start, second.end) == (B, 4, 5)
    assert first.log_prob == pytest.approx(2 * math.log(0.8))
    # Told that it was B alone, frames of A are blank at best: 0.8 0.1 0.1 0.8 0.8 is better than B anywhere else.
    assert [(found.start, found.end) for found in align(heard, [B])] == [(4, 5)]


def test_of_equals_the_earliest() -> None:
    even = rows(*[(0.5, 0.5)] * 4)
    assert align(even, [A]) == [AlignedToken(A, 0, 1, math.log(0.5))]
    assert [(found.start, found.end) for found in align(even, [A, A])] == [(0, 1), (2, 3)]


def test_two_equal_tokens_need_a_blank_between() -> None:
    sure = rows((0.1, 0.9), (0.1, 0.9), (0.1, 0.9))
    first, second = align(sure, [A, A])
    assert (first.start, first.end, second.start, second.end) == (0, 1, 2, 3)
    with pytest.raises(
        AlignmentError, match="2 tokens need 3 frames or more .* and there are 2; the text is not"
    ):
        align(sure[:2], [A, A])


def test_a_long_text() -> None:
    """More states than fit into a byte."""
    tokens = [A, B] * 150
    heard = np.full((600, 3), np.log(0.1))
    heard[np.arange(600), np.repeat(tokens, 2)] = np.log(0.8)
    assert [(found.start, found.end) for found in align(heard, tokens)] == [
        (2 * n, 2 * n + 2) for n in range(300)
    ]


@pytest.mark.parametrize("frames", [0, 1])
def test_too_short(frames: int) -> None:
    assert align(np.zeros((frames, 3)), []) == []
    with pytest.raises(AlignmentError, match=f"2 tokens need 2 frames or more .* there are {frames}"):
        align(np.zeros((frames, 3)), [A, B])


def test_an_impossible_text() -> None:
    """Frames enough, but the model gives one of its tokens no probability anywhere."""
    with pytest.raises(AlignmentError, match="1 tokens need 1 frames"):
        align(rows((0.5, 0.5, 0.0), (0.5, 0.5, 0.0)), [B])


def test_mistakes_of_a_programmer() -> None:
    with pytest.raises(ValueError, match=r"expected log_probs of shape \(frames, V\), got shape \(3,\)"):
        align(np.zeros(3), [A])
    with pytest.raises(ValueError, match=r"token 3: expected 0 to 2, and not the blank \(0\)"):
        align(np.zeros((4, 3)), [A, 3])
    with pytest.raises(ValueError, match="token 0: expected"):
        align(np.zeros((4, 3)), [0])
    with pytest.raises(ValueError, match="has NaN"):
        align(np.full((2, 2), np.nan), [A])


matrices = st.integers(1, 6).flatmap(
    lambda frames: st.lists(
        st.lists(st.floats(-8, 0), min_size=3, max_size=3), min_size=frames, max_size=frames
    )
)


@given(matrices, st.lists(st.sampled_from([A, B]), min_size=1, max_size=4))
def test_no_path_of_all_is_better(numbers: list[list[float]], tokens: list[int]) -> None:
    heard = np.array(numbers)
    frames = len(heard)
    possible = {
        path: sum(heard[t, token] for t, token in enumerate(path))
        for path in itertools.product(range(3), repeat=frames)
        if collapse(np.array(path)) == tokens
    }
    if not possible:
        with pytest.raises(AlignmentError):
            align(heard, tokens)
        return
    found = align(heard, tokens)
    path = np.zeros(frames, int)
    for each in found:
        path[each.start : each.end] = each.token
    assert tuple(path) in possible
    assert possible[tuple(path)] == pytest.approx(max(possible.values()))
    for each in found:
        assert each.log_prob == pytest.approx(heard[each.start : each.end, each.token].sum())


@pytest.mark.filterwarnings("ignore::UserWarning")  # torchaudio announces its end
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@given(st.integers(0, 2**32 - 1))
def test_the_score_is_torchaudio_s(seed: int) -> None:
    generator = np.random.default_rng(seed)
    tokens = generator.integers(1, 5, generator.integers(1, 12)).tolist()
    heard = torch.from_numpy(generator.standard_normal((40, 5)) * 3).log_softmax(1)
    theirs = forced_align(heard[None], torch.tensor([tokens]), blank=0)[1].sum()
    path = np.zeros(40, int)
    for each in align(heard.numpy(), tokens):
        path[each.start : each.end] = each.token
    assert heard[torch.arange(40), torch.from_numpy(path)].sum().item() == pytest.approx(theirs.item())
