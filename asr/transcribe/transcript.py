"""What was heard in a file. It needs no torch: processes that only pass transcripts on import it, too."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from asr.errors import AudioError


@dataclass(frozen=True)
class Transcript:
    """What was heard in one file."""

    text: str
    seconds: float  # of audio


Found = Transcript | AudioError  # of a file; the error is about this file alone


def in_order(found: Iterable[tuple[int, Found]]) -> Iterator[tuple[int, Found]]:
    """What comes in any order with the numbers 0, 1, 2, ..., sorted; each as soon as all before it are there."""
    waiting: dict[int, Found] = {}
    due = 0
    for number, result in found:
        waiting[number] = result
        while due in waiting:
            yield due, waiting.pop(due)
            due += 1
