"""Pieces to a transcript, with a model that hears words at known samples: none is lost or doubled, each at its time."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spoken import Knowing, numbered

from asr.audio import Audio
from asr.decoding.greedy import best_path
from asr.decoding.word_borders import Sound
from asr.transcribe import recording
from asr.transcribe.pauses import Pauses
from asr.transcribe.reading import Piece, pieces_of
from asr.transcribe.recording import Recording
from asr.transcribe.transcript import Part, Transcript, Word
from asr.transcribe.windows import Windows

RATE, GRID, TOKENS = 1_000, 20, 30
WINDOWS = Windows(whole=4_000, step=3_000, overlap=1_000, grid=GRID, hop=GRID)
PERIOD = GRID / RATE


class Reads:
    """In the place of an Interpreter: every token is a word, in the one frame that it is heard in."""

    words, period = True, PERIOD
    engine = "torch"

    def __call__(self, log_probs: np.ndarray, sound: Sound) -> tuple[str, list[Word]]:
        assert len(sound.power) in (len(log_probs), len(log_probs) - 1)
        path = best_path(log_probs)
        said = [
            frame for frame in np.flatnonzero(path).tolist() if frame == 0 or path[frame] != path[frame - 1]
        ]
        words = [Word(str(path[frame]), frame * PERIOD, (frame + 1) * PERIOD) for frame in said]
        return " ".join(word.word for word in words), words


def heard(piece: Piece, places: Sequence[int]) -> np.ndarray:
    """(1 + samples // grid, tokens): the n-th word is token 1 + n % 29 in the frame of its sample."""
    log_probs = np.full((1 + len(piece.samples) // GRID, TOKENS), -9.0, np.float32)
    log_probs[:, 0] = -1.0
    for number, place in enumerate(places):
        if 0 <= place - piece.begin < len(piece.samples):
            log_probs[(place - piece.begin) // GRID, 1 + number % (TOKENS - 1)] = -0.1
    return log_probs


def transcribed(pieces: Sequence[Piece], places: Sequence[int]) -> tuple[Transcript, list[Part], int]:
    """Also the most frames that were held after a piece."""
    file = Recording(Reads(), WINDOWS, RATE, frozenset(range(1, TOKENS)))  # type: ignore[arg-type]
    parts, most = [], 0
    for piece in pieces:
        parts += file.add(piece, heard(piece, places))
        most = max(most, sum(map(len, file._heard)))
    return file.finished(), parts, most


def check(found: Transcript, parts: Sequence[Part], places: Sequence[int], seconds: float) -> None:
    assert [word.word for word in found.words] == [str(1 + n % (TOKENS - 1)) for n in range(len(places))]
    assert found.text == " ".join(word.word for word in found.words)
    for word, place in zip(found.words, places, strict=True):
        assert word.start <= place / RATE + 1e-9 < word.start + PERIOD + 2e-9
        assert word.end <= seconds
    assert found.seconds == seconds
    assert " ".join(filter(None, (part.text for part in parts))) == found.text
    assert tuple(word for part in parts for word in part.words) == found.words
    borders = [border for part in parts for border in (part.start, part.end)]
    assert borders == sorted(borders)
    assert all(part.start <= word.start < part.end for part in parts for word in part.words)


words = st.lists(st.integers(60, 1_500), min_size=1, max_size=40)  # samples from one to the next


@settings(deadline=None, max_examples=60)
@given(
    words, st.lists(st.tuples(st.integers(300, 3_000), st.integers(1, 8)), max_size=12), st.integers(1, 3_000)
)
def test_at_pauses(gaps: list[int], pauses: list[tuple[int, int]], block: int) -> None:
    """After so many words comes a pause. Speech reaches from 0.1 s before a word to 0.1 s after it, at least."""
    spans: list[tuple[int, int]] = []
    places, place, waiting = [], 0, list(pauses)
    left = waiting[0][1] if waiting else 0
    begin = 0
    for gap in gaps:
        place += gap
        places.append(place)
        left -= 1
        if not left and waiting:
            quiet, _ = waiting.pop(0)
            spans.append((max(0, begin - 100), place + 100))
            place = begin = place + 200 + quiet
            left = waiting[0][1] if waiting else 0
    spans.append((max(0, begin - 100), place + 100))
    samples = numbered(place + 400)
    cut = Pauses(Knowing(spans), RATE, WINDOWS)  # type: ignore[arg-type]
    blocks = [Audio(samples[begin : begin + block], RATE) for begin in range(0, len(samples), block)]
    pieces = list(pieces_of(0, blocks, RATE, WINDOWS, cut, whole=False))
    assert {piece.segmentation for piece in pieces} == {"pauses"}
    found, parts, _ = transcribed(pieces, places)
    check(found, parts, places, len(samples) / RATE)


@settings(deadline=None, max_examples=60)
@given(words)
def test_in_windows(gaps: list[int]) -> None:
    places = np.cumsum(gaps).tolist()
    samples = numbered(places[-1] + 400)
    pieces = list(pieces_of(0, Audio(samples, RATE), RATE, WINDOWS))
    whole = len(samples) <= WINDOWS.whole
    assert {piece.segmentation for piece in pieces} == {"whole" if whole else "windows"}
    found, parts, _ = transcribed(pieces, places)
    check(found, parts, places, len(samples) / RATE)


def test_long_speech_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten minutes of it, with words all the time: no more than two windows above the length of a stretch are held."""
    monkeypatch.setattr(recording, "WHOLE", 8.0)
    places = list(range(100, 600_000, 170))
    samples = numbered(600_000)
    pieces = list(pieces_of(0, Audio(samples, RATE), RATE, WINDOWS))
    found, parts, most = transcribed(pieces, places)
    check(found, parts, places, 600.0)
    assert len(parts) > 60
    assert most * GRID <= 8_000 + 2 * (WINDOWS.step + WINDOWS.overlap)


def test_silence_is_no_part() -> None:
    pieces = [Piece(0, np.zeros(0, np.float32), True, begin=5_000, segmentation="pauses")]
    assert transcribed(pieces, [])[:2] == (Transcript("", 5.0, (), "pauses"), [])
