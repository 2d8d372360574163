"""A back-off n-gram model in memory, as an ARPA file defines it, and its probabilities.

    log10 p(w | h) = log10 of the n-gram (h, w)              where there is one
                   = backoff(h) + log10 p(w | h')            otherwise, h' = h without its first word

where backoff(h) is 0 if h is no n-gram. All n-grams stand in one numbering: by length, then by history, then by word.
A history is a *node*: 0 is the empty one, node i + 1 is n-gram i. So the n-grams of a node are one stretch of the
arrays, and looking one up is a bisection there.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from asr.lm.vocabulary import END, START, UNKNOWN

MISSING = -100.0  # log10 of an unknown word in a model without <unk>, as in KenLM


@dataclass(frozen=True)
class NGrams:
    """All n-grams of one length, sorted by history and word, each once."""

    history: np.ndarray  # (n-grams,) int64, position of the first n - 1 words among those one word shorter
    word: np.ndarray  # (n-grams,) int32, number of the last word
    log10: np.ndarray  # (n-grams,) float64
    backoff: np.ndarray  # (n-grams,) float64, log10; of the longest ones 0


class Scored(NamedTuple):
    """One word of a sentence."""

    word: str
    log10: float
    length: int  # of the n-gram that gave the probability
    known: bool  # in the vocabulary, and not <unk>


class Model:
    """Probabilities of words after words. States are whole numbers: to be compared, hashed, stored.

    Equal states mean that no word can tell the histories apart: a history is cut to the longest end of it that
    matters for anything that may follow.
    """

    def __init__(self, words: Sequence[str], ngrams: Sequence[NGrams]) -> None:
        """
        Args:
            words: the vocabulary; number i is `words[i]`. `<s>` and `</s>` are in it, and perhaps `<unk>`.
            ngrams: those of length 1 (one for each word, in the order of the vocabulary), 2, ...

        Raises:
            ValueError: the tables are not sorted, refer to n-grams that do not exist, or miss single words.
        """
        self.words = tuple(words)
        self.order = len(ngrams)
        self.has_unknown = UNKNOWN in self.words
        self.numbers = {word: number for number, word in enumerate(self.words)}
        self._arrange(ngrams)
        self._link()

    @property
    def written(self) -> tuple[int, ...]:
        """How many n-grams of each length its file has: an <unk> that was missing there does not count."""
        return (self.counts[0] - (not self.has_unknown), *self.counts[1:])

    def advance(self, state: int, word: str) -> tuple[float, int]:
        """log10 of the word's probability in this state, and the state behind it.

        A word outside the vocabulary is `<unk>`. The end of a sentence is the word `</s>`.
        """
        log10, place = self._find(state, self.numbers.get(word, self._unknown))
        return log10, self._next[place]

    def score(self, words: Sequence[str], start: bool = True, end: bool = True) -> list[Scored]:
        """Each word of a sentence, and `</s>` behind it.

        Args:
            start: the first word follows `<s>`; else nothing is known about what was before.
            end: the sentence ends here.
        """
        state = self.start if start else 0
        found = []
        for word in (*words, END) if end else words:
            number = self.numbers.get(word, self._unknown)
            log10, place = self._find(state, number)
            length = int(np.searchsorted(self._offsets, place, side="right"))
            found.append(Scored(word, log10, length, number != self._unknown))
            state = self._next[place]
        return found

    def log10_of(self, ids: np.ndarray) -> np.ndarray:
        """Many sentences at once.

        Args:
            ids: (tokens,) numbers of words; each sentence begins with that of `<s>`.

        Returns:
            (tokens,) log10 of each, 0 for each `<s>`.
        """
        ids = np.asarray(ids, np.int64)
        starts = ids == self.numbers[START]
        total: np.ndarray = self._log10[ids]
        ending = ids + 1  # the node of length 1 that ends with each token
        for _ in range(1, self.order):
            before = np.concatenate([[0], ending[:-1]])
            before[starts] = 0
            place = np.where(before > 0, self._lookup(before, ids), -1)
            found = place >= 0
            total = np.where(found, self._log10[place], total + self._backoff[before])
            ending = np.where(found, place + 1, 0)
        total[starts] = 0
        return total

    def _find(self, state: int, number: int) -> tuple[float, int]:
        """log10 of a word, and the longest n-gram that ends with it."""
        words, first, total = self._word_of, self._first, 0.0
        while True:
            stop = first[state + 1]
            place = bisect_left(words, number, first[state], stop)
            if place < stop and words[place] == number:  # always so where state is 0
                return total + self._log10_of[place], place
            total += self._backoff_of[state]
            state = self._shorter[state]

    def _arrange(self, ngrams: Sequence[NGrams]) -> None:
        """One numbering for n-grams of all lengths."""
        singles = ngrams[0]
        if not np.array_equal(singles.word, np.arange(len(self.words))):
            raise ValueError("n-grams of length 1 must be the vocabulary, in its order")
        if not self.has_unknown:
            self.words = (*self.words, UNKNOWN)
            self.numbers[UNKNOWN] = len(self.words) - 1
            ngrams = [_with(singles, len(self.words) - 1), *ngrams[1:]]
        self._unknown = self.numbers[UNKNOWN]
        self.counts = tuple(len(table.word) for table in ngrams)
        self._offsets = np.concatenate([[0], np.cumsum(self.counts[:-1])]).astype(np.int64)
        parents = [np.zeros(self.counts[0], np.int64)]
        for offset, table in zip(self._offsets, ngrams[1:], strict=False):
            parents.append(table.history + offset + 1)
        self._parent = np.concatenate(parents)
        self._word = np.concatenate([table.word for table in ngrams]).astype(np.int32)
        self._log10 = np.concatenate([table.log10 for table in ngrams])
        self._backoff = np.concatenate(
            [[0.0], *(table.backoff for table in ngrams[:-1]), np.zeros(self.counts[-1])]
        )
        self._keys = self._parent * len(self.words) + self._word
        if not (np.diff(self._keys) > 0).all():
            raise ValueError("n-grams must be sorted by history and word, each once")

    def _link(self) -> None:
        """Which node follows each n-gram, and which is the next shorter history of each node."""
        nodes = len(self._word) + 1
        children = np.bincount(self._parent, minlength=nodes)
        first = np.concatenate([[0], np.cumsum(children)])
        suffix = np.zeros(nodes, np.int64)
        state = np.arange(nodes)
        matters = (children > 0) | (self._backoff != 0)
        ends = [*self._offsets[1:], len(self._word)]
        for length, (low, high) in enumerate(zip(self._offsets, ends, strict=True), start=1):
            here = np.arange(low, high)
            if length > 1:
                suffix[here + 1] = self._longest(suffix, suffix[self._parent[here]], self._word[here]) + 1
            stays = matters[here + 1] & (length < self.order)
            state[here + 1] = np.where(stays, here + 1, state[suffix[here + 1]])
        # What single look-ups use: a memory view gives Python's numbers, several times quicker than an array.
        self._word_of = self._word.data
        self._log10_of = self._log10.data
        self._backoff_of = self._backoff.data
        self._first = first.data
        self._shorter = state[suffix].astype(np.int32).data
        self._next = state[1:].astype(np.int32).data
        self.start = int(state[self.numbers[START] + 1])

    def _longest(self, suffix: np.ndarray, nodes: np.ndarray, words: np.ndarray) -> np.ndarray:
        """The longest n-gram that ends with each word after the node, or after a shorter history of it."""
        found = np.full(len(nodes), -1, np.int64)
        pending = np.arange(len(nodes))
        while len(pending):
            found[pending] = self._lookup(nodes[pending], words[pending])
            pending = pending[found[pending] < 0]
            nodes[pending] = suffix[nodes[pending]]
        return found

    def _lookup(self, nodes: np.ndarray, words: np.ndarray) -> np.ndarray:
        """The n-gram of each history and word; -1 where there is none."""
        wanted = nodes * len(self.words) + words
        place = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.where(self._keys[place] == wanted, place, -1)


def _with(singles: NGrams, number: int) -> NGrams:
    """And the unknown word, which the model lacks."""
    return NGrams(
        history=np.append(singles.history, 0),
        word=np.append(singles.word, number),
        log10=np.append(singles.log10, MISSING),
        backoff=np.append(singles.backoff, 0.0),
    )
