"""Are two results the same, within a margin that was set beforehand? A test that can say so, and needs evidence to.

That a test finds no difference is no such evidence: it finds none, too, where there is too little data.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from asr.evaluation.significance import Floats, Paired, ratio_error, utterance_error

Limit = Literal["utterances", "speakers", "unseen utterances", "unseen speakers", "intervals"]


@dataclass(frozen=True)
class Equivalence:
    """Whether two word error rates are equivalent. Rates are ratios, not percentages."""

    equivalent: bool  # the interval lies inside (-margin, margin)
    margin: float  # in word error rate
    alpha: float  # rate of a false "equivalent", at most
    difference: float  # second minus first
    interval: tuple[float, float]  # of the difference, at 1 - 2 alpha
    degrees: int  # of freedom
    limited_by: Limit  # what makes the interval as wide as it is
    smallest_margin: float  # that these data would have shown; to plan with, never to be chosen afterwards


@dataclass(frozen=True)
class _Bound:
    """How far the interval reaches from the difference, by one way to see the data."""

    limit: Limit
    below: float
    above: float

    def reach(self, difference: float) -> float:
        """How far from no difference at all."""
        return max(self.above + difference, self.below - difference)


def equivalence(paired: Paired, margin: float, alpha: float = 0.05) -> Equivalence:
    """Two one-sided tests (Schuirmann, 1987) of the difference D of two word error rates against +-margin.

    Raises:
        ValueError: the margin is not positive, or alpha not between 0 and 0.5.

    Equivalent only if the 1 - 2 alpha interval of D lies inside (-margin, margin). The plain interval (Wald's) is
    short exactly where it should not be: it is estimated at D, but what counts is how far D strays when the truth
    is at the margin, and utterances that fail rarely and as a whole, or the one bad speaker, are often not among
    those seen. So the interval reaches as far as the furthest of these, t being the quantile for the number of
    speakers (of utterances where fewer than five speakers are named) less one:

    - over utterances, and over speakers, the standard errors of `matched_pairs`, with t lengthened by the
      skewness of the residuals towards the side where it is needed (Johnson, 1978);
    - over unseen utterances: differences of typical size s that come by chance and add up to the margin (a
      compound Poisson sum) have the variance margin * s / words. s is sum(d^2) / sum(|d|) over the utterances
      seen and one that fails as a whole, of the length in which a word finds itself, sum(n^2) / sum(n);
    - over unseen speakers: the same with each speaker's sum of differences, those seen only.

    The last two are what Nam (1997) and Liu et al. (2002) do for pairs of proportions, a variance under the null
    hypothesis. So even two identical results are equivalent only where there are about t^2 s / margin words.

    Holds for speakers such as those seen: what goes wrong with one speaker of a hundred cannot be seen in ten. Where
    the rare failure is a loop that inserts more words than the utterance has, twice as many errors as words, a false
    "equivalent" was found in up to 7 % of simulated pairs in place of 5 %.
    """
    from scipy.special import stdtrit

    _check(margin, alpha)
    units = len(paired.by_speaker(paired.residuals)) if paired.has_speakers else len(paired.ids)
    quantile = float(stdtrit(units - 1, 1 - alpha))
    bounds = [_seen("utterances", paired.residuals, utterance_error(paired), quantile)]
    lumps: dict[Limit, float] = {"unseen utterances": _utterance_size(paired)}
    if paired.has_speakers:
        over_speakers = paired.by_speaker(paired.residuals)
        error = ratio_error(over_speakers, paired.total_words)
        bounds.append(_seen("speakers", over_speakers, error, quantile))
        lumps["unseen speakers"] = _size(paired.by_speaker(paired.differences))
    spreads = {limit: quantile**2 * size / paired.total_words for limit, size in lumps.items()}
    return _decided(paired.difference, bounds, spreads, margin=margin, alpha=alpha, degrees=units - 1)


def equivalence_from_intervals(
    first: tuple[float, tuple[float, float]],
    second: tuple[float, tuple[float, float]],
    *,
    sentences: int,
    margin: float,
    alpha: float = 0.05,
) -> Equivalence:
    """The same from two word error rates with their 95 % intervals, where nothing is known of the utterances.

    Args:
        first, second: rate and interval, as ratios.
        sentences: utterances that were scored.

    Raises:
        ValueError: fewer than two sentences, or margin or alpha as for `equivalence`.

    The standard errors are taken from the longer side of each interval and added as if the results had nothing to
    do with each other. They have: what is hard for one system is hard for the other, so this is wider than the
    paired interval; but intervals over utterances know nothing of speakers. Unseen utterances are taken to fail as
    a whole and to be of mean length.
    """
    from scipy.special import stdtrit

    _check(margin, alpha)
    if sentences < 2:
        raise ValueError(f"{sentences} sentences: two or more are needed")
    quantile = float(stdtrit(sentences - 1, 1 - alpha))
    halves = [max(high - rate, rate - low) for rate, (low, high) in (first, second)]
    reach = quantile * math.hypot(*halves) / float(stdtrit(sentences - 1, 0.975))
    return _decided(
        second[0] - first[0],
        [_Bound("intervals", reach, reach)],
        {"unseen utterances": quantile**2 / sentences},
        margin=margin,
        alpha=alpha,
        degrees=sentences - 1,
    )


def _check(margin: float, alpha: float) -> None:
    if not margin > 0:
        raise ValueError(f"margin must be above 0, got {margin}")
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must be between 0 and 0.5, got {alpha}")


def _seen(limit: Limit, residuals: Floats, error: float, quantile: float) -> _Bound:
    """From what was seen: a standard error, and a quantile for either side.

    Johnson (1978): of a sample with skewness g, (mean - truth) / error + g (1 + 2 t^2) / (6 sqrt(units)) is close
    to Student's t. It lengthens the interval on the side of the long tail; the other side is not shortened.
    """
    spread = math.sqrt(float((residuals**2).mean()))
    skewness = float(((residuals / spread) ** 3).mean()) if spread else 0.0
    longer = skewness * (1 + 2 * quantile**2) / (6 * math.sqrt(len(residuals)))
    return _Bound(limit, error * (quantile + max(0.0, -longer)), error * (quantile + max(0.0, longer)))


def _size(differences: Floats) -> float:
    """Typical size of a difference, in words: the mean, each weighted by itself."""
    total = float(np.abs(differences).sum())
    return float((differences**2).sum()) / total if total else 0.0


def _utterance_size(paired: Paired) -> float:
    """The same of utterances, with one that fails as a whole."""
    whole = float((paired.words**2).sum() / paired.total_words)
    return _size(np.append(paired.differences, whole))


def _decided(
    difference: float,
    bounds: list[_Bound],
    spreads: dict[Limit, float],
    *,
    margin: float,
    alpha: float,
    degrees: int,
) -> Equivalence:
    """The furthest of what was seen and of what was not; `spreads` are squared half widths at a margin of 1."""
    unseen = [(limit, math.sqrt(margin * spread)) for limit, spread in spreads.items()]
    every = [*bounds, *(_Bound(limit, reach, reach) for limit, reach in unseen)]
    low = difference - max(bound.below for bound in every)
    high = difference + max(bound.above for bound in every)
    # |D| + sqrt(margin * spread) = margin, solved for the root of the margin.
    roots = [(math.sqrt(spread) + math.sqrt(spread + 4 * abs(difference))) / 2 for spread in spreads.values()]
    return Equivalence(
        equivalent=-margin < low and high < margin,
        margin=margin,
        alpha=alpha,
        difference=difference,
        interval=(low, high),
        degrees=degrees,
        limited_by=max(every, key=lambda bound: bound.reach(difference)).limit,
        smallest_margin=max(*(bound.reach(difference) for bound in bounds), *(root**2 for root in roots)),
    )
