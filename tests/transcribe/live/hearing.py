"""A model that hears what each hundredth of a second says by itself, so that the truth about a stream is known.

A character is a stretch of a constant amplitude, silence is blank. Whatever it hears before and after makes no
difference to it, so what is heard of a whole is what is heard of its parts, if they are cut between words.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np

from asr.decoding.greedy import greedy
from asr.tokenizer import BLANK, CharacterTokenizer
from asr.transcribe.interpreter import Interpreter
from asr.transcribe.reading import Piece
from asr.transcribe.recording import Recording
from asr.transcribe.voice_activity import FRAME
from asr.transcribe.windows import Windows

RATE, GRID = 1_000, 10  # Hz, and samples of a frame
LETTERS = " abcd"
STEP = 0.1  # between the amplitudes of two characters
SPOKEN, GAP = 0.06, 0.02  # seconds of a character, and of the silence behind it
TOKENIZER = CharacterTokenizer(list(LETTERS))


def sound_of(text: str) -> np.ndarray:
    """(samples,) float32."""
    parts = [
        part
        for letter in text
        for part in (
            np.full(round(SPOKEN * RATE), STEP * (1 + LETTERS.index(letter)), np.float32),
            silence(GAP),
        )
    ]
    return np.concatenate([silence(0.0), *parts])


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.float32)


def hiss(seconds: float) -> np.ndarray:
    """Silence of a real room."""
    return np.full(round(seconds * RATE), 0.001, np.float32)


class Local:
    """In place of a Transcriber."""

    sample_rate = RATE
    windows = Windows(60 * RATE, 12 * RATE, 4 * RATE, GRID, GRID)
    bundle = SimpleNamespace(tokenizer=TOKENIZER)

    def __init__(self, hearings: int = 1) -> None:
        self.hearings = hearings
        self.seconds: list[float] = []  # of each piece that was heard
        self.before: list[np.ndarray] = []  # what each was in the company of

    def hear(self, pieces: list[Piece]) -> list[tuple[Piece, Any]]:
        self.seconds += [len(piece.samples) / RATE for piece in pieces]
        self.before += [piece.before for piece in pieces]
        assert not any(len(piece.after) for piece in pieces)  # nobody knows it
        return [(piece, log_probs(piece.samples)) for piece in pieces]

    def recording(self) -> Recording:
        return Recording(
            Interpreter(TOKENIZER, GRID / RATE), self.windows, RATE, frozenset(TOKENIZER.encode(" "))
        )

    def whole(self, samples: np.ndarray) -> str:
        """What it hears without any cut."""
        return TOKENIZER.decode(greedy(log_probs(samples)))


def log_probs(samples: np.ndarray) -> np.ndarray:
    """(frames, tokens): the character whose amplitude most of the samples of a frame have."""
    frames = -(-len(samples) // GRID)
    padded = np.zeros(frames * GRID, np.float32)
    padded[: len(samples)] = samples
    tokens = np.rint(np.median(padded.reshape(frames, GRID), axis=1) / STEP).astype(int)
    found = np.full((frames, 1 + len(LETTERS)), -20.0, np.float32)
    found[np.arange(frames), np.clip(tokens, BLANK, len(LETTERS))] = 0.0
    return found


class Loud:
    """In place of a network: what is not silent is speech."""

    def stream(self, sample_rate: int) -> "Loud":
        loud = Loud()
        loud.size, loud.held = round(FRAME * sample_rate), np.zeros(0, np.float32)
        return loud

    size: int
    held: np.ndarray

    def __call__(self, samples: np.ndarray, last: bool = False) -> np.ndarray:
        held = np.concatenate([self.held, samples])
        frames = len(held) // self.size
        self.held = held[frames * self.size :]
        found = [block.max() for block in held[: frames * self.size].reshape(frames, self.size)]
        if last and len(self.held):
            found.append(self.held.max())
        return np.array([float(loudest > STEP / 2) for loudest in found], np.float32)


def heard(found: np.ndarray) -> list[int]:
    """The tokens that are read."""
    return list(greedy(found))
