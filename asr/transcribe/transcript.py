"""What was heard in a file. It needs no torch: processes that only pass transcripts on import it, too."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from asr.errors import AudioError


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a transcriber besides text."""

    words: bool = False  # words with their times
    decoder: Literal["greedy", "beam"] | None = None  # None: the search that the bundle carries, else greedy
    confidence: str = ""  # the file of an estimator, for the words


@dataclass(frozen=True)
class Word:
    """A word, and when it was said."""

    word: str
    start: float  # seconds into the file
    end: float  # seconds into the file
    confidence: float | None = None  # 0 to 1; None where nothing estimates it


@dataclass(frozen=True)
class Transcript:
    """What was heard in one file."""

    text: str
    seconds: float  # of audio
    words: tuple[Word, ...] = ()  # of the text, where they were asked for


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
