"""Calibration: the curve that makes what happened most probable, monotone, finite whatever the data."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.confidence.calibration import Calibration, fit_calibration, logit


def test_the_curve_by_hand() -> None:
    # logit(0.8) = log 4; twice that, less log 2: sigmoid(log 8) = 8 / 9
    assert Calibration(2.0, -math.log(2), 1e-6)([0.8])[0] == pytest.approx(8 / 9)
    assert Calibration(1.0, 0.0, 0.1)([0.0, 0.05, 1.0]) == pytest.approx([0.1, 0.1, 0.9])


def test_one_score_gets_the_share_of_right_ones() -> None:
    """With equal scores only the offset can do anything: 3 of 4 right, by Platt's targets (3 * 4/5 + 1/3) / 4."""
    curve = fit_calibration([0.5] * 4, [True, True, True, False])
    assert curve([0.5])[0] == pytest.approx((3 * 4 / 5 + 1 / 3) / 4, abs=0.005)


def test_a_curve_that_made_the_data_is_found() -> None:
    rng = np.random.default_rng(3)
    scores = rng.uniform(0.01, 0.99, 20_000)
    true = 1 / (1 + np.exp(-(0.5 * logit(scores, 1e-6) - 0.7)))
    curve = fit_calibration(scores, rng.random(20_000) < true)
    assert curve.slope == pytest.approx(0.5, abs=0.03)
    assert curve.offset == pytest.approx(-0.7, abs=0.05)


def test_it_is_the_minimum() -> None:
    from scipy.optimize import minimize

    scores, right = np.array([0.9, 0.95, 0.6, 0.7, 0.99, 0.3]), np.array([1, 1, 0, 1, 1, 0], bool)
    targets = np.where(right, 5 / 6, 1 / 4)
    inputs = logit(scores, 1e-6)

    def loss(weights: np.ndarray) -> float:
        values = weights[0] * inputs + weights[1]
        pull = 0.005 * ((weights[0] - 1) ** 2 + weights[1] ** 2)
        return float((np.logaddexp(0, values) - targets * values).sum() + pull)

    best = minimize(loss, [1.0, 0.0], tol=1e-12).x
    curve = fit_calibration(scores, right)
    assert [curve.slope, curve.offset] == pytest.approx(best, abs=1e-4)


pairs = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=40).filter(
    lambda drawn: len({right for _, right in drawn}) == 2
)


@given(pairs)
def test_it_rises_and_stays_a_probability(drawn: list[tuple[float, bool]]) -> None:
    scores, right = [score for score, _ in drawn], [flag for _, flag in drawn]
    curve = fit_calibration(scores, right)
    assert curve.slope > 0
    found = curve(np.linspace(0, 1, 50))
    assert np.isfinite(found).all()
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found) >= 0).all()


def test_scores_that_say_the_contrary_are_not_believed() -> None:
    """Less sure of right words than of wrong ones: nothing is left but the share, about 1/2."""
    curve = fit_calibration([0.1, 0.2, 0.8, 0.9] * 10, [True, True, False, False] * 10)
    assert curve([0.01, 0.99]) == pytest.approx([0.5, 0.5], abs=0.01)


def test_both_kinds_are_needed() -> None:
    with pytest.raises(ValueError, match="2 right ones and 0 wrong ones"):
        fit_calibration([0.5, 0.6], [True, True])
