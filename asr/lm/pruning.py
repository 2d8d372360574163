"""Pruning by relative entropy (Stolcke 1998): leaves out the n-grams that the model misses least.

Without n-gram (h, w) its history gets another back-off weight, alpha' instead of alpha, and the distribution p' instead
of p. The divergence of the two is

    D(p || p') = -p(h) { p(w|h) [log p(w|h') + log alpha' - log p(w|h)] + [log alpha' - log alpha] sum_u p(u|h) }

with the sum over the words u that have no n-gram after h. Where exp(D) - 1, by which perplexity grows, is below the
threshold, the n-gram goes. Two things are done otherwise than in the paper. p(h) is how often the text had h, not the
product of the model's own probabilities: those of shorter Kneser-Ney n-grams are no frequencies (Chelba et al. 2010).
And an n-gram stays also where a longer one that stays ends with it, not only where one begins with it; so every
back-off leads to an n-gram that exists, and back-off weights are exact.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from asr.lm.kneser_ney import Estimated, only
from asr.lm.vocabulary import START_ID


def prune_by_entropy(levels: Sequence[Estimated], threshold: float) -> list[Estimated]:
    """The model without n-grams of two words or more for whose loss its perplexity grows by less than `threshold`.

    Args:
        threshold: relative, such as 1e-8; 0 prunes nothing.

    Raises:
        ValueError: the threshold is negative or not a number.
    """
    if not threshold >= 0:
        raise ValueError(f"the threshold of pruning must be 0 or more, got {threshold}")
    pruned = list(levels)
    kept = [np.ones(len(level.word), bool) for level in levels]
    tokens = int(levels[0].count.sum() - levels[0].count[START_ID])
    needed = np.zeros(len(levels[-1].word), bool)
    for length in range(len(levels) - 1, 0, -1):  # from the longest, whose shorter ones are still whole
        level, shorter = levels[length], levels[length - 1]
        growth, weights = _growth(level, shorter, tokens)
        kept[length] = needed | (growth >= threshold)
        pruned[length - 1] = replace(shorter, backoff=weights(kept[length]))
        needed = np.zeros(len(shorter.word), bool)
        needed[level.history[kept[length]]] = True
        needed[level.suffix[kept[length]]] = True
    return only(pruned, kept)


def _growth(
    level: Estimated, shorter: Estimated, tokens: int
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """(n-grams,) growth of perplexity without each one alone; and histories' back-off weights, given what stays."""
    histories = len(shorter.word)
    p = level.probability
    p_shorter = shorter.probability[level.suffix]
    backoff = shorter.backoff
    # Of the words without an n-gram after each history: what the shorter history gives them, and what this one does.
    unseen_shorter = np.maximum(1 - np.bincount(level.history, p_shorter, histories), 0)
    unseen = backoff * unseen_shorter
    frequency = np.bincount(level.history, level.count, histories) / tokens
    h = level.history
    other = np.log((unseen[h] + p) / (unseen_shorter[h] + p_shorter))
    lost = p * (np.log(p_shorter) + other - np.log(p)) + (other - np.log(backoff[h])) * unseen[h]
    growth = np.expm1(-frequency[h] * lost)

    def weights(kept: np.ndarray) -> np.ndarray:
        gone = ~kept
        free = unseen + np.bincount(h[gone], p[gone], histories)
        free_shorter = unseen_shorter + np.bincount(h[gone], p_shorter[gone], histories)
        touched = np.bincount(h[gone], minlength=histories) > 0
        return np.where(touched, free / np.where(touched, free_shorter, 1), backoff)

    return growth, weights
