"""The readings that a prefix beam search has met, as a tree: one node for each sequence of tokens and words."""

from collections.abc import Hashable
from typing import Final

from asr.decoding.fusion import Fusion, WordEnd
from asr.decoding.lexicon import Node

INSIDE: Final = 0  # the way of a token that goes on with the word; way n ends it as its n-th word first


class Prefix:
    """Tokens so far, and what is known of them. What depends on the sound is not here: that changes every frame."""

    __slots__ = (
        *("parent", "token", "way", "word"),
        *("node", "unfinished", "state", "language", "bonus", "_ends", "_answers"),
    )

    def __init__(
        self,
        parent: "Prefix | None",
        token: int,
        way: int,
        word: str,
        node: Node | None,
        unfinished: tuple[int, ...],
        state: Hashable,
        language: float,
        bonus: float,
    ) -> None:
        self.parent = parent
        self.token = token  # the last one; 0 at the start
        self.way = (
            way  # how it came after its parent: INSIDE, or after the way-th word that the parent can end as
        )
        self.word = word  # what the parent ended as; "" if it did not
        self.node = node  # of the lexicon; None: no lexicon, or no word of it
        self.unfinished = unfinished  # tokens of the word that has not ended
        self.state = state  # of the language model
        self.language = language  # log-prob of all words or tokens that have ended
        self.bonus = bonus
        self._ends: list[WordEnd] | None = None
        self._answers: dict[int, tuple[float, Hashable]] = {}

    def ends(self, fusion: Fusion) -> list[WordEnd]:
        """What the unfinished word can end as; none where no word has begun."""
        if self._ends is None:
            spelled = self.node.words if self.node is not None else ()
            self._ends = fusion.word_ends(self.state, self.unfinished, spelled) if self.unfinished else []
        return self._ends

    def token_score(self, fusion: Fusion, token: int) -> float:
        """Log-prob of a token after this prefix, by a model over tokens."""
        if token not in self._answers:
            self._answers[token] = fusion.token(self.state, token)
        return self._answers[token][0]

    def extended(self, way: int, token: int, fusion: Fusion) -> "Prefix":
        """The prefix with one more token."""
        state, language, bonus = self.state, self.language, self.bonus + fusion.settings.token_score
        node, unfinished, word = self.node, self.unfinished, ""
        if way != INSIDE:
            end = self.ends(fusion)[way - 1]
            state, language, bonus = end.state, language + end.language, bonus + end.bonus
            node, unfinished, word = fusion.root, (), end.word
        if fusion.over_tokens is not None:
            language += self.token_score(fusion, token)
            state = self._answers[token][1]
        if token == fusion.separator:
            node, unfinished = fusion.root, ()
        else:
            node = node.children.get(token) if node is not None else None
            unfinished = (*unfinished, token)
        return Prefix(self, token, way, word, node, unfinished, state, language, bonus)

    def tokens(self) -> tuple[int, ...]:
        found, prefix = [], self
        while prefix.parent is not None:
            found.append(prefix.token)
            prefix = prefix.parent
        return tuple(reversed(found))

    def words(self) -> tuple[str, ...]:
        """Those that have ended."""
        found, prefix = [], self
        while prefix.parent is not None:
            found.append(prefix.word)
            prefix = prefix.parent
        return tuple(word for word in reversed(found) if word)


class Prefixes:
    """All that one search has met: the same tokens and words are the same object, whenever they come up."""

    def __init__(self, fusion: Fusion) -> None:
        self._fusion = fusion
        self.start = Prefix(None, 0, INSIDE, "", fusion.root, (), fusion.start, 0.0, 0.0)
        self._known: dict[tuple[Prefix, int, int], Prefix] = {}  # not in the prefixes: no circles to collect

    def child(self, prefix: Prefix, way: int, token: int) -> Prefix:
        """The prefix with one more token, after ending its word in a way or going on with it."""
        key = prefix, way, token
        if key not in self._known:
            self._known[key] = prefix.extended(way, token, self._fusion)
        return self._known[key]
