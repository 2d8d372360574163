"""How often each n-gram stands in a text: sorted columns of whole numbers, one table for each length.

An n-gram is not stored as its words. It is the position of its first n - 1 words in the table one word shorter, and its
last word. So a table is sorted by its n-grams' words, a history's n-grams lie side by side, and all of it is
array arithmetic.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from asr.errors import LanguageModelError
from asr.lm.text import Corpus
from asr.lm.vocabulary import START_ID


@dataclass(frozen=True)
class Counted:
    """The different n-grams of one length, sorted."""

    history: np.ndarray  # (n-grams,) int64, position of the first n - 1 words in the table one shorter
    suffix: np.ndarray  # (n-grams,) int64, position of the last n - 1 words there
    word: np.ndarray  # (n-grams,) int32, the last word
    count: np.ndarray  # (n-grams,) int64, times seen
    starts: np.ndarray  # (n-grams,) bool, begins with <s>


def count_ngrams(corpus: Corpus, order: int) -> list[Counted]:
    """Tables for lengths 1 to `order`. That of length 1 is the whole vocabulary, seen or not.

    An n-gram does not reach over a sentence's ends: it begins with `<s>` or after it.

    Raises:
        LanguageModelError: no sentence is long enough for one n-gram of this order.
    """
    ids = corpus.ids
    size = corpus.vocabulary.size
    none = np.zeros(size, np.int64)
    words = np.arange(size, dtype=np.int32)
    tables = [Counted(none, none, words, np.bincount(ids, minlength=size), words == START_ID)]
    ending_here = ids.astype(
        np.int64
    )  # position in the last table of the n-gram that ends with each token; or -1
    for length in range(2, order + 1):
        before = np.concatenate([[-1], ending_here[:-1]])
        places = np.flatnonzero((before >= 0) & (ids != START_ID))
        if not len(places):
            raise LanguageModelError(
                f"the text has no {length}-grams: its longest sentence has {length - 3} words; "
                f"use --order {length - 1} or less"
            )
        key = before[places] * size + ids[places]
        by_key = np.argsort(key, kind="stable")
        key = key[by_key]
        first = np.concatenate([[True], key[1:] != key[:-1]])
        at = np.flatnonzero(first)
        history, word = np.divmod(key[at], size)
        suffix = ending_here[places[by_key[at]]]
        count = np.diff(np.append(at, len(key)))
        tables.append(Counted(history, suffix, word.astype(np.int32), count, tables[-1].starts[history]))
        ending_here = np.full(len(ids), -1, np.int64)
        ending_here[places[by_key]] = np.cumsum(first) - 1
    return tables


def adjusted_counts(tables: list[Counted]) -> list[np.ndarray]:
    """What Kneser and Ney count, (n-grams,) int64 for each table.

    In the longest n-grams it is how often they were seen. In shorter ones it is the number of different words
    before them, except where `<s>` comes first: before that there is nothing, and they count as often as seen.
    `<s>` itself is never predicted and counts 0.
    """
    adjusted = []
    for shorter, longer in pairwise(tables):
        before = np.bincount(longer.suffix, minlength=len(shorter.word))
        adjusted.append(np.where(shorter.starts, shorter.count, before))
    adjusted.append(tables[-1].count.copy())
    adjusted[0][START_ID] = 0
    return adjusted
