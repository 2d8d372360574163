"""Utterances with their target tokens, made when they are asked for."""

from collections.abc import Sequence
from typing import overload

from asr.manifest import Table
from asr.text import normalise
from asr.tokenizer import Tokenizer
from asr.training.micro_batch import Example


class Examples(Sequence[Example]):
    """What is learned from. A text is read and tokenised when its micro-batch is due, so a million cost nothing.

    Args:
        table: the utterances that can be learned from.
        text: version of the normaliser, as the recipe has it.
    """

    def __init__(self, table: Table, tokenizer: Tokenizer, text: str) -> None:
        self.table, self.tokenizer, self.text = table, tokenizer, text

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, index: int) -> Example: ...

    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...

    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        utterance = self.table[index]
        return Example(utterance, tuple(self.tokenizer.encode(normalise(utterance.text, self.text))))
