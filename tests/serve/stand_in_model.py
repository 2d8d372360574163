"""A model that hears nothing, quickly or slowly: what a server does around one is then easy to see."""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from asr.audio import Audio
from asr.serve.models import Models, Served
from asr.transcribe.reading import Piece
from asr.transcribe.transcript import Part, Transcript, Word

RATE = 8_000  # Hz
PIECE = 1.0  # seconds


class StandIn:
    """What a server uses of a Transcriber. Its text is the number of samples of each piece.

    Attributes:
        batches: pieces of each, in the order in which they were computed.
        begun: how many batches.
        gate: held back until it is set.
        before: called with each batch.
    """

    batched = True
    sample_rate = RATE
    engine = "torch"

    def __init__(self) -> None:
        self.batches: list[list[Piece]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.begun = 0
        self.before: Callable[[list[Piece]], None] = lambda pieces: None

    def pieces(self, number: int, blocks: Iterable[Audio]) -> Iterator[Piece]:
        samples = np.concatenate([block.samples for block in blocks])
        size = round(PIECE * RATE)
        for begin in range(0, len(samples), size):
            part = samples[begin : begin + size]
            yield Piece(number, part, last=begin + size >= len(samples), begin=begin)

    def hear(self, pieces: list[Piece]) -> list[tuple[Piece, Any]]:
        self.begun += 1
        self.before(pieces)
        assert self.gate.wait(30)
        self.batches.append(pieces)
        return [(piece, np.zeros((1, 2), np.float32)) for piece in pieces]

    def recording(self, words: bool = True) -> "StandInRecording":
        return StandInRecording(words)


class StandInRecording:
    def __init__(self, words: bool) -> None:
        self._words, self._parts = words, list[Part]()

    def add(self, piece: Piece, _log_probs: Any) -> list[Part]:
        start, end = piece.begin / RATE, (piece.begin + len(piece.samples)) / RATE
        text = str(len(piece.samples))
        words = (Word(text, start, end, 0.5),) if self._words else ()
        self._parts.append(Part(text, words, start, end))
        return self._parts[-1:]

    def finished(self) -> Transcript:
        text = " ".join(part.text for part in self._parts)
        words = tuple(word for part in self._parts for word in part.words)
        return Transcript(text, self._parts[-1].end, words)


def models_of(**transcribers: StandIn) -> Models:
    made: Any = transcribers
    return Models([Served(name, transcriber, created=7) for name, transcriber in made.items()])
