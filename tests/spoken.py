"""Sound of which every sample says its place, and a network that knows where somebody speaks in it."""

from collections.abc import Sequence

import numpy as np

from asr.transcribe.voice_activity import FRAME

Spans = Sequence[tuple[int, int]]  # samples


def numbered(size: int) -> np.ndarray:
    """(size,) float32, all different and none silent: sample n is (n + 1) / 2 ** 22."""
    assert size < 2**22
    return ((np.arange(size) + 1) / 2**22 + 2**-4).astype(np.float32)


class Knowing:
    """In the place of VoiceActivity: sure of speech in the frames of some spans."""

    def __init__(self, spans: Spans) -> None:
        self.spans = spans

    def stream(self, sample_rate: int) -> "KnowingStream":
        return KnowingStream(self.spans, round(FRAME * sample_rate))


class KnowingStream:
    def __init__(self, spans: Spans, frame: int) -> None:
        self._borders = np.array(spans, np.int64).ravel()
        self._frame, self._samples, self._done = frame, 0, 0

    def __call__(self, samples: np.ndarray, last: bool = False) -> np.ndarray:
        self._samples += len(samples)
        frames = -(-self._samples // self._frame) if last else self._samples // self._frame
        middles = (np.arange(self._done, frames) + 0.5) * self._frame
        self._done = max(self._done, frames)
        # An odd number of borders before it: within a span.
        return (np.searchsorted(self._borders, middles, side="right") % 2).astype(np.float32)


class Loud:
    """In the place of VoiceActivity: takes what is loud for speech."""

    def stream(self, sample_rate: int) -> "LoudStream":
        return LoudStream(round(FRAME * sample_rate))


class LoudStream:
    def __init__(self, frame: int) -> None:
        self._frame, self._held = frame, np.zeros(0, np.float32)

    def __call__(self, samples: np.ndarray, last: bool = False) -> np.ndarray:
        held = np.concatenate([self._held, samples])
        if last and len(held) % self._frame:
            held = np.pad(held, (0, self._frame - len(held) % self._frame))
        frames = len(held) // self._frame
        self._held = held[frames * self._frame :]
        rows = held[: frames * self._frame].reshape(frames, self._frame)
        return (np.sqrt(np.square(rows).mean(axis=1)) > 0.03).astype(np.float32)
