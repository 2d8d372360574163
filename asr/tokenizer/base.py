"""What every tokenizer can do."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from asr.errors import TokenizerError

BLANK = 0


class Tokenizer(ABC):
    """Tokens 1 to `size` - 1 stand for text, token 0 is the blank."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of tokens, the blank included: the width of the model's output."""

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """Tokens of a normalised text, none of them the blank.

        Raises:
            TokenizerError: what cannot be written in these tokens: characters outside the alphabet, words without a
                pronunciation; the message names each.
        """

    def spellings(self, word: str) -> list[list[int]]:
        """The ways in which a word can be written, at least one, the one of `encode` first.

        Raises:
            TokenizerError: there is none.
        """
        return [self.encode(word)]

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """Text of tokens that are already collapsed and free of blanks; no space at the ends or doubled.

        Raises:
            ValueError: a token is the blank or out of range.
        """

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """All that is needed to build it again, as plain JSON values."""

    def digest(self) -> str:
        """SHA-256 of the canonical JSON."""
        canonical = json.dumps(self.to_json(), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def _check(self, ids: Sequence[int]) -> None:
        wrong = sorted({int(token) for token in ids if not 0 < token < self.size})
        if wrong:
            raise ValueError(f"tokens must be 1 to {self.size - 1} (0 is the blank), got {wrong}")


def refuse_foreign(text: str, alphabet: Iterable[str]) -> None:
    """Raises TokenizerError naming the characters of the text that are not in the alphabet."""
    foreign = sorted(set(text).difference(alphabet))
    if foreign:
        names = ", ".join(f"{symbol!r} (U+{ord(symbol):04X})" for symbol in foreign)
        raise TokenizerError(
            f"{text!r} has characters outside the alphabet: {names}; "
            "leave the utterance out, mend its text, or train with an alphabet that has them"
        )
