"""A file as it is heard, piece by piece: joined, and interpreted in stretches that end between words.

What is not longer than `WHOLE` seconds is one stretch. Of longer audio a stretch is interpreted as soon as there is so
much of it, so that memory does not grow with the length, whatever reads it.
"""

import numpy as np

from asr.decoding.greedy import Path, best_path
from asr.decoding.word_borders import Sound, Values, powers
from asr.tokenizer import BLANK
from asr.transcribe.hear import LogProbs
from asr.transcribe.interpreter import Interpreter
from asr.transcribe.reading import Piece
from asr.transcribe.transcript import Transcript, Word
from asr.transcribe.windows import WHOLE, Joiner, Windows

SURELY = 1.0  # seconds of blank that are longer than any word is without a sound
# Seconds after which a stretch ends wherever nothing is heard: memory is bounded, whatever is said.
MOST = 5 * WHOLE


class Stretches:
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
        self._frames = 0  # of the file before this stretch
        self._texts: list[str] = []
        self._words: list[Word] = []
        self._samples = 0

    def add(self, piece: Piece, log_probs: LogProbs) -> None:
        """The next piece, and what was heard in it."""
        samples = piece.samples if piece.last else piece.samples[: self._windows.step]
        self._samples += len(samples)
        self._heard.append(self._joiner.add(log_probs, piece.last))
        if self._interpreter.words:
            self._power.append(powers(samples, self._windows.hop))
        if not piece.last:
            self._end_between_words()

    def finished(self) -> Transcript:
        """When the last piece has been added."""
        self._interpret(None)
        seconds = self._samples / self._rate
        words = tuple(
            Word(word.word, min(word.start, seconds), min(word.end, seconds), word.confidence)
            for word in self._words
        )
        return Transcript(" ".join(filter(None, self._texts)), seconds, words)

    def _end_between_words(self) -> None:
        period = self._interpreter.period
        if (seconds := sum(map(len, self._heard)) * period) < WHOLE:
            return
        self._heard = [np.concatenate(self._heard)]
        path = best_path(self._heard[0])
        least, surely = round(WHOLE / 2 / period), round(SURELY / period)
        place = place_between_words(path, self._word_starts, least, surely, anywhere=seconds > MOST)
        if place is not None:
            self._interpret(place)

    def _interpret(self, place: int | None) -> None:
        """What is before this frame, or all."""
        heard = np.concatenate(self._heard)
        power = np.concatenate(self._power) if self._power else np.zeros(0)
        blocks = None if place is None else place * (self._windows.grid // self._windows.hop)
        sound = Sound(power[:blocks], self._windows.hop / self._rate)
        text, words = self._interpreter(heard[:place], sound)
        begin = self._frames * self._interpreter.period
        self._texts.append(text)
        self._words += [Word(w.word, begin + w.start, begin + w.end, w.confidence) for w in words]
        if place is not None and blocks is not None:
            self._heard, self._power = [heard[place:]], [power[blocks:]]
            self._frames += place


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
