"""The equivalence test by hand; how often it is wrong is in test_equivalence_rate.py."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from asr.evaluation.equivalence import Equivalence, equivalence, equivalence_from_intervals
from asr.evaluation.significance import Paired


def paired(words: Any, first: Any, second: Any, speakers: str | list[str] = "") -> Paired:
    """Utterances u0, u1, ...; speakers as one letter each."""
    names = tuple(speakers) or ("",) * len(words)
    ids = tuple(f"u{number}" for number in range(len(words)))
    return Paired(ids, names, np.array(words), np.array(first), np.array(second))


def test_identical_results_are_limited_by_utterances_that_were_not_seen() -> None:
    # No difference at all in m utterances of 8 words: s = 8, and t sqrt(margin * 8 / (8 m)) must be below the margin,
    # so m must be above t^2 / margin. At 2 % that is 1.6565^2 / 0.02 = 137.2 utterances.
    for utterances, equivalent in ((137, False), (138, True)):
        found = equivalence(paired([8] * utterances, [1] * utterances, [1] * utterances), 0.02)
        quantile = stats.t.ppf(0.95, utterances - 1)
        assert found.equivalent is equivalent
        assert (
            found.interval[1] == -found.interval[0] == pytest.approx(quantile * math.sqrt(0.02 / utterances))
        )
        assert (found.limited_by, found.degrees) == ("unseen utterances", utterances - 1)
        assert found.smallest_margin == pytest.approx(quantile**2 / utterances)
        assert found.difference == 0


def test_over_utterances_by_hand() -> None:
    # 100 utterances of ten words, five errors more in ten of them, five less in another ten: D = 0, no skewness.
    # Squares 20 * 25 = 500, times 100/99, and 2 * 25 for the pseudo-utterances; over 1000 words.
    both = paired([10] * 100, [5] * 20 + [0] * 80, [10] * 10 + [0] * 10 + [0] * 80)
    error = math.sqrt(500 * 100 / 99 + 50) / 1000
    half = stats.t.ppf(0.95, 99) * error
    # Not seen: s = (500 + 100) / (100 + 10), at a margin of 5 % a variance of 0.05 s / 1000, which is less.
    found = equivalence(both, 0.05)
    assert found.interval == pytest.approx((-half, half))
    assert (found.equivalent, found.limited_by) == (True, "utterances")
    # At 20 % it is more.
    half = stats.t.ppf(0.95, 99) * math.sqrt(0.2 * (600 / 110) / 1000)
    found = equivalence(both, 0.2)
    assert found.interval == pytest.approx((-half, half))
    assert (found.equivalent, found.limited_by) == (True, "unseen utterances")


def test_skewed_differences_lengthen_the_side_of_the_tail() -> None:
    # 200 utterances of five words, five errors more in four of them. Residuals 4.9 and -0.1: their mean square is
    # (4 * 24.01 + 196 * 0.01) / 200 = 0.49, their mean cube (4 * 117.649 - 196 * 0.001) / 200 = 2.352, skewness 2.352
    # / 0.343. Standard error: sqrt(98 * 200/199 + 2 * 25) / 1000.
    both = paired([5] * 200, [0] * 200, [5] * 4 + [0] * 196)
    quantile, skewness = stats.t.ppf(0.95, 199), 2.352 / 0.343
    error = math.sqrt(98 * 200 / 199 + 50) / 1000
    found = equivalence(both, 0.001)
    upper = 0.02 + error * (quantile + skewness * (1 + 2 * quantile**2) / (6 * math.sqrt(200)))
    assert found.interval == pytest.approx((0.02 - error * quantile, upper))
    assert found.limited_by == "utterances"
    mirrored = equivalence(paired([5] * 200, [5] * 4 + [0] * 196, [0] * 200), 0.001)
    assert mirrored.interval == pytest.approx((-upper, error * quantile - 0.02))


def test_over_speakers_by_hand() -> None:
    # Six speakers of 100 words each, in 20 utterances; three have ten errors more, three ten less. D = 0; squares
    # 600 times 6/5 over 600 words. Not seen: s = 600 / 60 = 10.
    first = [0] * 60 + [1] * 10 + [0] * 10 + [1] * 10 + [0] * 10 + [1] * 10 + [0] * 10
    second = [1] * 10 + [0] * 10 + [1] * 10 + [0] * 10 + [1] * 10 + [0] * 10 + [0] * 60
    both = paired([5] * 120, first, second, [name for name in "abcdef" for _ in range(20)])
    quantile = stats.t.ppf(0.95, 5)
    found = equivalence(both, 0.05)
    half = quantile * math.sqrt(720) / 600
    assert found.interval == pytest.approx((-half, half))
    assert (found.equivalent, found.limited_by, found.degrees) == (False, "speakers", 5)
    found = equivalence(both, 0.25)
    half = quantile * math.sqrt(0.25 * 10 / 600)
    assert found.interval == pytest.approx((-half, half))
    assert (found.equivalent, found.limited_by) == (True, "unseen speakers")
    # Four named speakers say nothing of others: the utterances have to do.
    named = equivalence(paired([5] * 120, first, second, "abcd" * 30), 0.05)
    assert (named.degrees, named.equivalent) == (119, True)


def test_too_little_data_is_never_equivalent() -> None:
    """Not even two results without any error."""
    for utterances in range(2, 20):
        assert not equivalence(paired([5] * utterances, [0] * utterances, [0] * utterances), 0.1).equivalent


def test_a_difference_beyond_the_margin_is_not_equivalent_on_any_number_of_utterances() -> None:
    for sign in (1, -1):
        first, second = ([0] * 20_000, [1] * 1000 + [0] * 19_000)[::sign]
        found = equivalence(paired([2] * 20_000, first, second), 0.02)
        assert not found.equivalent and found.difference == sign * 0.025
        assert equivalence(paired([2] * 20_000, first, second), 0.03).equivalent


rows = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 5), st.integers(0, 5), st.sampled_from("abcdef")),
    min_size=2,
    max_size=30,
)
margins = st.floats(0.001, 10)


@given(rows, margins, margins, st.floats(0.01, 0.2))
def test_a_wider_margin_is_easier_and_the_smallest_is_known(
    items: list[tuple[int, int, int, str]], margin: float, other: float, alpha: float
) -> None:
    words, first, second, speakers = zip(*items, strict=True)
    assume(any(words))
    there = equivalence(paired(words, first, second, list(speakers)), margin, alpha)
    back = equivalence(paired(words, second, first, list(speakers)), margin, alpha)
    assert back.equivalent is there.equivalent
    assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]))
    assert there.equivalent is (-margin < there.interval[0] and there.interval[1] < margin)
    assert there.interval[0] < there.difference < there.interval[1]
    if abs(margin / there.smallest_margin - 1) > 1e-9:
        assert there.equivalent is (margin > there.smallest_margin)
    wider = equivalence(paired(words, first, second, list(speakers)), max(margin, other), alpha)
    assert wider.equivalent or not there.equivalent
    assert wider.smallest_margin == there.smallest_margin


def test_smallest_margin_where_utterances_that_were_not_seen_limit_it() -> None:
    # 400 utterances of eight words, one error more in ten of them: D = 1/320, s = (10 + 64) / (10 + 8).
    both = paired([8] * 400, [0] * 400, [1] * 10 + [0] * 390)
    margin = equivalence(both, 0.05).smallest_margin
    half = stats.t.ppf(0.95, 399) * math.sqrt(margin * (74 / 18) / 3200)
    assert margin == pytest.approx(1 / 320 + half)
    for factor, equivalent in ((0.999, False), (1.001, True)):
        found = equivalence(both, margin * factor)
        assert (found.equivalent, found.limited_by) == (equivalent, "unseen utterances")


def from_intervals(first: float, second: float, half: float, sentences: int) -> Equivalence:
    return equivalence_from_intervals(
        (first, (first - half, first + half / 2)),
        (second, (second - half / 2, second + half)),
        sentences=sentences,
        margin=0.02,
    )


def test_from_intervals_by_hand() -> None:
    # Either standard error is that of the longer side, 0.01 / 1.96; together sqrt(2) times that.
    found = from_intervals(0.06, 0.062, 0.01, 100_000)
    half = 1.644854 * 0.01 * math.sqrt(2) / 1.959964
    assert found.interval == pytest.approx((0.002 - half, 0.002 + half), rel=1e-4)
    assert (found.equivalent, found.limited_by, found.degrees) == (True, "intervals", 99_999)
    assert not from_intervals(0.06, 0.07, 0.01, 100_000).equivalent
    assert not from_intervals(0.07, 0.06, 0.01, 100_000).equivalent


def test_from_intervals_of_no_width() -> None:
    """Two results without an error have intervals from 0 to 0, and may yet have too few utterances."""
    for sentences, equivalent in ((137, False), (138, True)):  # as for identical results, above
        found = from_intervals(0, 0, 0, sentences)
        assert (found.equivalent, found.limited_by) == (equivalent, "unseen utterances")


@pytest.mark.parametrize(
    ("margin", "alpha", "message"),
    [
        (0, 0.05, "margin must be above 0, got 0"),
        (float("nan"), 0.05, "margin must be above 0, got nan"),
        (0.01, 0.5, "alpha must be between 0 and 0.5, got 0.5"),
        (0.01, 0, "alpha must be between 0 and 0.5, got 0"),
    ],
)
def test_settings_that_cannot_be(margin: float, alpha: float, message: str) -> None:
    interval = (0.1, (0.0, 0.2))
    with pytest.raises(ValueError, match=message):
        equivalence(paired([1, 1], [0, 0], [0, 0]), margin, alpha)
    with pytest.raises(ValueError, match=message):
        equivalence_from_intervals(interval, interval, sentences=9, margin=margin, alpha=alpha)
    with pytest.raises(ValueError, match="1 sentences: two or more are needed"):
        equivalence_from_intervals(interval, interval, sentences=1, margin=0.01)
