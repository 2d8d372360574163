"""What was heard in a file. It needs no torch: processes that only pass transcripts on import it, too."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from asr.errors import AudioError

# Instead of an estimator's file: the model's own probabilities, uncalibrated; or no confidence at all.
POSTERIOR, NO_CONFIDENCE = "posterior", "none"

# How a file is to be cut into what is heard as one. auto: not at all up to a minute; what is longer at pauses where the
# extra `vad` is installed, else as windows. pauses: at pauses, whatever its length. windows: no pauses are looked for.
Segmentation = Literal["auto", "pauses", "windows"]
Segmented = Literal["whole", "pauses", "windows"]  # how one was

# What computes. auto: the bundle's ONNX file where it has one (asr export), else torch, and torch where there is a CUDA
# card.
Asked = Literal["auto", "torch", "onnx"]
EngineName = Literal["torch", "onnx", "onnx-int8"]  # what did


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a transcriber besides text."""

    words: bool = False  # words with their times
    decoder: Literal["greedy", "beam"] | None = None  # None: the search that the bundle carries, else greedy
    confidence: str = ""  # of the words: an estimator's file, "posterior" or "none"; "": the bundle's, if any
    segmentation: Segmentation = "auto"
    engine: Asked = "auto"


@dataclass(frozen=True)
class Word:
    """A word, and when it was said."""

    word: str
    start: float  # seconds into the file
    end: float  # seconds into the file
    confidence: float | None = None  # 0 to 1; None where nothing estimates it


@dataclass(frozen=True)
class Segment:
    """Words that belong together: a line of subtitles."""

    start: float  # seconds into the file
    end: float  # seconds into the file
    text: str
    words: tuple[Word, ...]

    @property
    def confidence(self) -> float | None:
        """The mean of its words'; None where nothing estimates them."""
        known = [word.confidence for word in self.words if word.confidence is not None]
        return sum(known) / len(known) if known else None


@dataclass(frozen=True)
class Part:
    """A part of a transcript that will not change any more, while the rest is still to be heard."""

    text: str
    words: tuple[Word, ...]  # where they were asked for
    start: float  # seconds into the file: what was heard to make it
    end: float


@dataclass(frozen=True)
class Transcript:
    """What was heard in one file."""

    text: str
    seconds: float  # of audio
    words: tuple[Word, ...] = ()  # of the text, where they were asked for
    segmentation: Segmented = "whole"  # how the file was cut into what was heard as one
    engine: EngineName = "torch"  # what computed

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Lines of subtitles (asr.transcribe.segments). Where there are no words, one of the whole text."""
        from asr.transcribe.segments import segments_of

        if self.text and not self.words:
            return (Segment(0.0, self.seconds, self.text, ()),)
        return segments_of(self.words)


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
