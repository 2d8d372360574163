"""Which tokens may come next, and the best that can come of each: what a search prunes by before a word has ended."""

import numpy as np
import numpy.typing as npt

from asr.decoding.fusion import Fusion
from asr.decoding.lexicon import Node
from asr.decoding.prefixes import Prefix

Vector = npt.NDArray[np.float64]
NEVER = -np.inf
ROWS = 20_000  # kept at a time; a lexicon may have millions of nodes


class LookAhead:
    """For a (prefix, token) -inf where the token cannot follow, else what the word that it belongs to can still score.

    That is its language model score at the start of a sentence and its bonus, of the best word that can come of the
    tokens so far; 0 without a lexicon. It is taken back when the word ends, so it decides what survives, not what
    anything scores. (The "smearing" of Ortmanns, Ney and Eiden 1996, with unigrams.)
    """

    def __init__(self, fusion: Fusion) -> None:
        self._fusion = fusion
        self._size = fusion.vocabulary.size
        self._best = self._best_below() if fusion.lexicon is not None else []
        self._off = (
            self._unigram("<unk>", known=False) if fusion.lexicon is not None and fusion.open else NEVER
        )
        self._rows: dict[tuple[int, bool], Vector] = {}
        self.fresh = self._after_a_word()  # (tokens,) for tokens before which a word ends

    def row(self, prefix: Prefix) -> Vector:
        """(tokens,) for tokens that go on with the prefix's word, or begin one where none has begun."""
        key = (prefix.node.number if prefix.node is not None else -1, bool(prefix.unfinished))
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= ROWS:
                self._rows.clear()
            row = self._rows[key] = self._within(prefix.node, key[1])
        return row

    def hope(self, prefix: Prefix) -> float:
        """What the unfinished word can still score; 0 where none has begun."""
        return self._of(prefix.node) if prefix.unfinished else 0.0

    def _of(self, node: Node | None) -> float:
        if self._fusion.lexicon is None:
            return 0.0
        return max(self._best[node.number], self._off) if node is not None else self._off

    def _within(self, node: Node | None, begun: bool) -> Vector:
        row = np.full(self._size, NEVER)
        barred = self._barred(begun)
        if self._fusion.lexicon is None or self._fusion.open:
            row[1:] = self._of(None)
            row[sorted(barred)] = NEVER
        for token, child in node.children.items() if node is not None else ():
            if token not in barred:
                row[token] = self._of(child)
        return row

    def _barred(self, begun: bool) -> frozenset[int]:
        """Tokens that do not go on with a word, or do not begin one: separators between words belong to neither."""
        if begun:
            return self._fusion.word_starts
        return frozenset() if self._fusion.separator is None else frozenset([self._fusion.separator])

    def _after_a_word(self) -> Vector:
        """Words that are marked end before a word start; others wherever one of the lexicon can begin."""
        row = np.full(self._size, NEVER)
        root, starts = self._fusion.root, self._fusion.word_starts
        if root is None or self._fusion.open:
            row[sorted(starts)] = self._of(None)
        if root is not None:
            for token, child in root.children.items():
                if token in starts or not starts:
                    row[token] = self._of(child)
        if self._fusion.separator is not None:
            row[self._fusion.separator] = 0.0
        return row

    def _best_below(self) -> list[float]:
        fusion = self._fusion
        assert fusion.lexicon is not None
        return fusion.lexicon.best_below(lambda word: self._unigram(word, known=True))

    def _unigram(self, word: str, known: bool) -> float:
        fusion = self._fusion
        bonus = fusion.settings.bonus_of_word(known)
        if fusion.over_words is None:
            return bonus
        return fusion.weighed(fusion.over_words.score(fusion.start, word)[0]) + bonus
