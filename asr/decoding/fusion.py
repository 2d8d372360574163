"""What a reading of the tokens is worth besides its sound: words, a language model's opinion of them, and bonuses."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from asr.decoding.lexicon import Lexicon, Node
from asr.decoding.settings import SearchSettings
from asr.decoding.vocabulary import Vocabulary


class LanguageModel(Protocol):
    """A model that predicts one word after the other. Log-probs are natural logarithms.

    A model over tokens is the same with tokens for words, named as `Vocabulary.name` names them. A model that is the
    contents of an ARPA or KenLM file may say so by an attribute `path`; then the fast path lets KenLM read it.
    """

    def start(self) -> Hashable:
        """The state at the beginning of a sentence. Equal states have equal futures."""

    def score(self, state: Hashable, word: str) -> tuple[float, Hashable]:
        """log P(word | state) and the state after it. An unknown word is scored as <unk>."""

    def finish(self, state: Hashable) -> float:
        """log P(end of sentence | state)."""

    def __contains__(self, word: str) -> bool:
        """Whether the word is known."""


@dataclass(frozen=True, slots=True)
class WordEnd:
    """One way in which the tokens since the last word make up a word."""

    word: str  # "" where they have no text
    language: float  # its log-prob, if the model is one of words
    bonus: float
    state: Hashable  # of the language model, after it


class Fusion:
    """Scores of words and tokens for one search; asks the language model each question once."""

    def __init__(
        self,
        settings: SearchSettings,
        vocabulary: Vocabulary,
        lexicon: Lexicon | None,
        model: LanguageModel | None,
    ) -> None:
        """Parts that `check` found to fit together."""
        self.settings = settings
        self.vocabulary = vocabulary
        self.lexicon = lexicon
        self.over_words = model if settings.lm_unit == "word" else None
        self.over_tokens = model if settings.lm_unit == "token" else None
        self.open = settings.allows_unknown(lexicon is not None)
        self.model = model
        self._answers: dict[tuple[Hashable, str], tuple[float, Hashable]] = {}

    @property
    def root(self) -> Node | None:
        """Where a word of the lexicon begins."""
        return self.lexicon.root if self.lexicon is not None else None

    @property
    def separator(self) -> int | None:
        return self.vocabulary.separator

    @property
    def word_starts(self) -> frozenset[int]:
        """Tokens before which a word has ended."""
        return self.vocabulary.word_starts

    @property
    def tells_words(self) -> bool:
        """Whether it is known where words end."""
        return bool(self.word_starts) or self.lexicon is not None

    @property
    def start(self) -> Hashable:
        """State before the first word."""
        return self.model.start() if self.model is not None else None

    def finish(self, state: Hashable) -> float:
        """Log-prob of the end of the sentence; 0 without a model."""
        return self.model.finish(state) if self.model is not None else 0.0

    def token(self, state: Hashable, token: int) -> tuple[float, Hashable]:
        """Log-prob of a token and the state after it, by a model over tokens."""
        return self.ask(state, self.vocabulary.name(token))

    def word_ends(self, state: Hashable, tokens: Sequence[int], spelled: Sequence[str]) -> list[WordEnd]:
        """What the tokens since the last word can end as.

        Args:
            state: of the language model before them.
            tokens: at least one.
            spelled: words of the lexicon with just these tokens.
        """
        if spelled:
            return [self.word_end(state, word, known=True) for word in spelled]
        if not self.word_starts:
            return []
        text = self.vocabulary.text(tokens)
        known = self.lexicon is None and (self.over_words is None or text in self.over_words)
        return [self.word_end(state, text, known)] if known or self.open or not text else []

    def word_end(self, state: Hashable, word: str, known: bool) -> WordEnd:
        """The end of one word; a known one or not decides the bonus, never what the model says of it."""
        if not word:
            return WordEnd("", 0.0, 0.0, state)
        bonus = self.settings.bonus_of_word(known)
        if self.over_words is None:
            return WordEnd(word, 0.0, bonus, state)
        language, after = self.ask(state, word)
        return WordEnd(word, language, bonus, after)

    def ask(self, state: Hashable, word: str) -> tuple[float, Hashable]:
        """The model's log-prob of a word or named token, and the state after it."""
        assert self.model is not None
        question = (state, word)
        if question not in self._answers:
            self._answers[question] = self.model.score(state, word)
        return self._answers[question]

    def worth(self, end: WordEnd) -> float:
        """What it adds to the score."""
        return self.weighed(end.language) + end.bonus

    def weighed(self, language: float) -> float:
        """A log-prob of the model as it enters the score. With weight 0 even -inf is nothing."""
        return self.settings.lm_weight * language if self.settings.lm_weight else 0.0


def check(
    settings: SearchSettings, vocabulary: Vocabulary, lexicon: Lexicon | None, model: LanguageModel | None
) -> None:
    """
    Raises:
        ValueError: the parts of a search do not fit together; the message says which.
    """
    marked = bool(vocabulary.word_starts) and vocabulary.writes_words
    if not marked and lexicon is None:
        way_out = (
            "a vocabulary with spaces, or a lexicon" if vocabulary.writes_words else "of phones, a lexicon"
        )
        if model is not None and settings.lm_unit == "word":
            raise ValueError(f"a language model over words needs words: {way_out}")
        if settings.word_score:
            raise ValueError(f"word_score needs words: {way_out}")
    if lexicon is None:
        return
    if settings.allows_unknown(has_lexicon=True) and not marked:
        raise ValueError(
            "unknown_score: without spaces in the vocabulary nothing tells where an unknown word ends"
            if vocabulary.writes_words
            else "unknown_score: nothing tells how a word that is not in the lexicon is written, of its phones"
        )
    for word, tokens in lexicon.spellings:
        if max(tokens) >= vocabulary.size:
            raise ValueError(
                f"the lexicon spells {word!r} {list(tokens)}, but the tokens are 1 to {vocabulary.size - 1}"
            )
        if vocabulary.word_starts.intersection(tokens[1:]):
            raise ValueError(f"the lexicon spells {word!r} {list(tokens)}, in which another word begins")
