"""What the tokens of a model stand for in text, and where words begin: all that a search needs of a tokenizer."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from asr.tokenizer import BLANK, CharacterTokenizer, PhoneTokenizer, SubwordTokenizer, Tokenizer

SPACE = " "
SPACE_IN_MODELS = (
    "\u2581"  # n-gram files separate words by spaces, so a token model writes the space like this
)
UNKNOWN = "<unk>"


@dataclass(frozen=True)
class Vocabulary:
    """The text of each token; token 0 is the blank.

    A symbol that begins with a space begins a word (`" one"`, a SentencePiece piece). The symbol that is a space alone
    is the *separator* (of characters). Where no symbol has a space, only a lexicon tells words; where the symbols are
    phones, only a lexicon tells how words are written.
    """

    symbols: tuple[str, ...]  # (tokens,); "" for the blank and for a token without text
    writes_words: bool = True  # false: words are not written in these symbols but spoken in them (phones)

    def __post_init__(self) -> None:
        """
        Raises:
            ValueError: symbol 0 has text, a space stands elsewhere than at the front, or a symbol appears twice.
        """
        if not self.symbols or self.symbols[BLANK]:
            raise ValueError(f"symbol {BLANK} is the blank and has no text, got {self.symbols[:1]}")
        wrong = [symbol for symbol in self.symbols if SPACE in symbol[1:]]
        if wrong:
            raise ValueError(f"a space may only begin a symbol, got {wrong}")
        twice = sorted(symbol for symbol, count in Counter(self.symbols).items() if symbol and count > 1)
        if twice:
            raise ValueError(f"each symbol stands for one token, got several {twice}")

    @property
    def size(self) -> int:
        """Number of tokens, the blank included."""
        return len(self.symbols)

    @cached_property
    def separator(self) -> int | None:
        """The token that is a space and nothing else."""
        return self.symbols.index(SPACE) if SPACE in self.symbols else None

    @cached_property
    def word_starts(self) -> frozenset[int]:
        """Tokens that begin a word, the separator among them."""
        return frozenset(token for token, symbol in enumerate(self.symbols) if symbol.startswith(SPACE))

    def text(self, tokens: Sequence[int]) -> str:
        """Text of collapsed tokens without blanks; no space at the ends or doubled."""
        return " ".join("".join(self.symbols[token] for token in tokens).split())

    def name(self, token: int) -> str:
        """How a model over tokens writes it: the space as U+2581, as SentencePiece does."""
        return self.symbols[token].replace(SPACE, SPACE_IN_MODELS) or UNKNOWN


def vocabulary_of(tokenizer: Tokenizer) -> Vocabulary:
    """The vocabulary of a tokenizer.

    Raises:
        TypeError: a tokenizer of another kind than characters, subwords and phones.
    """
    match tokenizer:
        case CharacterTokenizer():
            return Vocabulary(("", *tokenizer.alphabet))
        case SubwordTokenizer():
            return Vocabulary(("", *_pieces(tokenizer.model)))
        case PhoneTokenizer():
            return Vocabulary(tokenizer.symbols, writes_words=False)
    raise TypeError(
        f"the symbols of a {type(tokenizer).__name__} are not known; build a Vocabulary from them"
    )


def _pieces(model: bytes) -> list[str]:
    from sentencepiece import SentencePieceProcessor

    pieces = SentencePieceProcessor(model_proto=model)
    return [
        "" if pieces.is_unknown(number) else pieces.id_to_piece(number).replace(SPACE_IN_MODELS, SPACE)
        for number in range(pieces.get_piece_size())
    ]
