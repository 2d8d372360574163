"""Posteriors of words among the n best: by hand, against an exhaustive alignment, and in pieces of a long utterance."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.confidence.n_best import LONGEST, Rivals, pieces, unchanged, word_posteriors
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.vocabulary import Vocabulary
from asr.decoding.word_times import WordSpan


def reading(text: str, probability: float) -> Hypothesis:
    score = math.log(probability)
    return Hypothesis((), tuple(text.split()), text, score, score, 0.0, 0.0)


def test_shares_by_hand() -> None:
    # 0.3 + 0.15 + 0.05 = 0.5 of all probability is in the list; "b" stands in its place in 0.3 and 0.05 of it.
    readings = [reading("a b c", 0.3), reading("a d c", 0.15), reading("b c", 0.05)]
    found = word_posteriors(["a", "b", "c"], readings)
    assert found == pytest.approx([0.45 / 0.5, 0.35 / 0.5, 1.0])
    assert word_posteriors(["a", "b"], []) == pytest.approx([0, 0])


def test_what_stands_elsewhere_is_not_the_same() -> None:
    assert unchanged(["a", "b", "a"], ["c", "b", "a"]).tolist() == [False, True, True]
    assert unchanged(["a", "b"], ["b"]).tolist() == [False, True]
    assert unchanged(["a", "b"], ["a", "x", "b"]).tolist() == [True, True]
    assert unchanged(["a", "b"], []).tolist() == [False, False]
    assert unchanged(["a", "a"], ["a"]).sum() == 1


def distance(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """Edit distance, straight from its definition."""
    if not ours or not theirs:
        return len(ours) + len(theirs)
    return min(
        distance(ours[1:], theirs[1:]) + (ours[0] != theirs[0]),
        distance(ours[1:], theirs) + 1,
        distance(ours, theirs[1:]) + 1,
    )


@given(st.lists(st.sampled_from("ab"), max_size=5), st.lists(st.sampled_from("abc"), max_size=5))
@settings(max_examples=60)
def test_it_is_an_alignment_at_the_least_number_of_errors(ours: list[str], theirs: list[str]) -> None:
    """What is unchanged can be laid over the other without touching it, and the rest costs no more than it must."""
    same = unchanged(ours, theirs)
    kept = [symbol for symbol, flag in zip(ours, same, strict=True) if flag]
    rest = iter(theirs)
    assert all(symbol in rest for symbol in kept)  # a subsequence of theirs
    assert distance(ours, theirs) >= max(len(ours), len(theirs)) - len(kept)
    assert unchanged(ours, ours).all()


def spans(borders: Sequence[tuple[int, int]]) -> list[WordSpan]:
    return [WordSpan("w", n, n + 1, start, end) for n, (start, end) in enumerate(borders)]


def test_pieces_make_up_the_whole_and_are_cut_in_pauses() -> None:
    borders = [(10 * n, 10 * n + 5) for n in range(30)]
    borders[8:] = [(start + 20, end + 20) for start, end in borders[8:]]  # a pause before word 8
    found = pieces(spans(borders), 400)
    assert found[0] == (0, 8, 0, (75 + 100) // 2)
    assert [piece[0] for piece in found[1:]] == [piece[1] for piece in found[:-1]]
    assert [piece[2] for piece in found[1:]] == [piece[3] for piece in found[:-1]]
    assert (found[-1][1], found[-1][3]) == (30, 400)
    assert max(last - first for first, last, _, _ in found) <= LONGEST
    assert pieces(spans(borders[:LONGEST]), 400) == [(0, LONGEST, 0, 400)]
    assert pieces([], 400) == []


def log_probs_of(rows: Sequence[dict[int, float]], tokens: int) -> np.ndarray:
    matrix = np.full((len(rows), tokens), 1e-9)
    for row, values in zip(matrix, rows, strict=True):
        row[list(values)] = list(values.values())
    return np.log(matrix / matrix.sum(axis=1, keepdims=True))


LETTERS = Vocabulary(("", " ", "a", "b", "c"))


def test_rivals_by_hand() -> None:
    """ "a b" where b has 0.7 and c has 0.3, alone in its frame: no other reading is worth anything."""
    matrix = log_probs_of([{2: 1.0}, {0: 1.0}, {1: 1.0}, {3: 0.7, 4: 0.3}], 5)
    words = [WordSpan("a", 0, 1, 0, 1), WordSpan("b", 2, 3, 3, 4)]
    assert Rivals(LETTERS)(matrix, [2, 1, 3], words) == pytest.approx([1.0, 0.7], abs=1e-6)
    assert Rivals(LETTERS)(matrix, [2, 1, 4], [words[0], WordSpan("c", 2, 3, 3, 4)])[1] == pytest.approx(0.3)


def test_phones_stand_where_all_of_them_do() -> None:
    """Words of two tokens each, nothing between them: the second token of the first is doubted."""
    phones = Vocabulary(("", "AA", "BB", "CC"))
    matrix = log_probs_of([{1: 1.0}, {2: 0.8, 3: 0.2}, {1: 1.0}, {3: 1.0}], 4)
    words = [WordSpan("x", 0, 2, 0, 2), WordSpan("y", 2, 4, 2, 4)]
    assert Rivals(phones)(matrix, [1, 2, 1, 3], words) == pytest.approx([0.8, 1.0], abs=1e-6)


def test_a_long_utterance_is_as_doubtful_as_its_parts() -> None:
    """Fifty words, of which each could be another: among the 50 best of the whole, most would look certain."""
    rows: list[dict[int, float]] = []
    for number in range(50):
        rows += [{2: 0.6, 3: 0.4}, {0: 1.0}, {1: 1.0}, {0: 1.0}] if number < 49 else [{2: 0.6, 3: 0.4}]
    words = [WordSpan("a", 2 * n, 2 * n + 1, 4 * n, 4 * n + 1) for n in range(50)]
    found = Rivals(LETTERS)(log_probs_of(rows, 5), [2, 1] * 49 + [2], words)
    assert found.shape == (50,)
    assert found.max() < 0.95
