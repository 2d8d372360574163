"""An n-gram model of classes, written out as one of words.

The probability of a word is that of its class after the classes of the words before, times its own in the class. The
back-off weight of a history is that of its classes. So each n-gram of classes becomes the n-grams of all words of these
classes, and the ARPA file of those gives exactly the probabilities of the model of classes.
"""

from collections.abc import Sequence

import numpy as np

from asr.errors import LanguageModelError
from asr.lm.classes import Classes
from asr.lm.model import NGrams

MOST = 1_000_000  # n-grams of one length; reading that many takes seconds, and each bundle has them


def written_out(ngrams: Sequence[NGrams], classes: Classes, most: int = MOST) -> list[NGrams]:
    """N-grams of words.

    Args:
        ngrams: of classes, those of length 1 in the order of the classes.
        most: n-grams of one length that are allowed.

    Raises:
        LanguageModelError: there are more.
    """
    sizes = np.bincount(classes.of)
    members = np.argsort(classes.of, kind="stable")
    first = np.cumsum(sizes) - sizes
    found: list[NGrams] = []
    origin = np.zeros(1, np.int64)  # the n-gram of classes that each n-gram of words is made from
    for length, level in enumerate(ngrams, start=1):
        histories = np.bincount(level.history, minlength=int(origin.max(initial=0)) + 1)
        _check(length, int(np.bincount(level.history, sizes[level.word], len(histories))[origin].sum()), most)
        follow = histories[origin]  # n-grams of classes after each history of words
        history = np.repeat(np.arange(len(origin)), follow)
        place = _ranges((np.cumsum(histories) - histories)[origin], follow)
        many = sizes[level.word[place]]
        word = members[_ranges(first[level.word[place]], many)]
        history, place = np.repeat(history, many), np.repeat(place, many)
        order = np.lexsort((word, history))
        history, word, origin = history[order], word[order], place[order]
        log10 = level.log10[origin] + classes.log10[word]
        found.append(NGrams(history, word.astype(np.int32), log10, level.backoff[origin]))
    return found


def _check(length: int, count: int, most: int) -> None:
    if count > most:
        raise LanguageModelError(
            f"written out, the model of classes has {count:,} {length}-grams, and {most:,} are allowed; give more "
            "--classes, a lower --order, or leave out n-grams with --prune"
        )


def _ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The numbers from each start on, as many as its length says, one range after the other."""
    before = np.cumsum(lengths) - lengths
    return np.asarray(np.repeat(starts - before, lengths) + np.arange(int(lengths.sum())))
