"""Features of words: by hand on a few frames; errors that say what does not fit."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from asr.confidence.estimator import plain
from asr.confidence.features import FEATURES, MARGIN, SILENT, word_features
from asr.confidence.n_best import Rivals, unchanged
from asr.decoding.greedy import collapse
from asr.decoding.hypothesis import Hypothesis, SearchResult
from asr.decoding.vocabulary import Vocabulary
from asr.decoding.word_times import WordSpan

LETTERS = Vocabulary(("", " ", "a", "b"))
#                blank  space  a     b
PROBABILITIES = [
    [0.10, 0.05, 0.80, 0.05],  # a
    [0.05, 0.05, 0.30, 0.60],  # b
    [0.10, 0.70, 0.10, 0.10],  # space
    [0.97, 0.01, 0.01, 0.01],
    [0.25, 0.05, 0.60, 0.10],  # a
    [0.05, 0.05, 0.85, 0.05],  # a goes on
]
MATRIX = np.log(PROBABILITIES)
BEST = Hypothesis((2, 3, 1, 2), ("ab", "a"), "ab a", -1.0, -1.0, 0.0, 0.0, frames=(0, 1, 2, 4))
WORDS = [WordSpan("ab", 0, 2, 0, 2), WordSpan("a", 3, 4, 4, 6)]


def features(result: SearchResult, words: list[WordSpan] = WORDS) -> list[dict[str, float]]:
    found = word_features(MATRIX, result, words, Rivals(LETTERS))
    return [dict(zip(FEATURES, row.tolist(), strict=True)) for row in found]


def test_by_hand() -> None:
    first, second = features(SearchResult((BEST,), "greedy"))
    assert first["peak_mean"] == pytest.approx((0.8 + 0.6) / 2)
    assert (first["peak_min"], second["peak_min"]) == pytest.approx(
        (0.6, 0.85)
    )  # where it goes on, it is surer
    assert first["margin_min"] == pytest.approx(math.log(0.6 / 0.3))
    assert second["margin_min"] == pytest.approx(math.log(0.85 / 0.05))
    assert second["best_mean"] == pytest.approx((0.6 + 0.85) / 2)
    # "ab" and nothing else in the frames before the second word begins: this alignment, and others
    assert 0.8 * 0.6 * 0.8 * 0.98 < math.exp(first["sound"]) < 1
    assert first["sound_frame"] == pytest.approx(first["sound"] / 4)
    assert (first["sound_after"], second["sound_before"]) == (second["sound"], first["sound"])
    assert (first["sound_before"], second["sound_after"]) == (0, 0)
    assert first["sound_worst"] == second["sound_worst"] == min(first["sound"], second["sound"])
    assert first["sound_all"] == pytest.approx((first["sound"] + second["sound"]) / 2)
    assert [first[name] for name in ("tokens", "frames", "frames_token", "words")] == [2, 2, 1, 2]
    assert [second[name] for name in ("pause_before", "pause_after", "from_start", "from_end")] == [
        2,
        0,
        1,
        0,
    ]
    entropy = -sum(p * math.log(p) for p in PROBABILITIES[1])
    assert first["entropy_max"] == pytest.approx(
        max(entropy, -sum(p * math.log(p) for p in PROBABILITIES[2]))
    )
    assert (first["rivals"], second["rivals"]) == pytest.approx(
        by_all_paths(), abs=0.02
    )  # of 50 best, not of all
    assert first["n_best"] == second["n_best"] == 1


def by_all_paths() -> tuple[float, float]:
    """The probability of either word, over all 4096 paths."""
    shares = np.zeros(2)
    for path in itertools.product(range(4), repeat=6):
        text = LETTERS.text(collapse(np.array(path)))
        shares += unchanged(("ab", "a"), text.split()) * math.exp(MATRIX[range(6), path].sum())
    return float(shares[0]), float(shares[1])


def test_the_decoders_own_list() -> None:
    other = replace(BEST, words=("b", "a"), text="b a", score=-1.0 + math.log(1 / 3))
    first, second = features(SearchResult((BEST, other), "plain"))
    assert (first["n_best"], second["n_best"]) == pytest.approx((0.75, 1.0))


def test_the_baseline() -> None:
    result = SearchResult((BEST,), "greedy")
    assert plain()(MATRIX, result, WORDS) == pytest.approx([0.7, 0.85])
    assert plain().utterance(MATRIX, result, WORDS) == pytest.approx(0.7)
    nothing = SearchResult((), "plain")
    assert plain()(MATRIX, nothing, []) == []
    assert plain().utterance(MATRIX, nothing, []) == pytest.approx(0.1 * 0.05 * 0.1 * 0.97 * 0.25 * 0.05)


def test_impossible_tokens_give_finite_features() -> None:
    """A forced word may be impossible: its features are low, not infinite."""
    matrix = MATRIX.copy()
    matrix[:, 3] = -np.inf
    found = word_features(matrix, SearchResult((BEST,), "plain"), WORDS, Rivals(LETTERS))
    assert np.isfinite(found).all()
    row = dict(zip(FEATURES, found[0].tolist(), strict=True))
    assert (row["peak_min"], row["margin_min"], row["sound"], row["rivals"]) == (0, -MARGIN, SILENT, 0)


def test_no_words() -> None:
    assert word_features(MATRIX, SearchResult((), "plain"), [], Rivals(LETTERS)).shape == (0, len(FEATURES))


def test_what_does_not_fit() -> None:
    result = SearchResult((BEST,), "greedy")
    with pytest.raises(ValueError, match="frames in which 0 begin"):
        features(SearchResult((replace(BEST, frames=()),), "greedy"))
    with pytest.raises(ValueError, match="within 6 frames and 4 tokens"):
        features(result, [WORDS[0], replace(WORDS[1], end=7)])
    with pytest.raises(ValueError, match="in their order"):
        features(result, WORDS[::-1])
    with pytest.raises(ValueError, match=r"expected log_probs of shape \(frames, 4\)"):
        word_features(MATRIX[:, :3], result, WORDS, Rivals(LETTERS))
