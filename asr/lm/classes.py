"""Classes of words learned from a text: words that have the same neighbours.

The exchange algorithm (Kneser and Ney 1993; Martin, Liermann and Ney 1998): every word is taken out of its class and
put into the one that makes the text most probable by bigrams of classes, until no word moves. With N(c, d) how often
class d follows class c, what is to be as high as it can is

    sum over c, d of N(c, d) log N(c, d)  -  sum over c of N(c, .) log N(c, .)  -  sum over d of N(., d) log N(., d)

and words given their classes, which do not depend on what stands around them, add the same to it whatever the classes.
"""

from dataclasses import dataclass

import numpy as np

from asr.lm.counts import count_ngrams
from asr.lm.text import Corpus
from asr.lm.vocabulary import SPECIAL, Vocabulary

DISCOUNT = 0.5  # taken off the count of each word of a class, and shared by all its words
PASSES = 100  # over all words, at most; a text needs five to twenty
_GAIN = 1e-6  # nats: what a word has to gain by moving, so that rounding moves none


@dataclass(frozen=True)
class Classes:
    """A class for each word, and how probable each word is in its class."""

    of: np.ndarray  # (words,) int64; the special words are the classes 0, 1 and 2, each alone
    log10: np.ndarray  # (words,) float64, of the word given its class

    @property
    def number(self) -> int:
        """How many there are besides the special ones."""
        return int(self.of.max()) + 1 - len(SPECIAL)

    def corpus(self, corpus: Corpus) -> Corpus:
        """The text in classes, named by their numbers."""
        names = (*SPECIAL, *(str(number + 1) for number in range(self.number)))
        return Corpus(Vocabulary(names), self.of[corpus.ids].astype(np.int32), corpus.sources)


def learn(corpus: Corpus, number: int) -> Classes:
    """Classes of the words of a text.

    A word's probability in its class is its share of what the class was seen, after absolute discounting: half a count
    of each word that was seen goes to all words of the class in equal parts. Words that the text lacks belong to the
    class that has most of those seen once (or as rarely as any).

    Args:
        number: of classes; there are fewer where there are fewer words. The most frequent words begin with a class
            each, all others together in the last one.

    Raises:
        ValueError: less than one class.
    """
    if number < 1:
        raise ValueError(f"the number of classes must be 1 or more, got {number}")
    counts = np.bincount(corpus.ids, minlength=corpus.vocabulary.size)
    special = len(SPECIAL)
    seen = special + np.flatnonzero(counts[special:])
    seen = seen[np.argsort(-counts[seen], kind="stable")]
    number = max(min(number, len(seen)), 1)
    classes = np.zeros(len(counts), np.int64)
    classes[:special] = range(special)
    classes[seen] = special + np.minimum(np.arange(len(seen)), number - 1)
    if len(seen):
        _Exchange(corpus, classes, special + number).settle(seen)
        classes[seen] = special + np.unique(classes[seen], return_inverse=True)[1]  # none is empty
        rarest = seen[counts[seen] == counts[seen[-1]]]
        unseen = special + np.flatnonzero(counts[special:] == 0)
        classes[unseen] = np.bincount(classes[rarest]).argmax()
    else:
        classes[special:] = special
    return Classes(classes, _log10_within(classes, counts))


def _log10_within(classes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(words,) log10 of each word given its class."""
    total = np.bincount(classes, counts)[classes]
    free = DISCOUNT * np.bincount(classes, counts > 0)[classes]
    size = np.bincount(classes)[classes]
    some = np.maximum(total, 1)
    within = (np.maximum(counts - DISCOUNT, 0) + free / size) / some
    alone = (size == 1) | (total == 0)
    return np.asarray(np.log10(np.where(alone, 1 / size, within)))


class _Exchange:
    """Words being moved between classes. C of them, the special ones included."""

    def __init__(self, corpus: Corpus, classes: np.ndarray, number: int) -> None:
        """`classes`, (words,), is changed in place."""
        pairs = count_ngrams(corpus, 2)[1]
        size = corpus.vocabulary.size
        self._classes, self._number = classes, number
        self._after = _Neighbours(pairs.history, pairs.word, pairs.count, size)
        self._before = _Neighbours(pairs.word, pairs.history, pairs.count, size)
        self._itself = np.zeros(size)
        same = pairs.history == pairs.word
        self._itself[pairs.word[same]] = pairs.count[same]
        self._table = np.zeros((number, number))  # how often one class follows another
        np.add.at(self._table, (classes[pairs.history], classes[pairs.word]), pairs.count)
        self._first, self._second = self._table.sum(1), self._table.sum(0)

    def settle(self, words: np.ndarray) -> None:
        """Until none of the words moves."""
        for _ in range(PASSES):
            moved = [self._move(word) for word in words.tolist()]
            if not any(moved):
                return

    def _move(self, word: int) -> bool:
        """To the class that makes the text most probable; of equal ones it stays, or takes the first."""
        old, itself = int(self._classes[word]), self._itself[word]
        after = self._after.classes(word, self._classes, self._number)
        before = self._before.classes(word, self._classes, self._number)
        after[old] -= itself
        before[old] -= itself
        self._count(old, -after, -before, -itself)
        gains = self._gains(after, before, itself)
        gains[: len(SPECIAL)] = -np.inf
        best = int(np.argmax(gains > gains.max() - _GAIN))
        new = best if gains[best] > gains[old] + _GAIN else old
        self._classes[word] = new
        self._count(new, after, before, itself)
        return new != old

    def _count(self, place: int, after: np.ndarray, before: np.ndarray, itself: float) -> None:
        self._table[place, :] += after
        self._table[:, place] += before
        self._table[place, place] += itself
        self._first[place] += after.sum() + itself
        self._second[place] += before.sum() + itself

    def _gains(self, after: np.ndarray, before: np.ndarray, itself: float) -> np.ndarray:
        """(C,) by how much the log-probability grows with a word, which is in no class, in each.

        Args:
            after, before: (C,) how often a word of each class stands after the word, and before it, itself aside.
            itself: how often it stands after itself.
        """
        right, left, corner = np.flatnonzero(after), np.flatnonzero(before), self._table.diagonal()
        pairs = (
            _growth(self._table[:, right], after[right]).sum(1)
            + _growth(self._table[left], before[left, None]).sum(0)
            - _growth(corner, after)
            - _growth(corner, before)
            + _growth(corner, after + before + itself)
        )
        alone = _growth(self._first, after.sum() + itself) + _growth(self._second, before.sum() + itself)
        return np.asarray(pairs - alone)


class _Neighbours:
    """The words beside each word, on one side."""

    def __init__(self, words: np.ndarray, others: np.ndarray, counts: np.ndarray, size: int) -> None:
        order = np.argsort(words, kind="stable")
        self._others, self._counts = others[order], counts[order]
        self._first = np.searchsorted(words[order], np.arange(size + 1))

    def classes(self, word: int, classes: np.ndarray, number: int) -> np.ndarray:
        """(C,) how often each class stands there."""
        here = slice(self._first[word], self._first[word + 1])
        return np.asarray(np.bincount(classes[self._others[here]], self._counts[here], number))


def _growth(counts: np.ndarray, more: np.ndarray | float) -> np.ndarray:
    """By how much n log n grows; of 0 it is 0."""
    grown = counts + more
    return np.asarray(grown * np.log(np.maximum(grown, 1)) - counts * np.log(np.maximum(counts, 1)))
