"""How often the tests are wrong: simulated pairs of results whose true difference is known.

"Equivalent" is false most often where the true difference is exactly the margin; there its rate must not exceed
alpha, in worlds that are kinder or less kind to a test. A simulation of so many trials has noise of its own: a rate
is called too high only if so many errors would come by chance with a probability of 1e-4 or less at alpha.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from asr.evaluation.equivalence import equivalence
from asr.evaluation.significance import Paired, matched_pairs, ratio_error

ALPHA = 0.05
WORD_ERRORS = 0.06  # rate, where nothing else is said
Errors = npt.NDArray[np.int64]
Draw = Callable[["TestSet", np.random.Generator, int, float], tuple[Errors, Errors]]


@dataclass(frozen=True)
class TestSet:
    """Utterances of one to about fifteen words, in turn from each speaker."""

    __test__ = False  # no test class, pytest
    words: Errors  # (m,)
    speaker: Errors  # (m,) from 0
    speakers: int

    @classmethod
    def of(cls, utterances: int, speakers: int, mean: float) -> "TestSet":
        words = 1 + np.random.default_rng(0).poisson(mean - 1, utterances)
        return cls(words, np.arange(utterances) % speakers, speakers)


AN4 = TestSet.of(130, 10, 773 / 130)
LARGER = TestSet.of(1000, 40, 6)


def word_errors(
    test: TestSet, chance: np.random.Generator, trials: int, rate: float | npt.NDArray[np.float64]
) -> Errors:
    """(trials, m) every word wrong or not on its own, at one rate or at (trials, m) of them."""
    return chance.binomial(test.words, np.minimum(rate, 1), (trials, len(test.words)))


def independent_words(
    test: TestSet, chance: np.random.Generator, trials: int, margin: float
) -> tuple[Errors, Errors]:
    first = word_errors(test, chance, trials, WORD_ERRORS)
    return first, word_errors(test, chance, trials, WORD_ERRORS + margin)


def few_errors(
    test: TestSet, chance: np.random.Generator, trials: int, margin: float
) -> tuple[Errors, Errors]:
    """The first system makes none."""
    second = word_errors(test, chance, trials, margin)
    return np.zeros_like(second), second


def hard_utterances(
    test: TestSet, chance: np.random.Generator, trials: int, margin: float
) -> tuple[Errors, Errors]:
    """Beta-binomial: errors come together in an utterance (correlation of its words 0.2)."""

    def drawn(rate: float) -> Errors:
        shape = (trials, len(test.words))
        return word_errors(test, chance, trials, chance.beta(rate * 4, (1 - rate) * 4, shape))

    return drawn(WORD_ERRORS), drawn(WORD_ERRORS + margin)


def hard_speakers(
    test: TestSet, chance: np.random.Generator, trials: int, margin: float
) -> tuple[Errors, Errors]:
    """Each speaker has an error rate (gamma distributed), and in the second system a multiple of it."""
    rate = chance.gamma(2, WORD_ERRORS / 2, (trials, test.speakers))[:, test.speaker]
    first = word_errors(test, chance, trials, rate)
    return first, word_errors(test, chance, trials, rate * (1 + margin / WORD_ERRORS))


def by_speaker(
    test: TestSet, chance: np.random.Generator, rates: npt.NDArray[np.float64]
) -> tuple[Errors, Errors]:
    """Errors in one system alone, at a rate of each speaker; below 0 in the first."""
    errors = word_errors(test, chance, len(rates), np.abs(rates)[:, test.speaker])
    worse = rates[:, test.speaker] > 0
    return np.where(worse, 0, errors), np.where(worse, errors, 0)


def speakers_differ(
    test: TestSet, chance: np.random.Generator, trials: int, margin: float
) -> tuple[Errors, Errors]:
    """Each speaker has a difference of its own, some the other way round."""
    return by_speaker(test, chance, chance.normal(margin, max(margin, 0.02), (trials, test.speakers)))


def few_speakers_differ(
    test: TestSet, chance: np.random.Generator, trials: int, margin: float
) -> tuple[Errors, Errors]:
    """Exponentially distributed differences: small for most, several margins for a few."""
    return by_speaker(test, chance, chance.exponential(margin, (trials, test.speakers)))


def lost_utterances(
    test: TestSet, chance: np.random.Generator, trials: int, margin: float
) -> tuple[Errors, Errors]:
    """Each utterance is lost as a whole with the margin as its probability; otherwise both are perfect."""
    second = test.words * (chance.random((trials, len(test.words))) < margin)
    return np.zeros_like(second), second


def lost_among_errors(
    test: TestSet, chance: np.random.Generator, trials: int, margin: float
) -> tuple[Errors, Errors]:
    """The same among word errors of both systems; an utterance that is lost has as many more."""
    first = word_errors(test, chance, trials, WORD_ERRORS)
    second = word_errors(test, chance, trials, WORD_ERRORS)
    return first, second + lost_utterances(test, chance, trials, margin)[1]


def several_words_at_once(
    test: TestSet, chance: np.random.Generator, trials: int, margin: float
) -> tuple[Errors, Errors]:
    """Differences of 1, 2, 3, ... words, each 0.4 times as likely as the one before, in either direction."""
    shape = (trials, len(test.words))
    more = margin * test.words.mean() * 0.6  # of them in an utterance; their mean size is 1 / 0.6
    first = chance.poisson(0.075, shape) * chance.geometric(0.6, shape)
    return first, chance.poisson(0.075 + more, shape) * chance.geometric(0.6, shape)


WORLDS: tuple[Draw, ...] = (
    independent_words,
    few_errors,
    hard_utterances,
    hard_speakers,
    speakers_differ,
    few_speakers_differ,
    lost_utterances,
    lost_among_errors,
    several_words_at_once,
)


def results(
    world: Draw, test: TestSet, margin: float, trials: int, named: bool = True, seed: int = 0
) -> list[Paired]:
    """Pairs of results; in every other one the second is the better."""
    chance = np.random.default_rng(seed)
    first, second = world(test, chance, trials, margin)
    ids = tuple(map(str, range(len(test.words))))
    speakers = tuple(f"s{number}" if named else "" for number in test.speaker)
    pairs = [pair[:: 1 if trial % 2 else -1] for trial, pair in enumerate(zip(first, second, strict=True))]
    return [Paired(ids, speakers, test.words, one, other) for one, other in pairs]


def false_equivalents(pairs: list[Paired], margin: float) -> int:
    return sum(equivalence(pair, margin, ALPHA).equivalent for pair in pairs)


def at_most(trials: int, rate: float) -> int:
    """Errors that are exceeded with a probability of 1e-4 if their rate is this."""
    return int(stats.binom.isf(1e-4, trials, rate))


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(("test", "margin"), [(AN4, 0.05), (LARGER, 0.02)])
def test_worlds_have_the_difference_that_they_say(world: Draw, test: TestSet, margin: float) -> None:
    first, second = world(test, np.random.default_rng(1), 1000, margin)
    found = (second - first).sum(axis=1) / test.words.sum()
    assert found.mean() == pytest.approx(margin, abs=4 * stats.sem(found))


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(
    ("test", "margin", "trials"),
    [(AN4, 0.05, 1000), (LARGER, 0.01, 500), (LARGER, 0.02, 500)],
    ids=["an4-5%", "larger-1%", "larger-2%"],
)
def test_rate_of_false_equivalence(world: Draw, test: TestSet, margin: float, trials: int) -> None:
    assert false_equivalents(results(world, test, margin, trials), margin) <= at_most(trials, ALPHA)


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(
    ("test", "margin"),
    [
        (AN4, 0.03),
        (AN4, 0.05),
        (AN4, 0.1),
        (TestSet.of(130, 5, 6), 0.1),
        (LARGER, 0.005),
        (LARGER, 0.01),
        (LARGER, 0.02),
        (TestSet.of(2600, 40, 20), 0.005),
        (TestSet.of(2600, 10, 20), 0.01),
    ],
)
def test_rate_of_false_equivalence_at_length(world: Draw, test: TestSet, margin: float) -> None:
    blocks = (results(world, test, margin, 1000, seed=seed) for seed in range(1, 11))
    false = sum(false_equivalents(pairs, margin) for pairs in blocks)
    print(f"{world.__name__} {len(test.words)} {test.speakers} {margin}: {false / 10_000:.4f}")
    assert false <= at_most(10_000, ALPHA)


def wald(pair: Paired, margin: float) -> bool:
    """The usual two one-sided tests over utterances."""
    error = ratio_error(pair.residuals, pair.total_words)
    return abs(pair.difference) + stats.norm.isf(ALPHA) * error < margin


@pytest.mark.parametrize(("test", "margin"), [(AN4, 0.01), (AN4, 0.05), (LARGER, 0.01)])
def test_the_usual_test_fails_where_utterances_are_lost(test: TestSet, margin: float) -> None:
    """Negative control: the simulation can tell a test that is wrong too often."""
    pairs = results(lost_utterances, test, margin, 1000)
    assert sum(wald(pair, margin) for pair in pairs) > at_most(1000, ALPHA)


@pytest.mark.parametrize("world", [speakers_differ, few_speakers_differ])
def test_utterances_alone_fail_where_speakers_differ(world: Draw) -> None:
    """Negative control: the same results without the names of the speakers."""
    pairs = results(world, AN4, 0.1, 1000, named=False)
    assert false_equivalents(pairs, 0.1) > at_most(1000, ALPHA)
    assert false_equivalents(results(world, AN4, 0.1, 1000), 0.1) <= at_most(1000, ALPHA)


@pytest.mark.parametrize(("test", "margin"), [(AN4, 0.01), (LARGER, 0.002)])
def test_too_few_words_are_never_equivalent(test: TestSet, margin: float) -> None:
    """Not if both systems are the same, nor if they differ a little: no evidence is no equivalence."""
    for world in (few_errors, independent_words, lost_utterances):
        assert not false_equivalents(results(world, test, 0.0, 200), margin)


@pytest.mark.parametrize(
    ("errors", "test", "margin"), [(0.0, LARGER, 0.01), (0.003, LARGER, 0.01), (0.02, LARGER, 0.02), (0.01, AN4, 0.05)]
)  # fmt: skip
def test_equal_systems_are_found_equivalent(errors: float, test: TestSet, margin: float) -> None:
    """Each word is wrong in one system or the other, by chance, at this rate."""

    def noise(test: TestSet, chance: np.random.Generator, trials: int, _: float) -> tuple[Errors, Errors]:
        return word_errors(test, chance, trials, errors), word_errors(test, chance, trials, errors)

    assert false_equivalents(results(noise, test, 0, 200), margin) > 0.9 * 200


def false_differences(pairs: list[Paired]) -> int:
    return sum(matched_pairs(pair).p < ALPHA for pair in pairs)


EQUAL_WORLDS: tuple[Draw, ...] = (
    independent_words,
    hard_utterances,
    hard_speakers,
    speakers_differ,
    several_words_at_once,
)


@pytest.mark.parametrize("world", EQUAL_WORLDS)
@pytest.mark.parametrize("test", [AN4, LARGER], ids=["an4", "larger"])
def test_rate_of_false_difference(world: Draw, test: TestSet) -> None:
    """Near alpha where there is no difference: not above it, and not far below."""
    false = false_differences(results(world, test, 0.0, 1000))
    assert false <= at_most(1000, ALPHA)
    assert false > 1000 - at_most(1000, 1 - 0.02)


@pytest.mark.slow
@pytest.mark.parametrize("world", EQUAL_WORLDS)
@pytest.mark.parametrize("test", [AN4, LARGER, TestSet.of(130, 5, 6), TestSet.of(2600, 40, 20)])
def test_rate_of_false_difference_at_length(world: Draw, test: TestSet) -> None:
    blocks = (results(world, test, 0.0, 1000, seed=seed) for seed in range(1, 11))
    false = sum(map(false_differences, blocks))
    print(f"{world.__name__} {len(test.words)} {test.speakers}: {false / 10_000:.4f}")
    assert false <= at_most(10_000, ALPHA)


def test_few_lost_utterances_are_no_difference() -> None:
    """One or two utterances, in either system: far from significant, however many words they have."""

    def lost(test: TestSet, chance: np.random.Generator, trials: int, _: float) -> tuple[Errors, Errors]:
        return tuple(lost_utterances(test, chance, trials, 0.005)[1] for _ in range(2))

    assert false_differences(results(lost, AN4, 0.0, 500)) <= 500 * 0.01


def test_utterances_alone_find_false_differences_where_speakers_differ() -> None:
    pairs = results(speakers_differ, AN4, 0.0, 1000, named=False)
    assert false_differences(pairs) > at_most(1000, ALPHA)


def test_true_differences_are_found() -> None:
    for world, test, margin in ((independent_words, LARGER, 0.02), (hard_speakers, LARGER, 0.03)):
        assert false_differences(results(world, test, margin, 200)) > 0.8 * 200
