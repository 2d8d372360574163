"""Ranks and letters by hand, Holm's correction by hand and by its definition, and how often it is wrong."""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.benchmark.ranking import Pair, compare_pairs, holm, letters, ranks
from asr.evaluation.significance import PairedTest
from asr.randomness import numpy_generator
from asr.runs.record import Outcome


def outcome(words: int, errors: int, speaker: str = "") -> Outcome:
    return Outcome(speaker=speaker, words=words, errors=errors, characters=0, hypothesis="")


def pair(first: str, second: str, better: str = "") -> Pair:
    """`better` is better beyond doubt; "" for nobody."""
    difference = 0.0 if not better else 0.1 if better == first else -0.1
    test = PairedTest(difference, (0.0, 0.0), 0.0, 0.0, 9, "utterances")
    return Pair("c", first, second, test, 0.0 if better else 1.0, bool(better))


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ([], []),
        ([0.04], [0.04]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),  # 3 x .01; 2 x .03; .04 is raised to the one before
        ([0.02, 0.02], [0.04, 0.04]),
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.0, 1.0, 0.0], [0.0, 1.0, 0.0]),
    ],
)
def test_holm_by_hand(given_: list[float], expected: list[float]) -> None:
    assert holm(given_) == pytest.approx(expected)


@given(st.lists(st.floats(0, 1), max_size=8), st.sampled_from([0.01, 0.05, 0.2]))
def test_holm_by_its_steps(probabilities: list[float], alpha: float) -> None:
    """Step down: reject the smallest while it is at most alpha / (number left); then stop."""
    rejected, left = set(), len(probabilities)
    for each in sorted(range(len(probabilities)), key=lambda each: probabilities[each]):
        if probabilities[each] * left > alpha:
            break
        rejected.add(each)
        left -= 1
    assert {each for each, p in enumerate(holm(probabilities)) if p <= alpha} == rejected


def test_ranks_and_letters_where_it_is_not_passed_on() -> None:
    """a is better than c; b lies between them and cannot be told from either."""
    systems = ["a", "b", "c"]
    pairs = [pair("a", "b"), pair("b", "c"), pair("a", "c", better="a")]
    assert ranks(systems, pairs) == {"a": 1, "b": 1, "c": 2}
    assert letters(systems, pairs) == {"a": "a", "b": "ab", "c": "b"}


def test_ranks_whichever_comes_first_in_a_pair() -> None:
    pairs = [pair("x", "y", better="y"), pair("x", "z", better="z"), pair("y", "z")]
    assert ranks(["x", "y", "z"], pairs) == {"x": 3, "y": 1, "z": 1}
    assert letters(["y", "z", "x"], pairs) == {"x": "b", "y": "a", "z": "a"}


def test_one_system_alone() -> None:
    assert ranks(["x"], []) == {"x": 1}
    assert letters(["x"], []) == {"x": "a"}


@given(st.integers(1, 7), st.data())
def test_two_share_a_letter_exactly_if_they_cannot_be_told_apart(count: int, data: st.DataObject) -> None:
    systems = [f"s{number}" for number in range(count)]
    apart = {two: data.draw(st.booleans()) for two in itertools.combinations(systems, 2)}
    found = letters(systems, [pair(*two, better=two[0] if told else "") for two, told in apart.items()])
    for (one, two), told in apart.items():
        assert bool(set(found[one]) & set(found[two])) != told
    assert all(found.values())
    assert "a" in found["s0"]
    # No letter's group is part of another's.
    groups = [{name for name in systems if letter in found[name]} for letter in {*"".join(found.values())}]
    assert not any(one < other for one in groups for other in groups)


def test_more_groups_than_letters() -> None:
    """Pairs of a perfect matching's complement: each of 2^5 choices of one of each couple is a group."""
    couples = [(f"x{number}", f"y{number}") for number in range(5)]
    systems = [name for couple in couples for name in couple]
    pairs = [
        pair(one, two, better=one if (one, two) in couples else "")
        for one, two in itertools.combinations(systems, 2)
    ]
    found = letters(systems, pairs)
    assert "z" in "".join(found.values())
    assert "f1" in found["y0"]
    assert ranks(systems, pairs) == {name: 1 if name[0] == "x" else 2 for name in systems}


def test_pairs_of_all_corpora_are_one_family() -> None:
    """Eight of ten wrong or right: McNemar-like differences whose p is known from `matched_pairs` itself."""
    rows = {f"u{number}": outcome(1, int(number < 8)) for number in range(10)}
    none = {name: outcome(1, 0) for name in rows}
    alone = compare_pairs({"c": {"x": rows, "y": none}}, 0.05)
    assert [(each.better, each.different) for each in alone] == [("y", True)]
    assert alone[0].p_holm == alone[0].test.p
    twice = compare_pairs({"c": {"x": rows, "y": none}, "d": {"x": none, "y": none}}, 0.05)
    assert [each.p_holm for each in twice] == [pytest.approx(2 * alone[0].test.p), 1.0]
    assert twice[1].better == ""


def _simulated(seed: int, systems: int, rates: Sequence[float]) -> Mapping[str, Mapping[str, Outcome]]:
    """Systems with these chances of an error in a word; utterances and speakers are hard or easy for all alike."""
    generator = numpy_generator(seed, "benchmark simulation")
    speakers = [f"s{number}" for number in range(12)]
    hard = {name: math.exp(generator.normal(0, 0.5)) for name in speakers}
    found: dict[str, dict[str, Outcome]] = {f"m{number}": {} for number in range(systems)}
    for number in range(120):
        speaker, words = speakers[number % 12], int(generator.integers(1, 9))
        own = hard[speaker] * math.exp(generator.normal(0, 0.5))
        for system, rate in zip(found, rates, strict=True):
            errors = int(generator.binomial(words, min(0.9, rate * own)))
            found[system][f"u{number}"] = outcome(words, errors, speaker)
    return found


def test_equal_systems_are_rarely_told_apart() -> None:
    """Four equal systems, six pairs: in 5 % of all tables at most is any pair told apart; without Holm it is 15 %."""
    tables = [compare_pairs({"c": _simulated(seed, 4, [0.15] * 4)}, 0.05) for seed in range(150)]
    wrong = sum(any(each.different for each in table) for table in tables)
    uncorrected = sum(any(each.test.p <= 0.05 for each in table) for table in tables)
    assert wrong <= 0.05 * 150 + 2 * math.sqrt(150 * 0.05 * 0.95)
    assert uncorrected > wrong
    assert uncorrected >= 10


def test_different_systems_are_told_apart() -> None:
    for seed in range(10):
        found = compare_pairs({"c": _simulated(seed, 3, [0.05, 0.3, 0.3])}, 0.05)
        best = ranks(["m0", "m1", "m2"], found)
        assert best["m0"] == 1
        assert best["m1"] >= 2
        assert best["m2"] >= 2
        assert np.sign([each.test.difference for each in found if each.first == "m0"]).tolist() == [1, 1]
