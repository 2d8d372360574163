"""Paired tests against hand-worked values, direct loops and exact distributions."""

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from asr.evaluation import significance
from asr.evaluation.significance import (
    McNemar,
    Paired,
    PairedTest,
    bootstrap,
    matched_pairs,
    mcnemar,
    ratio_error,
)
from asr.randomness import numpy_generator
from asr.runs.record import Outcome


def paired(words: Any, first: Any, second: Any, speakers: str | list[str] = "") -> Paired:
    """Utterances u0, u1, ...; speakers as one letter each."""
    names = tuple(speakers) or ("",) * len(words)
    ids = tuple(f"u{number}" for number in range(len(words)))
    return Paired(ids, names, np.array(words), np.array(first), np.array(second))


def outcome(words: int, errors: int, speaker: str = "a") -> Outcome:
    return Outcome(speaker=speaker, words=words, errors=errors, characters=0, hypothesis="")


utterances = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 5), st.integers(0, 5), st.sampled_from(["", *"abcdefg"])),
    min_size=2,
    max_size=30,
).filter(lambda rows: any(row[0] for row in rows))


def of_rows(rows: list[tuple[int, int, int, str]]) -> Paired:
    words, first, second, speakers = zip(*rows, strict=True)
    return paired(words, first, second, list(speakers))


def test_results_are_paired_by_utterance() -> None:
    first = {"u2": outcome(3, 1), "u1": outcome(2, 0, "b")}
    second = {"u1": outcome(2, 2, "b"), "u2": outcome(3, 0)}
    both = Paired.of(first, second)
    assert (both.ids, both.speakers) == (("u1", "u2"), ("b", "a"))
    assert (both.words.tolist(), both.first.tolist(), both.second.tolist()) == ([2, 3], [0, 1], [2, 0])
    assert both.differences.tolist() == [2, -1]
    assert (both.difference, both.total_words) == (1 / 5, 5)
    assert both.residuals.tolist() == pytest.approx([2 - 2 / 5, -1 - 3 / 5])


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"u1": outcome(2, 0)}, "1 utterances are in one result only, such as u2"),
        ({"u1": outcome(2, 0), "u3": outcome(2, 0)}, "2 utterances are in one result only, such as u2, u3"),
        ({"u1": outcome(2, 0), "u2": outcome(3, 0)}, "utterance u2: 2 words of speaker 'a' in the first result, 3"),
        ({"u1": outcome(2, 0), "u2": outcome(2, 0, "b")}, "of 'b' in the second; the references are not the same"),
    ],
)  # fmt: skip
def test_results_that_cannot_be_paired(second: dict[str, Outcome], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Paired.of({"u1": outcome(2, 1), "u2": outcome(2, 1)}, second)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ("u",), "speakers": ("",)}, "1 utterances: two or more are needed"),
        ({"ids": ("u", "u")}, "an utterance id is there twice"),
        ({"speakers": ("",)}, r"speakers has shape \(1,\), expected \(2,\)"),
        ({"first": np.array([1, 2, 3])}, r"first has shape \(3,\), expected \(2,\)"),
        ({"second": np.array([[1, 2]])}, r"second has shape \(1, 2\), expected \(2,\)"),
        ({"first": np.array([1, -1])}, "a count of words or errors is negative"),
        ({"words": np.array([0, 0])}, "2 utterances without any reference word"),
    ],
)
def test_counts_that_cannot_be(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(paired([1, 1], [0, 0], [0, 0]), **change)


def test_sums_over_speakers() -> None:
    """Utterances whose speaker is unknown are speakers of their own."""
    both = paired([1, 2, 3, 4, 5], [0] * 5, [0] * 5, ["a", "", "b", "a", ""])
    assert both.by_speaker(both.words).tolist() == [5, 2, 3, 5]
    assert both.named_speakers == 2 and not both.has_speakers
    assert paired([1] * 5, [0] * 5, [0] * 5, "abcde").has_speakers


def test_matched_pairs_over_utterances_by_hand() -> None:
    # Eight words, differences 1, 0, 1, -1: D = 1/8. Residuals 3/4, -1/4, 3/4, -5/4, their squares add to 44/16; times
    # 4/3, and 2 for two more utterances with a difference of one word: 17/3. Standard error sqrt(17/3) / 8.
    test = matched_pairs(paired([2, 2, 2, 2], [0, 1, 1, 1], [1, 1, 2, 0]))
    error = math.sqrt(17 / 3) / 8
    assert test.difference == 1 / 8
    assert test.standard_error == pytest.approx(error)
    assert (test.degrees, test.unit) == (3, "utterances")
    assert test.interval_95 == pytest.approx((1 / 8 - 3.182446 * error, 1 / 8 + 3.182446 * error), rel=1e-6)
    t = (1 / 8) / error
    cumulative = 1 / 2 + (t / math.sqrt(3) / (1 + t * t / 3) + math.atan(t / math.sqrt(3))) / math.pi
    assert test.p == pytest.approx(2 * (1 - cumulative))


def test_matched_pairs_over_speakers_by_hand() -> None:
    # Five speakers, two utterances of two words each; differences of the speakers 4, 0, 0, 0, -2, so D = 2/20 and
    # their residuals 3.6, -0.4 three times, -2.4: squares 19.2, times 5/4 is 24.
    first = [0, 0, 1, 1, 1, 1, 1, 1, 1, 1]
    second = [2, 2, 1, 1, 1, 1, 1, 1, 0, 0]
    test = matched_pairs(paired([2] * 10, first, second, "aabbccddee"))
    assert test.difference == 2 / 20
    assert test.standard_error == pytest.approx(math.sqrt(24) / 20)
    assert (test.degrees, test.unit) == (4, "speakers")
    assert test.interval_95[1] == pytest.approx(0.1 + 2.776445 * math.sqrt(24) / 20, rel=1e-6)
    assert test.p == pytest.approx(2 * stats.t.sf(0.1 * 20 / math.sqrt(24), 4))
    # Four named speakers are too few to say how speakers vary.
    assert matched_pairs(paired([2] * 10, first, second, "aabbccdddd")).unit == "utterances"


def test_equally_long_utterances_are_a_paired_t_test() -> None:
    """But for the two pseudo-utterances: the standard error of a mean, in words, over the words of an utterance."""
    difference = np.array([3, 0, -1, 4, 0, 0, 2, 1])
    both = paired([5] * 8, [4] * 8, 4 + difference)
    error = ratio_error(both.residuals, both.total_words)
    assert error == pytest.approx(stats.sem(difference) / 5)
    expected = stats.ttest_rel(both.second, both.first)
    assert both.difference / error == pytest.approx(expected.statistic)


@given(utterances)
def test_matched_pairs_by_a_direct_loop(rows: list[tuple[int, int, int, str]]) -> None:
    test = matched_pairs(of_rows(rows))
    words = sum(row[0] for row in rows)
    difference = sum(row[2] - row[1] for row in rows) / words
    squares = [(row[2] - row[1]) ** 2 for row in rows if row[2] != row[1]]
    pseudo = 2 * max(1, sum(squares) / len(squares)) if squares else 2
    spread = sum((row[2] - row[1] - difference * row[0]) ** 2 for row in rows)
    units = [(math.sqrt(len(rows) / (len(rows) - 1) * spread + pseudo) / words, len(rows) - 1)]
    speakers: dict[str, float] = {}
    for number, row in enumerate(rows):
        name = row[3] or str(number)
        speakers[name] = speakers.get(name, 0.0) + row[2] - row[1] - difference * row[0]
    if len({row[3] for row in rows} - {""}) >= 5:
        spread = sum(value**2 for value in speakers.values())
        units.append((math.sqrt(len(speakers) / (len(speakers) - 1) * spread) / words, len(speakers) - 1))
    half = max(error * stats.t.ppf(0.975, degrees) for error, degrees in units)
    assert test.difference == pytest.approx(difference)
    assert test.interval_95 == pytest.approx((difference - half, difference + half))
    if difference:
        ps = [2 * stats.t.sf(abs(difference) / error, degrees) if error else 0 for error, degrees in units]
        assert test.p == pytest.approx(max(ps))
    else:
        assert test.p == 1
    # The interval and p say the same.
    if abs(test.p - 0.05) > 1e-9:
        assert (test.p < 0.05) == (not test.interval_95[0] <= 0 <= test.interval_95[1])


def test_no_difference_anywhere() -> None:
    test = matched_pairs(paired([5] * 20, [1] * 20, [1] * 20, "abcdefghij" * 2))
    half = stats.t.ppf(0.975, 19) * math.sqrt(2) / 100
    assert (test.difference, test.p, test.unit) == (0, 1, "utterances")
    assert test.interval_95 == pytest.approx((-half, half))


@pytest.mark.parametrize(
    ("differing", "significant"), [(1, False), (3, False), (5, False), (6, True), (9, True)]
)
def test_few_utterances_that_differ_are_no_significant_difference(differing: int, significant: bool) -> None:
    """The exact sign test needs six that all point one way; without pseudo-utterances four would be enough."""
    second = [1] * differing + [0] * (1000 - differing)
    test = matched_pairs(paired([6] * 1000, [0] * 1000, second))
    assert (test.p < 0.05) == significant == (2 * 0.5**differing < 0.05)


@given(utterances)
def test_systems_may_be_swapped(rows: list[tuple[int, int, int, str]]) -> None:
    """The sign changes and nothing else."""
    swapped = of_rows([(words, second, first, speaker) for words, first, second, speaker in rows])
    there, back = matched_pairs(of_rows(rows)), matched_pairs(swapped)
    low, high = there.interval_95
    assert back == PairedTest(
        -there.difference, (-high, -low), there.p, there.standard_error, there.degrees, there.unit
    )
    sentences, mirrored = mcnemar(of_rows(rows)), mcnemar(swapped)
    assert mirrored == McNemar(sentences.second_only, sentences.first_only, sentences.p)
    drawn, reflected = bootstrap(of_rows(rows), resamples=40), bootstrap(swapped, resamples=40)
    assert reflected.interval_95 == pytest.approx((-drawn.interval_95[1], -drawn.interval_95[0]))
    assert reflected.improvement == pytest.approx(1 - drawn.improvement)
    assert (reflected.difference, reflected.p) == (-drawn.difference, drawn.p)


@pytest.mark.parametrize("unit", ["utterances", "speakers"])
def test_bootstrap_against_a_direct_loop(unit: significance.Unit) -> None:
    words, first, second, speakers = [3, 5, 2, 4, 6], [1, 0, 2, 1, 0], [0, 0, 1, 3, 0], "aabbc"
    found = bootstrap(paired(words, first, second, speakers), unit=unit, resamples=200, seed=3)
    groups = [[0, 1], [2, 3], [4]] if unit == "speakers" else [[0], [1], [2], [3], [4]]
    generator = numpy_generator(3, "paired bootstrap", unit)
    drawn = []
    for _ in range(200):
        chosen = itertools.chain(*(groups[generator.integers(len(groups))] for _ in groups))
        both = [(second[place] - first[place], words[place]) for place in chosen]
        drawn.append(sum(difference for difference, _ in both) / sum(length for _, length in both))
    assert found.interval_95 == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])))
    better, ties = sum(value < 0 for value in drawn), drawn.count(0)
    assert found.improvement == pytest.approx((better + ties / 2) / 200)
    assert found.p == pytest.approx(min(1, 2 * (min(better, 200 - better - ties) + ties + 1) / 201))
    assert (found.difference, found.unit, found.resamples) == (0.0, unit, 200)


def test_bootstrap_against_the_binomial_distribution() -> None:
    """100 utterances of one word, ten of them wrong in the first system alone: the resampled number is binomial."""
    found = bootstrap(paired([1] * 100, [1] * 10 + [0] * 90, [0] * 100), resamples=20_000)
    assert found.difference == -0.1
    exact = [-stats.binom.ppf(point, 100, 0.1) / 100 for point in (0.975, 0.025)]
    assert found.interval_95 == pytest.approx(exact, abs=0.0101)
    assert found.improvement == pytest.approx(1 - 0.9**100 / 2, abs=0.001)
    assert found.p < 0.001


def test_bootstrap_over_speakers_sees_that_their_errors_go_together() -> None:
    """One speaker of six is worse, in all utterances."""
    second = [1] * 20 + [0] * 100
    both = paired([4] * 120, [0] * 120, second, [name for name in "abcdef" for _ in range(20)])
    over_utterances, over_speakers = bootstrap(both), bootstrap(both, unit="speakers")
    assert over_utterances.p < 0.001 < 0.3 < over_speakers.p
    assert over_speakers.interval_95[0] == 0  # (5/6)^6: every third resample is without that speaker


def test_bootstrap_without_a_difference() -> None:
    found = bootstrap(paired([3, 4], [1, 0], [1, 0]), resamples=50)
    assert (found.interval_95, found.improvement, found.p) == ((0, 0), 0.5, 1)


def test_bootstrap_is_reproducible_and_keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    both = paired([3, 5, 2, 4, 6], [1, 0, 2, 1, 0], [0, 0, 1, 3, 0], "abcde")
    found = bootstrap(both, resamples=101)
    assert bootstrap(both, resamples=101) == found
    assert bootstrap(both, resamples=101, seed=1).interval_95 != found.interval_95
    assert bootstrap(both, resamples=101, unit="speakers").interval_95 != found.interval_95
    monkeypatch.setattr("asr.evaluation.significance._DRAWS", 7)  # a resample at a time
    assert bootstrap(both, resamples=101) == found


def test_resamples_without_a_reference_word_are_left_out() -> None:
    found = bootstrap(paired([0, 1], [0, 0], [5, 1]), resamples=1000)
    assert 700 < found.resamples < 800
    assert found.interval_95 == (1, 6)  # (5 + 1) / 1, 2 / 2; never 10 / 0


def test_bootstrap_of_nothing() -> None:
    both = paired([1, 1], [0, 0], [0, 0], "aa")
    with pytest.raises(ValueError, match="resamples must be 1 or more, got 0"):
        bootstrap(both, resamples=0)
    with pytest.raises(ValueError, match="one speaker only"):
        bootstrap(both, unit="speakers")


@pytest.mark.parametrize(
    ("first_only", "second_only", "p"),
    [(0, 0, 1.0), (0, 1, 1.0), (3, 3, 1.0), (0, 5, 1 / 16), (1, 6, 16 / 128), (6, 1, 16 / 128)],
)
def test_mcnemar_by_hand(first_only: int, second_only: int, p: float) -> None:
    first = [2] * first_only + [0] * second_only + [1, 1, 0]
    second = [0] * first_only + [1] * second_only + [1, 3, 0]
    assert mcnemar(paired([3] * len(first), first, second)) == McNemar(
        first_only, second_only, pytest.approx(p)
    )


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_binomial_test(first_only: int, second_only: int) -> None:
    first = [1] * first_only + [0] * second_only + [0, 0]
    second = [0] * first_only + [1] * second_only + [0, 0]
    found = mcnemar(paired([1] * len(first), first, second)).p
    expected = stats.binomtest(first_only, first_only + second_only).pvalue if first_only + second_only else 1
    assert found == pytest.approx(expected)
