"""Label priors: means of posteriors, taken off so that each frame still adds up to 1."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.decoding.priors import FLOOR, Priors


def test_the_mean_over_all_frames() -> None:
    # Three frames, two utterances: frames count, not utterances. (0.8 + 0.6 + 0.1) / 3 = 0.5.
    first, second = np.log([[0.8, 0.2], [0.6, 0.4]]), np.log([[0.1, 0.9]])
    assert Priors.of([first, second]).values == pytest.approx((0.5, 0.5))


def test_taken_off_by_hand() -> None:
    # 0.9 / 0.75 = 1.2 and 0.1 / 0.25 = 0.4: together 1.6, so 0.75 and 0.25.
    found = Priors((0.75, 0.25)).removed(np.log([[0.9, 0.1]]), 1.0)
    assert np.exp(found) == pytest.approx(np.array([[0.75, 0.25]]))
    # With half the weight: 0.9 / sqrt(0.75) and 0.1 / sqrt(0.25).
    one, other = 0.9 / math.sqrt(0.75), 0.1 / math.sqrt(0.25)
    found = Priors((0.75, 0.25)).removed(np.log([[0.9, 0.1]]), 0.5)
    assert np.exp(found) == pytest.approx(np.array([[one / (one + other), other / (one + other)]]))


def test_without_weight_nothing_changes() -> None:
    log_probs = np.log(np.array([[0.9, 0.1]], dtype=np.float32))
    assert np.array_equal(Priors((0.75, 0.25)).removed(log_probs, 0.0), log_probs.astype(np.float64))


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=5), st.floats(0, 2))
def test_frames_add_up_to_one(sizes: list[float], weight: float) -> None:
    probabilities = np.array(sizes) / sum(sizes)
    priors = Priors(tuple(probabilities.tolist()))
    found = priors.removed(np.log(np.stack([probabilities, probabilities[::-1]])), weight)
    assert np.exp(found).sum(axis=1) == pytest.approx(1.0)


def test_a_token_that_is_never_heard_gets_no_weight_without_end() -> None:
    found = Priors((1.0, 0.0)).removed(np.log([[0.5, 0.5]]), 1.0)
    assert np.isfinite(found).all()
    assert np.exp(found[0, 0]) == pytest.approx(FLOOR / (1 + FLOOR))


@pytest.mark.parametrize("values", [(), (0.5, 0.4), (1.5, -0.5)])
def test_no_probabilities(values: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="probabilities that add up to 1"):
        Priors(values)


def test_no_frames_and_other_tokens() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        Priors.of([])
    with pytest.raises(ValueError, match=r"shape \(frames, 2\), got shape \(1, 3\)"):
        Priors((0.5, 0.5)).removed(np.zeros((1, 3)), 1.0)
