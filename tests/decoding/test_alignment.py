"""Forced alignment: by hand, against all paths, by torchaudio and by our own."""

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
from all_paths import matrices
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr.decoding import alignment
from asr.decoding.alignment import Span, align, greedy_spans, spans_of
from asr.decoding.ctc_states import first_frames
from asr.decoding.greedy import collapse, greedy
from asr.errors import AlignmentError

A, B = 1, 2


@pytest.fixture(params=["torchaudio", "ours"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "torchaudio":
        assert alignment.torchaudios() is not None
    if request.param == "ours":
        monkeypatch.setattr(alignment, "torchaudios", lambda: None)
    yield request.param


def rows(*probabilities: tuple[float, ...]) -> np.ndarray:
    """(frames, V) log-probs."""
    with np.errstate(divide="ignore"):
        return np.log(np.array(probabilities))


def path_of(spans: list[Span], frames: int) -> tuple[int, ...]:
    path = np.zeros(frames, int)
    for span in spans:
        path[span.start : span.end] = span.token
    return tuple(path.tolist())


def test_by_hand(engine: str) -> None:
    """blank, A, A, blank, B: each at 0.8."""
    heard = rows((0.8, 0.1, 0.1), (0.1, 0.8, 0.1), (0.1, 0.8, 0.1), (0.8, 0.1, 0.1), (0.1, 0.1, 0.8))
    assert align(heard, [A, B]) == [Span(A, 1, 3), Span(B, 4, 5)]
    assert align(heard, [B]) == [Span(B, 4, 5)]  # then A's frames are blank at best
    assert align(heard, []) == []


def test_two_equal_tokens_need_a_blank_between(engine: str) -> None:
    sure = rows((0.1, 0.9), (0.1, 0.9), (0.1, 0.9))
    assert align(sure, [A, A]) == [Span(A, 0, 1), Span(A, 2, 3)]
    with pytest.raises(
        AlignmentError, match="2 tokens need 3 frames or more, and there are 2; the text is not"
    ):
        align(sure[:2], [A, A])
    with pytest.raises(AlignmentError, match="1 tokens need 1 frames or more, and there are 0"):
        align(np.zeros((0, 3)), [A])


def test_an_impossible_text(engine: str) -> None:
    with pytest.raises(
        AlignmentError, match="no way to say these 1 tokens in 2 frames a probability above 0"
    ):
        align(rows((0.5, 0.5, 0.0), (0.5, 0.5, 0.0)), [B])


def test_too_much_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignment, "MOST", 20)
    assert len(align(np.full((4, 3), math.log(1 / 3)), [A, B])) == 2
    with pytest.raises(AlignmentError, match="5 frames and 2 tokens are too many"):
        align(np.full((5, 3), math.log(1 / 3)), [A, B])


def test_mistakes_of_a_programmer() -> None:
    with pytest.raises(ValueError, match=r"expected log_probs of shape \(frames, V\), got shape \(3,\)"):
        align(np.zeros(3), [A])
    with pytest.raises(ValueError, match=r"token 3: expected 1 to 2 \(0 is the blank\)"):
        align(np.zeros((4, 3)), [A, 3])
    with pytest.raises(ValueError, match="token 0: expected"):
        align(np.zeros((4, 3)), [0])
    with pytest.raises(ValueError, match="has NaN"):
        align(np.full((2, 2), np.nan), [A])


few = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
texts = st.lists(st.integers(1, 3), min_size=1, max_size=3)


@few
@given(matrices(4, 5), texts)
def test_no_path_of_all_is_better(engine: str, matrix: np.ndarray, tokens: list[int]) -> None:
    """Many of these are ties, or impossible: torchaudio alone loses the best path of some, and invents tokens."""
    every = [p for p in itertools.product(range(4), repeat=len(matrix)) if collapse(np.array(p)) == tokens]
    scores = [float(matrix[np.arange(len(matrix)), path].sum()) for path in every]
    if max(scores, default=-math.inf) == -math.inf:
        with pytest.raises(AlignmentError):
            align(matrix, tokens)
        return
    path = path_of(align(matrix, tokens), len(matrix))
    assert path in every
    assert scores[every.index(path)] == pytest.approx(max(scores), abs=1e-7)


@settings(max_examples=60)
@given(matrices(4, 9), texts)
def test_both_engines_give_one_path(matrix: np.ndarray, tokens: list[int]) -> None:
    assert alignment.torchaudios() is not None
    found = []
    for engine in (alignment.torchaudios(), None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(alignment, "torchaudios", lambda engine=engine: engine)
            try:
                found.append(align(matrix, tokens))
            except AlignmentError as error:
                found.append([str(error)])  # type: ignore[list-item]
    assert found[0] == found[1]


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_begins_where_the_search_says_and_greedy_needs_no_alignment(seed: int) -> None:
    generator = np.random.default_rng(seed)
    logits = generator.standard_normal((40, 5)) * 3
    heard = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    tokens = greedy(heard)
    spans = align(heard, tokens)
    assert spans == greedy_spans(heard)
    assert [span.token for span in spans] == tokens
    other = generator.integers(1, 5, generator.integers(1, 12)).tolist()
    assert tuple(span.start for span in align(heard, other)) == first_frames(heard, [other])[0]


def test_a_long_text(engine: str) -> None:
    """More states than fit into a byte."""
    tokens = [A, B] * 150
    heard = np.full((600, 3), np.log(0.1))
    heard[np.arange(600), np.repeat(tokens, 2)] = np.log(0.8)
    spans = align(heard, tokens)
    assert [(span.start, span.end) for span in spans] == [(2 * n, 2 * n + 2) for n in range(300)]


def test_spans_of_a_path() -> None:
    assert spans_of(np.array([0, 2, 2, 1, 0, 1])) == [Span(2, 1, 3), Span(1, 3, 4), Span(1, 5, 6)]
    assert spans_of(np.array([], dtype=np.intp)) == spans_of(np.array([0, 0])) == []
