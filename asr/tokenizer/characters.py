"""Characters as tokens."""

from collections.abc import Sequence
from typing import Any

from asr.tokenizer.base import Tokenizer, refuse_foreign


class CharacterTokenizer(Tokenizer):
    """One token a character. The alphabet is in code point order, the space being a character like others."""

    def __init__(self, alphabet: Sequence[str]) -> None:
        """
        Raises:
            ValueError: a symbol is not one character, or appears twice.
        """
        if any(len(symbol) != 1 for symbol in alphabet) or len(set(alphabet)) != len(alphabet):
            raise ValueError(f"an alphabet is single characters, each once, got {list(alphabet)}")
        self.alphabet = tuple(alphabet)
        self._numbers = {symbol: number for number, symbol in enumerate(self.alphabet, start=1)}

    @property
    def size(self) -> int:
        return len(self.alphabet) + 1

    def encode(self, text: str) -> list[int]:
        refuse_foreign(text, self._numbers)
        return [self._numbers[symbol] for symbol in text]

    def decode(self, ids: Sequence[int]) -> str:
        self._check(ids)
        return " ".join("".join(self.alphabet[token - 1] for token in ids).split())

    def to_json(self) -> dict[str, Any]:
        return {"kind": "characters", "alphabet": list(self.alphabet)}
