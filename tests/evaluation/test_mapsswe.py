"""The matched-pair test against hand-worked values and another algorithm; against NIST's own in test_nist.py."""

import math
import re
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.evaluation.mapsswe import aligned, mapsswe, segments_of

texts = st.lists(st.sampled_from("abc"), max_size=7)


@cache
def least_charge(reference: tuple[str, ...], hypothesis: tuple[str, ...]) -> int:
    """By recursion over all alignments."""
    if not reference or not hypothesis:
        return 3 * (len(reference) + len(hypothesis))
    pair = 0 if reference[0] == hypothesis[0] else 4
    return min(
        least_charge(reference[1:], hypothesis[1:]) + pair,
        least_charge(reference[1:], hypothesis) + 3,
        least_charge(reference, hypothesis[1:]) + 3,
    )


@given(texts, texts)
def test_alignment_is_the_cheapest(reference: list[str], hypothesis: list[str]) -> None:
    alignment = aligned(reference, hypothesis)
    insertions, wrong = sum(alignment.inserted), sum(alignment.wrong)
    deletions = len(reference) + insertions - len(hypothesis)
    charge = 3 * insertions + 3 * deletions + 4 * (wrong - deletions)
    assert charge == least_charge(tuple(reference), tuple(hypothesis))
    assert 0 <= deletions <= wrong


@pytest.mark.parametrize(
    ("reference", "hypothesis", "wrong", "inserted"),
    [
        ("a b c", "a b c", "...", "0000"),
        ("a b c", "a x c", ".x.", "0000"),
        ("a b c", "a c", ".x.", "0000"),
        ("a b c", "a b x c", "...", "0010"),
        ("a b", "x a b y z", "...", "102"),
        ("", "a b", "", "2"),
        ("a b", "", "xx", "000"),
        ("a b", "b c", "x.", "001"),  # 6 for a deletion and an insertion, 8 for two substitutions
        (
            "a b",
            "b a",
            "x.",
            "001",
        ),  # as cheap as an insertion, a and a deletion: sclite inserts as late as it can
        # 18 for three deletions and three insertions around two right words, 20 for five substitutions.
        ("c d e a b", "a b f g h", "xxx..", "000003"),
    ],
)
def test_alignment_by_hand(reference: str, hypothesis: str, wrong: str, inserted: str) -> None:
    alignment = aligned(reference.split(), hypothesis.split())
    assert alignment.wrong == tuple(mark == "x" for mark in wrong[: len(reference.split())])
    assert alignment.inserted == tuple(map(int, inserted))


@pytest.mark.parametrize(
    ("reference", "first", "second", "segments"),
    [
        ("a b c d e", "a b c d e", "a b c d e", []),
        ("a b c d e", "x b c d e", "a b c d x", [(1, 0), (0, 1)]),
        ("a b c d e", "a x c d e", "a b c x e", [(1, 1)]),  # one right word in between is too few
        ("a b c d e f", "a x c d e f", "a b c d x f", [(1, 0), (0, 1)]),  # two are enough
        ("a b c d", "a b y c d", "a b c d", [(1, 0)]),
        ("a b c d", "a x b y c d", "a b c d", [(2, 0)]),  # b alone, between two insertions, is too few
        ("a b c d", "a x b c y d", "a b c d z", [(1, 0), (1, 1)]),
        ("a b c d", "a b c d", "a b c d z", [(0, 1)]),  # after the last word
        ("a b c d", "x b c d", "a b c d z", [(1, 0), (0, 1)]),
        ("", "y", "", [(1, 0)]),
        ("a b", "", "", [(2, 2)]),
    ],
)
def test_segments_by_hand(reference: str, first: str, second: str, segments: list[tuple[int, int]]) -> None:
    assert segments_of(reference.split(), first.split(), second.split()) == segments


@given(texts, texts, texts)
def test_segments_are_what_is_left_between_two_right_words(
    reference: list[str], first: list[str], second: list[str]
) -> None:
    """Cut by a regular expression: o is a word that both have right, x anything that one has wrong."""
    one, other = aligned(reference, first), aligned(reference, second)
    marks, errors = "", []
    for place in range(len(reference) + 1):
        steps = [(one.inserted[place], other.inserted[place])]
        if place < len(reference):
            steps.append((int(one.wrong[place]), int(other.wrong[place])))
        for step, is_word in zip(steps, (False, True), strict=False):
            if any(step) or is_word:
                marks += "x" if any(step) else "o"
                errors.append(step)
    expected = []
    for part in re.finditer(r"x(?:o?x)*", marks):
        inside = errors[part.start() : part.end()]
        expected.append((sum(a for a, _ in inside), sum(b for _, b in inside)))
    assert segments_of(reference, first, second) == expected
    assert sum(a for a, _ in expected) == one.errors
    assert sum(b for _, b in expected) == other.errors


def test_by_hand() -> None:
    # Errors (first, second) of the segments: (1, 0), (0, 1), (0, 2), (1, 1). Differences -1, 1, 2, 0: mean 1/2,
    # squares about it 9/4 + 1/4 + 9/4 + 1/4 = 5, deviation sqrt(5/3), standard error sqrt(5/12).
    result = mapsswe(
        [
            ("a b c d e", "x b c d e", "a b c d x"),
            ("a b", "a b", ""),
            ("a b c d", "a x c d", "a b y c d"),
            ("a b c", "a b c", "a b c"),
        ]
    )
    assert (result.segments, result.first_errors, result.second_errors) == (4, 2, 4)
    assert result.difference == 0.5
    assert result.deviation == pytest.approx(math.sqrt(5 / 3))
    assert result.z == pytest.approx(0.5 / math.sqrt(5 / 12))
    assert result.p == pytest.approx(0.4385780)  # 2 Phi(-0.7745967)


def test_no_error_anywhere() -> None:
    for triples in ([], [("a b", "a b", "a b")] * 9):
        result = mapsswe(triples)
        assert (result.segments, result.difference, result.deviation, result.z, result.p) == (0, 0, 0, 0, 1)


@pytest.mark.parametrize(("segments", "p"), [(1, 1.0), (2, 0.5), (3, 0.25), (7, 1 / 64), (5000, 0.0)])
def test_the_same_difference_in_every_segment(segments: int, p: float) -> None:
    """No deviation to divide by: the sign test, in place of a z of infinity, or of sc_stats' 0."""
    result = mapsswe([("a", "a", "b")] * segments)
    assert (result.difference, result.deviation) == (1.0, 0.0)
    assert result.p == pytest.approx(p)
    assert 0 <= result.z < 40


def test_the_same_errors_in_every_segment() -> None:
    result = mapsswe([("a", "b", "b")] * 7)
    assert (result.segments, result.difference, result.z, result.p) == (7, 0, 0, 1)


@given(st.lists(st.tuples(texts, texts, texts), max_size=12))
def test_systems_may_be_swapped_and_utterances_reordered(triples: list[tuple[list[str], ...]]) -> None:
    there = [tuple(map(" ".join, triple)) for triple in triples]
    result = mapsswe([(reference, first, second) for reference, first, second in there])
    swapped = mapsswe([(reference, second, first) for reference, first, second in reversed(there)])
    assert (swapped.segments, swapped.deviation, swapped.p) == (result.segments, result.deviation, result.p)
    assert (swapped.difference, swapped.z) == (-result.difference, -result.z)
    assert (swapped.first_errors, swapped.second_errors) == (result.second_errors, result.first_errors)
    assert 0 <= result.p <= 1
