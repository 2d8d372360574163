"""Utterances with their target tokens, made when they are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from asr.manifest import Table, Utterance
from asr.on_demand import OnDemand
from asr.text import normalise
from asr.tokenizer import Tokenizer


@dataclass(frozen=True)
class Example:
    """An utterance and its target tokens."""

    utterance: Utterance
    target: tuple[int, ...]


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
        return Example(utterance, self.joined([utterance]))

    def joined(self, utterances: Sequence[Utterance]) -> tuple[int, ...]:
        """Target tokens of utterances that are heard one after the other: those of their texts as one."""
        texts = (normalise(utterance.text, self.text) for utterance in utterances)
        return tuple(self.tokenizer.encode(" ".join(texts)))
