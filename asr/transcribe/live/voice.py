"""Where an utterance of a stream begins and ends: probabilities of speech, with hysteresis and a pause.

The probabilities are Silero's (asr.transcribe.voice_activity) or those of `EnergyGate`, which needs no extra and
hears every sound above the room's noise as speech: a door, a keyboard, music.
"""

from collections import deque
from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol

import numpy as np

from asr.errors import AsrError
from asr.sound_file import NOTHING, Samples
from asr.transcribe.voice_activity import FRAME, Probabilities, VoiceActivity, installed

# Probabilities: of the first frame of speech, and that the next ones must not fall below.
BEGINS, GOES_ON = 0.5, 0.35
LEAST = 3  # frames of speech in an utterance; fewer are a click
PATIENT = 0.25  # of the longest utterance, until which only a whole pause ends it
SHORTEST = 0.2  # seconds of silence that are a pause where an utterance is as long as it may be

QUIETEST, USUAL = -70.0, -50.0  # dB of full scale: of a room's noise at least, and before it is known
MEMORY = 8.0  # seconds over which the quietest is the room's noise
ABOVE = 10.0  # dB above the room's noise that are speech as likely as not
SLOPE = 3.0  # dB from there to a probability of 0.73


class Listening(Protocol):
    """Sound in, probabilities of the frames of `FRAME` seconds that are complete out."""

    def __call__(self, samples: Samples, last: bool = False) -> Probabilities: ...


class Voice(Protocol):
    """What knows speech: `VoiceActivity` or `EnergyGate`."""

    def stream(self, sample_rate: int) -> Listening: ...


def voice_of(voice: "Literal['silero', 'energy'] | Voice") -> Voice:
    """By its name; Silero's network is loaded once in a process.

    Raises:
        AsrError: the extra `vad` is not installed.
        ValueError: no such name.
    """
    if voice == "silero":
        if not installed():
            raise AsrError(
                "voice activity: silero-vad is not installed; pip install 'attest-asr[vad]', or choose the gate that "
                'needs none and takes every sound above the room\'s noise for speech (voice = "energy"; --voice energy)'
            )
        return _silero()
    if voice == "energy":
        return EnergyGate()
    if isinstance(voice, str):
        raise ValueError(f'voice must be "silero", "energy" or an object with a stream, got {voice!r}')
    return voice


@cache
def _silero() -> VoiceActivity:
    return VoiceActivity()


class EnergyGate:
    """Speech is what is louder than the room by some decibels; the room is the quietest of the last seconds."""

    def stream(self, sample_rate: int) -> Listening:
        """For one stream of this rate, in Hz."""
        return _Gate(sample_rate)


class _Gate:
    def __init__(self, sample_rate: int) -> None:
        self._rate, self._frames = sample_rate, 0
        self._held: Samples = NOTHING
        self._levels = deque([USUAL], maxlen=round(MEMORY / FRAME))

    def __call__(self, samples: Samples, last: bool = False) -> Probabilities:
        held, found = np.concatenate([self._held, samples]), []
        while len(held) >= (size := self._size()) or (last and len(held)):
            found.append(self._probability(held[:size]))
            held, self._frames = held[size:], self._frames + 1
        self._held = held
        return np.array(found, np.float32)

    def _size(self) -> int:
        """Of the next frame: rates at which none is a whole number of samples do not drift."""
        begin, end = (round(number * FRAME * self._rate) for number in (self._frames, self._frames + 1))
        return end - begin

    def _probability(self, block: Samples) -> float:
        level = 10 * np.log10(float(np.mean(np.square(block, dtype=np.float64))) + 1e-12)
        self._levels.append(max(QUIETEST, level))
        return float(1 / (1 + np.exp((min(self._levels) + ABOVE - level) / SLOPE)))


@dataclass
class Spoken:
    """Follows the frames of a stream. Positions are samples since its beginning.

    The longer an utterance is, the shorter is the pause that ends it, so that it need not be cut where there is none:
    `pause` at first, less from a quarter of `longest` on, and `SHORTEST` at `longest`.
    """

    sample_rate: int
    pause: float  # seconds without speech that end an utterance
    longest: float  # seconds of an utterance, at most
    frames: int = 0  # so far
    begun: int | None = None  # where the speech of the utterance that is open began
    until: int = 0  # where speech was heard last
    _voiced: int = 0  # frames of speech in the utterance

    def step(self, probability: float) -> bool:
        """The next frame; whether an utterance ends with it."""
        start, self.frames = self.position, self.frames + 1
        speaking = self.begun is not None and self.until == start
        if probability >= (GOES_ON if speaking else BEGINS):
            if self.begun is None:
                self.begun, self._voiced = start, 0
            self.until = self.position
            self._voiced += 1
        return self.begun is not None and self.position - self.until >= self._needed() * self.sample_rate

    def _needed(self) -> float:
        """Seconds of silence that are a pause now."""
        if self.begun is None or self.pause <= SHORTEST:
            return self.pause
        long = (self.until - self.begun) / self.sample_rate / self.longest
        share = min(1.0, max(0.0, (long - PATIENT) / (1 - PATIENT)))
        return self.pause - share * (self.pause - SHORTEST)

    @property
    def position(self) -> int:
        """The end of the frames so far."""
        return round(self.frames * FRAME * self.sample_rate)

    @property
    def enough(self) -> bool:
        """Whether what is open is more than a click."""
        return self.begun is not None and self._voiced >= LEAST

    def cut(self, place: int) -> None:
        """What is before that is final."""
        self.begun = place

    def end(self) -> None:
        """The utterance is over."""
        self.begun = None
