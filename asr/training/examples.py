"""Utterances with their target tokens, made when they are asked for."""

from collections.abc import Sequence

from asr.manifest import Table
from asr.on_demand import OnDemand
from asr.text import normalise
from asr.tokenizer import Tokenizer
from asr.training.micro_batch import Example


class Examples(OnDemand[Example]):
    """What is learned from. A text is read and tokenised when its micro-batch is due, so a million cost nothing.

    Args:
        table: the utterances that can be learned from.
        text: version of the normaliser, as the recipe has it.
    """

    def __init__(self, table: Table, tokenizer: Tokenizer, text: str) -> None:
        self.table, self.tokenizer, self.text = table, tokenizer, text

    def __len__(self) -> int:
        return len(self.table)

    def at(self, place: int) -> Example:
        utterance = self.table.at(place)
        return Example(utterance, tuple(self.tokenizer.encode(self._text(place))))

    def joined(self, rows: Sequence[int]) -> tuple[int, ...]:
        """Target tokens of several utterances that are heard one after the other: those of their texts as one."""
        return tuple(self.tokenizer.encode(" ".join(map(self._text, rows))))

    def _text(self, place: int) -> str:
        return normalise(self.table.at(place).text, self.text)
