"""Measures of confidences: values worked out by hand, and scikit-learn's."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.confidence.measures import (
    Bin,
    Measured,
    auc,
    average_precision,
    brier,
    ece,
    nce,
    reliability,
    resampled,
)

CONFIDENCES = np.array([0.9, 0.8, 0.8, 0.3])
RIGHT = np.array([True, True, False, False])


def test_nce_by_hand() -> None:
    # Half are right: H = 4 bits. log2 0.9 + log2 0.8 + log2 0.2 + log2 0.7
    given = math.log2(0.9 * 0.8 * 0.2 * 0.7)
    assert nce(CONFIDENCES, RIGHT) == pytest.approx((4 + given) / 4)
    # 3 of 4 right, and everything is said to be right with 0.75: nothing is known but the share.
    share = np.array([True, True, True, False])
    assert nce(np.full(4, 0.75), share) == pytest.approx(0.0, abs=1e-12)
    assert nce(np.array([1.0, 1.0, 0.0, 0.0]), RIGHT) == pytest.approx(1.0, abs=1e-5)
    assert math.isfinite(nce(np.array([0.0, 0.0, 1.0, 1.0]), RIGHT))
    assert nce(np.array([0.0, 0.0, 1.0, 1.0]), RIGHT) < -1


def test_nce_of_words_that_are_all_right_is_no_number() -> None:
    assert math.isnan(nce(np.array([0.5, 0.9]), np.array([True, True])))
    assert math.isnan(nce(np.zeros(0), np.zeros(0, bool)))


def test_reliability_and_ece_by_hand() -> None:
    # Of width 1/2: 0.3 alone in the first (0 of 1 right), the others in the second (2 of 3 right, mean 2.5 / 3).
    low, high = reliability(CONFIDENCES, RIGHT, "width", 2)
    assert low == Bin(1, 0.3, 0.0)
    assert (high.words, high.right) == (3, pytest.approx(2 / 3))
    assert high.confidence == pytest.approx(2.5 / 3)
    assert ece(CONFIDENCES, RIGHT, "width", 2) == pytest.approx((0.3 + 3 * (2.5 - 2) / 3) / 4)
    # The upper end belongs to a bin: 0.5 is in the first of two, 0 in the first as well, 1 in the last.
    assert [each.words for each in reliability(np.array([0.0, 0.5, 1.0]), np.ones(3, bool), "width", 2)] == [
        2,
        1,
    ]


def test_bins_of_equal_mass() -> None:
    values = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    right = np.array([False, True, False, True, True, True])
    bins = reliability(values, right, "mass", 3)
    assert [each.words for each in bins] == [2, 2, 2]
    assert [each.right for each in bins] == [0.5, 0.5, 1.0]
    assert ece(values, right, "mass", 3) == pytest.approx((0.35 + 0.15 + 0.45) / 3)
    # Equal confidences stay together, however many.
    assert [
        each.words for each in reliability(np.array([0.2, 0.9, 0.9, 0.9]), np.ones(4, bool), "mass", 4)
    ] == [1, 3]


def test_auc_by_hand() -> None:
    # Pairs (right, wrong): 0.9 > 0.8, 0.9 > 0.3, 0.8 = 0.8, 0.8 > 0.3: three and a half of four.
    assert auc(CONFIDENCES, RIGHT) == 3.5 / 4
    assert math.isnan(auc(CONFIDENCES, np.ones(4, bool)))


def test_average_precision_by_hand() -> None:
    # Least sure first: 0.3 is wrong (1 of 1), then the two at 0.8 together (2 of 3 found are wrong): (1 + 2/3) / 2.
    assert average_precision(CONFIDENCES, RIGHT) == pytest.approx((1 + 2 / 3) / 2)


def test_brier_by_hand() -> None:
    assert brier(CONFIDENCES, RIGHT) == pytest.approx((0.01 + 0.04 + 0.64 + 0.09) / 4)


words = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 0.99, 1.0]), st.booleans()), min_size=2, max_size=30
).filter(lambda pairs: len({right for _, right in pairs}) == 2)


@given(words)
def test_as_scikit_learn_says(pairs: list[tuple[float, bool]]) -> None:
    from sklearn import metrics

    confidences = np.array([each for each, _ in pairs])
    right = np.array([each for _, each in pairs])
    assert auc(confidences, right) == pytest.approx(metrics.roc_auc_score(right, confidences))
    expected = metrics.average_precision_score(~right, 1 - confidences)
    assert average_precision(confidences, right) == pytest.approx(expected)
    assert brier(confidences, right) == pytest.approx(metrics.brier_score_loss(right, confidences))
    bounded = np.clip(confidences, 1e-6, 1 - 1e-6)
    share = np.full(len(right), right.mean())
    # 1 - cross entropy of the confidences / that of the share of right words
    expected = 1 - metrics.log_loss(right, bounded) / metrics.log_loss(right, share)
    assert nce(confidences, right) == pytest.approx(expected)


@given(words)
def test_a_rising_curve_changes_no_ranking(pairs: list[tuple[float, bool]]) -> None:
    confidences, right = np.array([each for each, _ in pairs]), np.array([each for _, each in pairs])
    assert auc(confidences**3, right) == auc(confidences, right)
    assert average_precision(confidences**3, right) == pytest.approx(average_precision(confidences, right))


def intervals(
    confidences: np.ndarray, right: np.ndarray, utterances: list[str], resamples: int
) -> dict[str, Measured]:
    found = resampled(confidences, right, utterances, resamples=resamples)
    return {name: each.measured for name, each in found.items()}


def test_intervals_are_over_utterances() -> None:
    """Words of an utterance are drawn together, for they are right and wrong together."""
    rng = np.random.default_rng(1)
    utterances = [f"u{number // 4}" for number in range(200)]
    bad = rng.random(50) < 0.2
    right = np.repeat(~bad, 4)
    confidences = np.where(right, 0.9, 0.7)
    found = intervals(confidences, right, utterances, 400)
    alone = intervals(confidences, right, [str(number) for number in range(200)], 400)
    widths = [each["brier"].high - each["brier"].low for each in (found, alone)]
    assert 1.5 < widths[0] / widths[1] < 2.5  # the square root of 4, by the variance of a mean
    assert found["auc"].value == found["auc"].low == found["auc"].high == 1.0
    assert found["brier"].low < found["brier"].value < found["brier"].high
    assert found == intervals(confidences, right, utterances, 400)


def test_gains_are_paired() -> None:
    """Of two estimators that differ by a shift, the interval of the difference is narrow though each one's is wide."""
    rng = np.random.default_rng(2)
    right = rng.random(300) < 0.8
    confidences = np.clip(np.where(right, 0.9, 0.6) + rng.normal(0, 0.05, 300), 0, 1)
    utterances = [f"u{number // 3}" for number in range(300)]
    shifted = np.clip(confidences - 0.01, 0, 1)
    first, second = (
        resampled(each, right, utterances, resamples=200)["brier"] for each in (confidences, shifted)
    )
    gain, whole = (second - first).measured, first.measured
    assert gain.low <= gain.value <= gain.high
    assert gain.high - gain.low < (whole.high - whole.low) / 5


def test_what_there_is_not_is_null() -> None:
    found = intervals(np.array([0.9, 0.8]), np.array([True, True]), ["a", "b"], 5)
    assert found["auc"].to_json() == {"value": None, "interval_95": None}
    assert found["brier"].to_json()["value"] == pytest.approx(0.025)
