"""The words that a search may find, each with the tokens that spell it, as a trie."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from asr.tokenizer import BLANK, PhoneTokenizer, Tokenizer

Spelling = tuple[int, ...]


@dataclass(eq=False, slots=True)
class Node:
    """What a sequence of tokens can become."""

    number: int  # its place in `Lexicon.nodes`
    children: dict[int, "Node"] = field(default_factory=dict)
    words: tuple[str, ...] = ()  # spelled by exactly the tokens that lead here


class Lexicon:
    """Words and their spellings. One word may have several, several words may share one."""

    def __init__(self, spellings: Iterable[tuple[str, Sequence[int]]]) -> None:
        """
        Args:
            spellings: (word, tokens); the order does not matter, and what is said twice counts once.

        Raises:
            ValueError: no words at all, a word without tokens or with a blank, an empty word or one with a space.
        """
        self.spellings: tuple[tuple[str, Spelling], ...] = tuple(
            sorted({(word, tuple(int(token) for token in tokens)) for word, tokens in spellings})
        )
        if not self.spellings:
            raise ValueError("a lexicon needs at least one word")
        self.nodes = [Node(0)]
        for word, tokens in self.spellings:
            _check(word, tokens)
            self._add(word, tokens)

    @classmethod
    def of_words(cls, words: Iterable[str], tokenizer: Tokenizer) -> "Lexicon":
        """Each word in all the ways in which the tokenizer can write it.

        Raises:
            TokenizerError: a word has characters outside the alphabet, or words have no pronunciation; it names
                the word, or the words.
        """
        every = list(words)
        if isinstance(tokenizer, PhoneTokenizer):
            tokenizer.refuse_unknown(every)
        return cls((word, tokens) for word in every for tokens in tokenizer.spellings(word))

    @property
    def root(self) -> Node:
        return self.nodes[0]

    @property
    def words(self) -> set[str]:
        """All of them, however they are spelled."""
        return {word for word, _ in self.spellings}

    @property
    def size(self) -> int:
        """Number of different words."""
        return len(self.words)

    def without(self, separator: int | None) -> "Lexicon":
        """The same words without separators around their spellings: those belong to no word."""
        if separator is None or not any(separator in (tokens[0], tokens[-1]) for _, tokens in self.spellings):
            return self
        return Lexicon((word, _strip(tokens, separator)) for word, tokens in self.spellings)

    def best_below(self, score: Callable[[str], float]) -> list[float]:
        """For each node the highest score of the words that can still come of it, itself included."""
        best = [max(map(score, node.words), default=-float("inf")) for node in self.nodes]
        for node in reversed(self.nodes):  # children have higher numbers than their parents
            best[node.number] = max(
                [best[node.number], *(best[child.number] for child in node.children.values())]
            )
        return best

    def _add(self, word: str, tokens: Spelling) -> None:
        node = self.root
        for token in tokens:
            if token not in node.children:
                node.children[token] = Node(len(self.nodes))
                self.nodes.append(node.children[token])
            node = node.children[token]
        node.words = (*node.words, word)


def _strip(tokens: Spelling, separator: int) -> Spelling:
    start, end = 0, len(tokens)
    while start < end and tokens[start] == separator:
        start += 1
    while start < end and tokens[end - 1] == separator:
        end -= 1
    return tokens[start:end]


def _check(word: str, tokens: Spelling) -> None:
    if not word or word.split() != [word]:
        raise ValueError(f"a word has no spaces and at least one character, got {word!r}")
    if not tokens:
        raise ValueError(f"the word {word!r} has no tokens; give its spelling, separators aside")
    if min(tokens) <= BLANK:
        raise ValueError(
            f"the word {word!r} is spelled {list(tokens)}; tokens are 1 or more (0 is the blank)"
        )
