"""How good confidences are: do they tell right words from wrong ones, and do they mean what they say?

Everywhere `confidences` are (words,) probabilities that a word is right, and `right` (words,) whether it was. Where
only right or only wrong words are there, a measure that compares the two is NaN.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from asr.randomness import numpy_generator

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Bins = Literal["width", "mass"]
Measure = Callable[[Floats, Flags], float]

# NCE takes no confidence to be closer to 0 or 1: one wrong word of confidence 1 would cost infinity.
SUREST = 1e-6
BINS = 10


def nce(confidences: Floats, right: Flags) -> float:
    """Normalised cross entropy: the share of the uncertainty about right and wrong that the confidences take away.

        (H + sum over right words of log2 c + sum over wrong words of log2 (1 - c)) / H
        H = -n log2 (n / N) - (N - n) log2 (1 - n / N),   n right ones of N words

    1 is best; 0 is what the share of right words as the confidence of every word gets; below 0 is worse than that.

    Siu, Gish and Richardson, Improved estimation, evaluation and applications of confidence measures for speech
    recognition, Eurospeech 1997; NIST's evaluations score by it.
    """
    share = right.mean() if len(right) else 0.0
    if not 0 < share < 1:
        return math.nan
    bounded = np.clip(confidences, SUREST, 1 - SUREST)
    given = np.log2(np.where(right, bounded, 1 - bounded)).sum()
    entropy = -np.log2(np.where(right, share, 1 - share)).sum()
    return float((entropy + given) / entropy)


@dataclass(frozen=True)
class Bin:
    """Words of like confidence."""

    words: int
    confidence: float  # the mean of theirs
    right: float  # the share of them that is


def reliability(confidences: Floats, right: Flags, kind: Bins = "width", bins: int = BINS) -> list[Bin]:
    """Bins that have words, from the lowest confidence to the highest.

    Args:
        kind: "width": of equal width from 0 to 1, the upper end belonging to a bin; "mass": as many words in each, as
            nearly as can be. Words of equal confidence are not torn apart.
    """
    order = np.argsort(confidences, kind="stable")
    values, rights = confidences[order], right[order].astype(np.float64)
    if kind == "width":
        numbers = np.clip(np.ceil(values * bins) - 1, 0, bins - 1)
    else:
        numbers = (np.searchsorted(values, values, side="left") * bins) // max(len(values), 1)
    found = []
    for number in np.unique(numbers):
        inside = numbers == number
        found.append(Bin(int(inside.sum()), float(values[inside].mean()), float(rights[inside].mean())))
    return found


def ece(confidences: Floats, right: Flags, kind: Bins = "width", bins: int = BINS) -> float:
    """Expected calibration error: how far confidence and share of right ones are apart in a bin, the mean over words.

    Naeini, Cooper and Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015 ("mass" has
    fewer empty bins; Nixon et al., Measuring calibration in deep learning, 2019).
    """
    found = reliability(confidences, right, kind, bins)
    if not found:
        return math.nan
    return sum(each.words * abs(each.confidence - each.right) for each in found) / len(right)


def auc(confidences: Floats, right: Flags) -> float:
    """Area under the ROC curve: how often a right word has a higher confidence than a wrong one, equal ones half.

    Mann and Whitney's U over all pairs, by ranks.
    """
    n_right, n_wrong = int(right.sum()), int((~right).sum())
    if not n_right or not n_wrong:
        return math.nan
    _, places, counts = np.unique(confidences, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]  # equal ones share the middle of theirs
    return float((ranks[right].sum() - n_right * (n_right + 1) / 2) / (n_right * n_wrong))


def average_precision(confidences: Floats, right: Flags) -> float:
    """Of finding wrong words by low confidence: the mean precision over the wrong words, the least sure first.

    The sum over thresholds of (recall - recall before) * precision, without interpolation.
    """
    n_wrong = int((~right).sum())
    if not n_wrong:
        return math.nan
    values, places = np.unique(confidences, return_inverse=True)
    wrong = np.bincount(places, weights=~right, minlength=len(values))
    precision = np.cumsum(wrong) / np.cumsum(np.bincount(places, minlength=len(values)))
    return float((wrong * precision).sum() / n_wrong)


def brier(confidences: Floats, right: Flags) -> float:
    """Mean squared distance of confidences from 1 (right) and 0 (wrong). Brier (1950)."""
    return float(((confidences - right) ** 2).mean()) if len(right) else math.nan


MEASURES: dict[str, Measure] = {
    "nce": nce,
    "ece": ece,
    "ece_mass": lambda confidences, right: ece(confidences, right, "mass"),
    "auc": auc,
    "average_precision": average_precision,
    "brier": brier,
}


@dataclass(frozen=True)
class Measured:
    """A measure, and how far the choice of the utterances matters."""

    value: float
    low: float  # 2.5 % of resamples lie below
    high: float

    def to_json(self) -> dict[str, float | list[float] | None]:
        """null for what there is not."""
        value, low, high = (None if math.isnan(each) else each for each in (self.value, self.low, self.high))
        return {"value": value, "interval_95": None if low is None or high is None else [low, high]}


@dataclass(frozen=True, eq=False)
class Resampled:
    """A measure of all words, and of each resample of their utterances."""

    value: float
    values: Floats  # (resamples,)

    def __sub__(self, other: "Resampled") -> "Resampled":
        """What this one has more than another of the same words: paired, both on the same resamples."""
        return Resampled(self.value - other.value, self.values - other.values)

    @property
    def measured(self) -> Measured:
        kept = self.values[~np.isnan(self.values)]
        if not len(kept):
            return Measured(self.value, math.nan, math.nan)
        low, high = np.percentile(kept, [2.5, 97.5])
        return Measured(self.value, float(low), float(high))


def resampled(
    confidences: Floats, right: Flags, utterances: Sequence[str], *, resamples: int = 1000, seed: int = 0
) -> dict[str, Resampled]:
    """All measures, for percentile bootstrap intervals over utterances (Bisani and Ney, 2004).

    Args:
        utterances: (words,) the utterance that each word is of.
        resamples: those without a right or without a wrong word have no NCE, say, and are left out of its interval.
    """
    drawn = _draws(utterances, resamples, seed)
    return {
        name: Resampled(
            measure(confidences, right),
            np.array([measure(confidences[rows], right[rows]) for rows in drawn], dtype=np.float64),
        )
        for name, measure in MEASURES.items()
    }


def _draws(utterances: Sequence[str], resamples: int, seed: int) -> list[npt.NDArray[np.intp]]:
    """Rows of words: those of as many utterances as there are, drawn with replacement."""
    names, places = np.unique(np.array(utterances, dtype=str), return_inverse=True)
    rows = [np.flatnonzero(places == number) for number in range(len(names))]
    if not rows:
        return []
    generator = numpy_generator(seed, "bootstrap of confidences")
    draws = generator.integers(len(rows), size=(resamples, len(rows)))
    return [np.concatenate([rows[number] for number in draw]) for draw in draws]
