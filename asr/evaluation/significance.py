"""Do two results on the same utterances differ? Paired tests on the word errors of each utterance.

The difference is always second minus first, as a ratio of reference words: below 0 the second system is better.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Protocol, Self

import numpy as np
import numpy.typing as npt

from asr.randomness import numpy_generator

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Unit = Literal["utterances", "speakers"]

FEWEST_SPEAKERS = 5  # named ones; below that, a variance over speakers says nothing
_DRAWS = 1 << 22  # units drawn at a time, to bound the memory


class Scored(Protocol):
    """One utterance of one result, such as the outcomes in a run record."""

    @property
    def speaker(self) -> str: ...

    @property
    def words(self) -> int: ...

    @property
    def errors(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Paired:
    """Word errors of two systems on the same m utterances.

    Raises:
        ValueError: fewer than two utterances, no reference word, an id twice, a negative count, or another
            number of speakers, words or errors than of ids.
    """

    ids: tuple[str, ...]  # m
    speakers: tuple[str, ...]  # m; "" when unknown: such an utterance counts as a speaker of its own
    words: Integers  # (m,) of the reference
    first: Integers  # (m,) word errors of the first system
    second: Integers  # (m,) word errors of the second system

    def __post_init__(self) -> None:
        if len(self.ids) < 2:
            raise ValueError(f"{len(self.ids)} utterances: two or more are needed to see how much they vary")
        if len(set(self.ids)) < len(self.ids):
            raise ValueError("an utterance id is there twice; every utterance must have its own")
        for name in ("speakers", "words", "first", "second"):
            found = np.shape(getattr(self, name))
            if found != (len(self.ids),):
                raise ValueError(f"{name} has shape {found}, expected ({len(self.ids)},): one for each id")
        if min(self.words.min(), self.first.min(), self.second.min()) < 0:
            raise ValueError("a count of words or errors is negative")
        if self.words.sum() == 0:
            raise ValueError(f"{len(self.ids)} utterances without any reference word: there is no error rate")

    @classmethod
    def of(cls, first: Mapping[str, Scored], second: Mapping[str, Scored]) -> Self:
        """Two results by utterance id, in any order.

        Raises:
            ValueError: the utterances are not the same, or one has another speaker or number of words in the
                second result; or as for `Paired`.
        """
        if odd := sorted(first.keys() ^ second.keys()):
            raise ValueError(f"{len(odd)} utterances are in one result only, such as {', '.join(odd[:3])}")
        ids = tuple(sorted(first))
        for name in ids:
            one, other = first[name], second[name]
            if (one.speaker, one.words) != (other.speaker, other.words):
                raise ValueError(
                    f"utterance {name}: {one.words} words of speaker {one.speaker!r} in the first result, "
                    f"{other.words} of {other.speaker!r} in the second; the references are not the same"
                )
        return cls(
            ids,
            tuple(first[name].speaker for name in ids),
            np.array([first[name].words for name in ids], np.int64),
            np.array([first[name].errors for name in ids], np.int64),
            np.array([second[name].errors for name in ids], np.int64),
        )

    @cached_property
    def differences(self) -> Floats:
        """(m,) word errors, second minus first."""
        return (self.second - self.first).astype(np.float64)

    @cached_property
    def total_words(self) -> int:
        """Of all references."""
        return int(self.words.sum())

    @cached_property
    def difference(self) -> float:
        """Of the word error rates, second minus first."""
        return float(self.differences.sum() / self.total_words)

    @cached_property
    def residuals(self) -> Floats:
        """(m,) errors by which each utterance departs from the difference of all; their sum is 0."""
        return self.differences - self.difference * self.words

    @cached_property
    def named_speakers(self) -> int:
        """Different speakers that have a name."""
        return len(set(self.speakers) - {""})

    @property
    def has_speakers(self) -> bool:
        """Whether there are enough for a variance over them."""
        return self.named_speakers >= FEWEST_SPEAKERS

    def by_speaker(self, values: npt.NDArray[np.number]) -> Floats:
        """Sums of (m,) values over the utterances of each speaker."""
        return np.asarray(np.bincount(self._speaker_of, weights=values), np.float64)

    @cached_property
    def _speaker_of(self) -> Integers:
        """(m,) which speaker, counted from 0 in the order of appearance."""
        places: dict[str | tuple[str], int] = {}
        keys = [name or (own,) for own, name in zip(self.ids, self.speakers, strict=True)]
        return np.array([places.setdefault(key, len(places)) for key in keys], np.int64)


@dataclass(frozen=True)
class PairedTest:
    """Whether the word error rates differ. Rates are ratios, not percentages."""

    difference: float  # second minus first
    interval_95: tuple[float, float]  # of the difference
    p: float  # two-sided, of no difference
    standard_error: float  # of the difference, over the unit that makes the interval wider
    degrees: int  # of freedom, of that unit
    unit: Unit  # which one it was


def matched_pairs(paired: Paired) -> PairedTest:
    """t-test of the difference of two word error rates, over utterances and, from five on, over speakers.

    The difference is a ratio D = sum(d) / sum(n) of error differences d and words n, so its variance is that of a
    ratio estimator, m / (m - 1) sum((d - D n)^2) / sum(n)^2 (Cochran, Sampling Techniques, 1977, chapter 6), with
    sums over each speaker in place of utterances where speakers are the unit. Errors of one speaker go together,
    so utterances alone would promise too much; speakers may vary little by chance, and then they alone would. So
    the wider of the two intervals is given, and p is the larger of the two.

    Where few utterances differ, that variance is too small, and zero where none does. So two utterances are added
    to it that differ by as much as those that do, in the root mean square (by one word if none does), one in
    favour of each system: Bonett and Price (2012) do it for proportions. Two results without any difference have
    D = 0, p = 1 and an interval of +- t sqrt(2) / sum(n), never a standard error of 0.

    A false difference is found in 5 % of all cases at most, except for few speakers whose differences are very
    skewed (one is much worse, the others a little better): 8 % with ten speakers, 10 % with five.
    """
    tests = [_t_test(paired.difference, utterance_error(paired), len(paired.ids) - 1, "utterances")]
    if paired.has_speakers:
        over_speakers = paired.by_speaker(paired.residuals)
        error = ratio_error(over_speakers, paired.total_words)
        tests.append(_t_test(paired.difference, error, len(over_speakers) - 1, "speakers"))
    wider = max(tests, key=lambda test: test.interval_95[1] - test.interval_95[0])
    return replace(wider, p=max(test.p for test in tests))


def _t_test(difference: float, error: float, degrees: int, unit: Unit) -> PairedTest:
    from scipy.special import stdtr, stdtrit

    half = error * float(stdtrit(degrees, 0.975))
    if difference == 0:
        p = 1.0
    elif error == 0:
        p = 0.0  # every speaker has exactly this difference; the utterances have a say too
    else:
        p = 2 * float(stdtr(degrees, -abs(difference) / error))
    return PairedTest(difference, (difference - half, difference + half), p, error, degrees, unit)


def ratio_error(residuals: Floats, words: int) -> float:
    """Standard error of a ratio estimator from the residuals of its units and the words of all."""
    units = len(residuals)
    return float(np.sqrt(units / (units - 1) * (residuals**2).sum()) / words)


def utterance_error(paired: Paired) -> float:
    """Standard error over utterances, with one pseudo-difference in favour of each system."""
    squares = paired.differences[paired.differences != 0] ** 2
    pseudo = 2 * max(1.0, float(squares.mean())) if len(squares) else 2.0
    plain = ratio_error(paired.residuals, paired.total_words)
    return float(np.hypot(plain, np.sqrt(pseudo) / paired.total_words))


@dataclass(frozen=True)
class BootstrapInterval:
    """How the difference varies with the choice of the utterances or speakers."""

    difference: float  # of the word error rates, second minus first
    interval_95: tuple[float, float]  # 2.5 % of the resampled differences lie below it, 2.5 % above
    improvement: float  # share of the resamples in which the second system is better; a tie is a half
    p: float  # two-sided, of no difference
    unit: Unit  # what was drawn
    resamples: int  # that had reference words


def bootstrap(
    paired: Paired, *, unit: Unit = "utterances", resamples: int = 10_000, seed: int = 0
) -> BootstrapInterval:
    """Paired bootstrap: as many utterances, or speakers, as there are, drawn with replacement for both systems.

    Raises:
        ValueError: fewer than one resample, or fewer than two speakers where they are the unit.

    Bisani and Ney (2004), whose "probability of improvement" is `improvement`. p is twice the smaller share of
    resamples that are not above or not below 0, with the result itself counted as one more (Davison and Hinkley,
    1997), so it is never 0. Resamples without a reference word have no rate and are left out.
    """
    if resamples < 1:
        raise ValueError(f"resamples must be 1 or more, got {resamples}")
    differences, words = paired.differences, paired.words.astype(np.float64)
    if unit == "speakers":
        differences, words = paired.by_speaker(differences), paired.by_speaker(words)
        if len(words) < 2:
            raise ValueError("one speaker only: a bootstrap over speakers needs two or more")
    drawn = _resampled(differences, words, resamples, seed, unit)
    if not len(drawn):
        drawn = np.array([paired.difference])
    low, high = np.percentile(drawn, [2.5, 97.5])
    smaller = min(int((drawn >= 0).sum()), int((drawn <= 0).sum()))
    return BootstrapInterval(
        difference=paired.difference,
        interval_95=(float(low), float(high)),
        improvement=float((drawn < 0).mean() + (drawn == 0).mean() / 2),
        p=min(1.0, 2 * (smaller + 1) / (len(drawn) + 1)),
        unit=unit,
        resamples=len(drawn),
    )


def _resampled(differences: Floats, words: Floats, resamples: int, seed: int, unit: Unit) -> Floats:
    """Differences of the rates, one a resample."""
    generator = numpy_generator(seed, "paired bootstrap", unit)
    found: list[Floats] = []
    rows = max(1, _DRAWS // len(words))
    for start in range(0, resamples, rows):
        drawn = generator.integers(len(words), size=(min(rows, resamples - start), len(words)))
        drawn_words = words[drawn].sum(axis=1)
        some = drawn_words > 0
        found.append(differences[drawn].sum(axis=1)[some] / drawn_words[some])
    return np.concatenate(found)


@dataclass(frozen=True)
class McNemar:
    """Sentences that one system has right and the other wrong."""

    first_only: int  # wrong in the first alone
    second_only: int  # wrong in the second alone
    p: float  # two-sided, that either is as likely to be wrong alone


def mcnemar(paired: Paired) -> McNemar:
    """Exact test on wrong sentences (Gillick and Cox, 1989; McNemar, 1947).

    Of the sentences that are wrong in one system only, half would be of either if the systems were equal: p is
    twice the smaller tail of that binomial distribution, at most 1; and 1 where there is no such sentence.
    (sc_stats of sctk 2.4 does the same up to 20 such sentences; above, its approximation gives a p far too small.)
    """
    from scipy.special import bdtr

    first_only = int(((paired.first > 0) & (paired.second == 0)).sum())
    second_only = int(((paired.second > 0) & (paired.first == 0)).sum())
    tail = float(bdtr(min(first_only, second_only), first_only + second_only, 0.5))
    return McNemar(first_only, second_only, min(1.0, 2 * tail))
