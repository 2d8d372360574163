"""A file as it is heard, piece by piece: joined, and interpreted in stretches that end between words.

What is heard as a whole is one stretch, and so is speech between two pauses. Of speech that goes on for longer than
`WHOLE` seconds a stretch is interpreted as soon as there is so much of it, so that memory does not grow with the
length, whatever reads it.
"""

import numpy as np

from asr.decoding.encoded import joined
from asr.decoding.greedy import Path, best_path
from asr.decoding.word_borders import Sound, Values, powers
from asr.tokenizer import BLANK
from asr.transcribe.hear import LogProbs
from asr.transcribe.interpreter import Interpreter
from asr.transcribe.reading import Piece
from asr.transcribe.transcript import Part, Segmented, Transcript, Word
from asr.transcribe.windows import WHOLE, Joiner, Windows

SURELY = 1.0  # seconds of blank that are longer than any word is without a sound
# Seconds after which a stretch ends wherever nothing is heard: memory is bounded, whatever is said.
MOST = 5 * WHOLE


class Recording:
    """One file of which more is to come."""

    def __init__(
        self, interpreter: Interpreter, windows: Windows, sample_rate: int, word_starts: frozenset[int]
    ) -> None:
        """
        Args:
            word_starts: tokens that begin a word, separators among them; none where tokens do not tell.
        """
        self._interpreter, self._windows, self._rate = interpreter, windows, sample_rate
        self._word_starts = word_starts
        self._joiner = Joiner(windows)
        self._heard: list[LogProbs] = []  # of this stretch
        self._power: list[Values] = []
        self._begin = 0.0  # seconds into the file at which this stretch does
        self._end = 0.0  # and where what was heard of it ends
        self._open = False  # whether the last piece goes on in the next one
        self._texts: list[str] = []
        self._words: list[Word] = []
        self._samples = 0
        self._segmentation: Segmented = "whole"

    def add(self, piece: Piece, log_probs: LogProbs) -> list[Part]:
        """The next piece, and what was heard in it; what is known for sure now, which is often nothing.

        Args:
            piece: its `begin` is that of the last one plus `Windows.step` where that one overlaps with it, else
                anywhere behind it.
            log_probs: (frames, tokens); of a piece without samples they are not looked at.
        """
        self._samples, self._segmentation = piece.begin + len(piece.samples), piece.segmentation
        if not len(piece.samples):
            return []
        if not self._open:
            self._joiner, self._begin = Joiner(self._windows), piece.begin / self._rate
        self._open = piece.overlaps
        samples = piece.samples[: self._windows.step] if piece.overlaps else piece.samples
        self._end = (piece.begin + len(samples)) / self._rate
        self._heard.append(self._joiner.add(log_probs, last=not piece.overlaps))
        if self._interpreter.words:
            self._power.append(powers(samples, self._windows.hop))
        place = self._between_words() if piece.overlaps else None
        return [] if piece.overlaps and place is None else [self._interpret(place)]

    def finished(self) -> Transcript:
        """When the last piece has been added."""
        text = " ".join(filter(None, self._texts))
        seconds, words = self._samples / self._rate, tuple(self._words)
        return Transcript(text, seconds, words, self._segmentation, self._interpreter.engine)

    def _between_words(self) -> int | None:
        """The frame at which the stretch can end, if it is long enough."""
        period = self._interpreter.period
        if (seconds := sum(map(len, self._heard)) * period) < WHOLE:
            return None
        self._heard = [joined(self._heard)]
        path = best_path(self._heard[0])
        least, surely = round(WHOLE / 2 / period), round(SURELY / period)
        return place_between_words(path, self._word_starts, least, surely, anywhere=seconds > MOST)

    def _interpret(self, place: int | None) -> Part:
        """What is before this frame, or all."""
        heard = joined(self._heard)
        power = np.concatenate(self._power) if self._power else np.zeros(0)
        blocks = None if place is None else place * (self._windows.grid // self._windows.hop)
        sound = Sound(power[:blocks], self._windows.hop / self._rate)
        begin, end = self._begin, self._end
        if place is not None:
            end = begin + place * self._interpreter.period
        text, found = self._interpreter(heard[:place], sound)
        words = tuple(
            Word(word.word, min(begin + word.start, end), min(begin + word.end, end), word.confidence)
            for word in found
        )
        self._heard = [] if place is None else [heard[place:]]
        self._power = [] if blocks is None else [power[blocks:]]
        self._begin = end
        self._texts.append(text)
        self._words += words
        return Part(text, words, begin, end)


def place_between_words(
    path: Path, word_starts: frozenset[int], least: int, surely: int, anywhere: bool = False
) -> int | None:
    """The frame at which a stretch can end: the middle of the longest run of blank between two words.

    Args:
        path: (frames,) the best token of each frame.
        word_starts: tokens that begin a word, separators among them; none where tokens do not tell.
        least: frames before it.
        surely: frames of blank that part words, whatever comes after them.
        anywhere: every run of blank will do, even within a word.

    Returns:
        None where there is no such run.
    """
    quiet = np.concatenate([[False], path == BLANK, [False]])
    edges = np.flatnonzero(quiet[1:] != quiet[:-1])
    best, longest = None, 0
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        begin = max(start, least)
        between = anywhere or stop - start >= surely
        if stop < len(path):
            between = between or int(path[stop]) in word_starts
        if between and stop - begin > longest:
            best, longest = (begin + stop) // 2, stop - begin
    return best
