"""Text to whole numbers and back. Number 0 is the CTC blank in every tokenizer.

A tokenizer is plain data: it travels inside the model's JSON and is known by its digest.
"""

import base64
import hashlib
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from asr import recipe
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
            TokenizerError: characters outside the alphabet; the message names each.
        """

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
        _refuse_foreign(text, self._numbers)
        return [self._numbers[symbol] for symbol in text]

    def decode(self, ids: Sequence[int]) -> str:
        self._check(ids)
        return " ".join("".join(self.alphabet[token - 1] for token in ids).split())

    def to_json(self) -> dict[str, Any]:
        return {"kind": "characters", "alphabet": list(self.alphabet)}


class SubwordTokenizer(Tokenizer):
    """Pieces of a SentencePiece unigram model. Its piece n is token n + 1; its piece 0 is the unknown.

    Unknown characters are refused when encoding, so the piece for them is never trained on; where a model
    gives it all the same it decodes to nothing.
    """

    def __init__(self, model: bytes) -> None:
        """
        Args:
            model: a serialised SentencePiece model.

        Raises:
            ValueError: these bytes are no such model.
        """
        from sentencepiece import SentencePieceProcessor

        if not model:
            raise ValueError("not a SentencePiece model (0 bytes)")
        self.model = model
        try:
            self._pieces = SentencePieceProcessor(model_proto=model)
        except RuntimeError as error:
            raise ValueError(f"not a SentencePiece model ({error})") from None
        self._unknown = int(self._pieces.unk_id())
        self._alphabet = {
            symbol
            for number in range(self._pieces.get_piece_size())
            if not self._pieces.is_unknown(number)
            for symbol in self._pieces.id_to_piece(number).replace("\u2581", " ")
        }

    @property
    def size(self) -> int:
        return int(self._pieces.get_piece_size()) + 1

    def encode(self, text: str) -> list[int]:
        _refuse_foreign(text, self._alphabet)
        return [int(number) + 1 for number in self._pieces.encode(text)]

    def decode(self, ids: Sequence[int]) -> str:
        self._check(ids)
        known = [int(token) - 1 for token in ids if token - 1 != self._unknown]
        return " ".join(str(self._pieces.decode(known)).split())

    def to_json(self) -> dict[str, Any]:
        return {"kind": "subwords", "sentencepiece": base64.b64encode(self.model).decode("ascii")}


def build_tokenizer(settings: recipe.Tokenizer, texts: Iterable[str]) -> Tokenizer:
    """The tokenizer of normalised training texts. Their order does not matter.

    With `settings.alphabet`, characters outside it are left to `encode` to refuse, which knows the utterance.

    Raises:
        TokenizerError: no text at all, or too little for that many subwords.
    """
    if settings.kind == "characters":
        found: set[str] = set()
        for text in texts:
            if text.strip():
                found.update(text)
        _need_some(found)
        return CharacterTokenizer(sorted(set(settings.alphabet) or found))
    ordered = sorted(text for text in texts if text.strip())
    _need_some(ordered)
    if settings.alphabet:
        ordered = [text for text in ordered if set(text) <= set(settings.alphabet)]
    return SubwordTokenizer(_train_subwords(ordered, settings.size))


def _need_some(found: Collection[str]) -> None:
    if not found:
        raise TokenizerError("the training texts have no characters at all; check the text of the corpus")


def tokenizer_from_json(tree: dict[str, Any]) -> Tokenizer:
    """The tokenizer that `to_json` described.

    Raises:
        TokenizerError: the JSON is not that of a tokenizer; the message says why.
    """
    try:
        match tree:
            case {"kind": "characters", "alphabet": [*alphabet], **rest} if not rest:
                return CharacterTokenizer(alphabet)
            case {"kind": "subwords", "sentencepiece": str(model), **rest} if not rest:
                return SubwordTokenizer(base64.b64decode(model, validate=True))
    except (ValueError, TypeError) as error:
        raise TokenizerError(f"the tokenizer cannot be built: {error}") from None
    raise TokenizerError(
        f"not a tokenizer: found the keys {sorted(map(str, tree))} and kind {tree.get('kind')!r}; "
        'expected kind "characters" with "alphabet" or kind "subwords" with "sentencepiece"'
    )


def _refuse_foreign(text: str, alphabet: Iterable[str]) -> None:
    foreign = sorted(set(text).difference(alphabet))
    if foreign:
        names = ", ".join(f"{symbol!r} (U+{ord(symbol):04X})" for symbol in foreign)
        raise TokenizerError(
            f"{text!r} has characters outside the alphabet: {names}; "
            "leave the utterance out, mend its text, or train with an alphabet that has them"
        )


def _train_subwords(texts: Sequence[str], size: int) -> bytes:
    from sentencepiece import SentencePieceTrainer

    written = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=written,
            model_type="unigram",
            vocab_size=size,
            character_coverage=1.0,
            normalization_rule_name="identity",  # normalise() has the last word on texts
            unk_id=0,
            bos_id=-1,
            eos_id=-1,
            pad_id=-1,
            num_threads=1,
            input_sentence_size=0,  # every text, so no draw
            max_sentence_length=1 << 20,  # bytes; longer texts would be skipped without a word
            minloglevel=2,
        )
    except (RuntimeError, OSError) as error:
        reason = " ".join(str(error).rpartition("] ")[2].split())  # without the place in its source
        raise TokenizerError(
            f"tokenizer.size = {size} subwords cannot be learned from {len(texts)} texts; set another size "
            f'or tokenizer.kind = "characters" (SentencePiece says: {reason})'
        ) from None
    return written.getvalue()
