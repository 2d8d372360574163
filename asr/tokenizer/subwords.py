"""Subwords of a SentencePiece unigram model as tokens."""

import base64
import io
from collections.abc import Sequence
from typing import Any

from asr.errors import TokenizerError
from asr.tokenizer.base import Tokenizer, refuse_foreign


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
        refuse_foreign(text, self._alphabet)
        return [int(number) + 1 for number in self._pieces.encode(text)]

    def decode(self, ids: Sequence[int]) -> str:
        self._check(ids)
        known = [int(token) - 1 for token in ids if token - 1 != self._unknown]
        return " ".join(str(self._pieces.decode(known)).split())

    def to_json(self) -> dict[str, Any]:
        return {"kind": "subwords", "sentencepiece": base64.b64encode(self.model).decode("ascii")}


def train_subwords(texts: Sequence[str], size: int) -> bytes:
    """A serialised SentencePiece model with so many pieces; the same for the same texts in the same order.

    Raises:
        TokenizerError: these texts have too little for them, or too much.
    """
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
