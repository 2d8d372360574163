"""Interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999, section 3.3 and equation 26).

    p(w | h) = max(a(hw) - D(a(hw)), 0) / sum_v a(hv)  +  gamma(h) p(w | h'),     h' = h without its first word

where a are adjusted counts (`counts.adjusted_counts`), D is one of three discounts for each length (for counts of 1,
2, and 3 or more), and gamma(h) is what the discounts of h have set free. Below the single words lies the uniform
distribution over everything that can be predicted, so `<unk>` and words of the vocabulary that the text lacks have a
probability too. This is the estimator of KenLM's lmplz (Heafield et al. 2013), whose way of pruning by count is
taken as well: by the times seen, and the adjusted count of what is pruned goes to gamma(h), so that sums stay one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from asr.errors import LanguageModelError
from asr.lm.counts import Counted, adjusted_counts
from asr.lm.vocabulary import START_ID

FALLBACK = (0.5, 1.0, 1.5)  # as lmplz --discount_fallback


@dataclass(frozen=True)
class Discounts:
    """What is taken off n-grams of one length with an adjusted count of 1, 2, and 3 or more."""

    values: tuple[float, float, float]
    estimated: bool  # from the text; else the fallback


@dataclass(frozen=True)
class Estimated:
    """The n-grams of one length with their probabilities, sorted as they were counted."""

    history: np.ndarray  # (n-grams,) int64
    suffix: np.ndarray  # (n-grams,) int64
    word: np.ndarray  # (n-grams,) int32
    count: np.ndarray  # (n-grams,) int64, times seen
    probability: np.ndarray  # (n-grams,) float64; 0 for <s>, which is never predicted
    backoff: np.ndarray  # (n-grams,) float64; gamma of the n-gram as a history, 1 where nothing follows it


def discounts(adjusted: np.ndarray, fallback: tuple[float, float, float] | None, length: int) -> Discounts:
    """D1, D2, D3+ from how many n-grams have an adjusted count of 1, 2, 3 and 4.

    Args:
        adjusted: (n-grams,) adjusted counts of all n-grams of this length.
        fallback: what is taken where the text is too small, or too even, for these counts; None forbids it.

    Raises:
        LanguageModelError: no n-gram has an adjusted count of 1, 2 or 3, or a discount is not within 0 < D <= count.
    """
    n = np.bincount(np.minimum(adjusted, 5), minlength=6)
    if n[1] and n[2] and n[3]:
        y = n[1] / (n[1] + 2 * n[2])
        found = tuple(float(k - (k + 1) * y * n[k + 1] / n[k]) for k in (1, 2, 3))
        # Zero would be a discount too, but leave nothing for the words that were not seen.
        if all(0 < value <= k for k, value in enumerate(found, start=1)):
            return Discounts((found[0], found[1], found[2]), True)
        reason = f"discounts are {', '.join(f'{value:.3g}' for value in found)}"
    else:
        seen = ", ".join(f"{n[k]} {k} times" for k in (1, 2, 3, 4))
        reason = f"of {int((adjusted > 0).sum())} {length}-grams {seen} were counted"
    if fallback is None:
        raise LanguageModelError(
            f"the text is too small or too even for the discounts of {length}-grams: {reason}; "
            f"give more text, a lower --order, or allow --discount-fallback {' '.join(map(str, FALLBACK))}"
        )
    return Discounts(fallback, False)


def estimate(
    tables: Sequence[Counted],
    fallback: tuple[float, float, float] | None = FALLBACK,
    prune: Sequence[int] = (0,),
) -> tuple[list[Estimated], list[Discounts]]:
    """Probabilities and back-off weights of all n-grams that are not pruned.

    Args:
        tables: from `count_ngrams`.
        prune: for each length, n-grams seen at most so often are left out; the last number holds for the longer ones.
            The first is 0, and none is less than the one before it.

    Raises:
        ValueError: `prune` is not so.
        LanguageModelError: see `discounts`.
    """
    thresholds = pruning_thresholds(prune, len(tables))
    adjusted = adjusted_counts(list(tables))
    taken = [discounts(counts, fallback, length) for length, counts in enumerate(adjusted, start=1)]
    kept = [table.count > threshold for table, threshold in zip(tables, thresholds, strict=True)]
    kept[0][:] = True  # words of the vocabulary that the text lacks, too
    probability = np.array([1 / (len(tables[0].word) - 1)])  # of anything but <s>
    probabilities, gammas = [], []
    for table, counts, discount, keep in zip(tables, adjusted, taken, kept, strict=True):
        off = np.array((0, *discount.values))[np.minimum(counts, 3)]
        total = np.bincount(table.history, counts, len(probability))
        free = np.bincount(table.history, np.where(keep, off, counts), len(probability))
        gammas.append(np.divide(free, total, out=np.ones_like(total), where=total > 0))
        probability = (counts - off) / total[table.history] + gammas[-1][table.history] * probability[
            table.suffix
        ]
        probabilities.append(probability)
    probabilities[0][START_ID] = 0
    backoffs = [*gammas[1:], np.ones(len(tables[-1].word))]
    levels = [
        Estimated(table.history, table.suffix, table.word, table.count, *values)
        for table, *values in zip(tables, probabilities, backoffs, strict=True)
    ]
    return only(levels, kept), taken  # an n-gram's history and suffix were seen as often at least: they stay


def pruning_thresholds(prune: Sequence[int], order: int) -> list[int]:
    """One for each length.

    Raises:
        ValueError: too many, not whole numbers from 0 up that never fall, or the first is not 0.
    """
    given = ", ".join(map(str, prune))
    if not 1 <= len(prune) <= order:
        raise ValueError(
            f"need 1 to {order} thresholds for a model of order {order}, got {len(prune)}: {given}"
        )
    if any(low > high for low, high in pairwise(prune)):
        raise ValueError(f"thresholds must not fall with the length of n-grams, got {given}")
    if prune[0] != 0:
        raise ValueError(
            f"the first threshold must be 0, got {given}: single words are limited by a vocabulary"
        )
    return [*prune, *[prune[-1]] * (order - len(prune))]


def only(levels: Sequence[Estimated], kept: Sequence[np.ndarray]) -> list[Estimated]:
    """The n-grams of which `kept`, (n-grams,) bool for each length, is true.

    What stays must have its history and its suffix among what stays.
    """
    found = []
    position = np.zeros(1, np.int64)  # of each n-gram one shorter among those that stay
    for level, keep in zip(levels, kept, strict=True):
        found.append(
            Estimated(
                history=position[level.history[keep]],
                suffix=position[level.suffix[keep]],
                word=level.word[keep],
                count=level.count[keep],
                probability=level.probability[keep],
                backoff=level.backoff[keep],
            )
        )
        position = np.cumsum(keep) - 1
    return found
