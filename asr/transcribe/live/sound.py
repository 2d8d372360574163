"""The sound of a stream as far as it is needed: the end of it."""

from collections import deque

import numpy as np

from asr.sound_file import Samples
from asr.transcribe.pauses import SILENT

RESAMPLING = 0.12  # seconds that soxr holds back at most


class Tail:
    """The end of a stream, of which the beginning is forgotten. Positions are samples since the stream's beginning."""

    def __init__(self) -> None:
        self._blocks: deque[Samples] = deque()
        self.begin = self.end = 0

    def append(self, block: Samples) -> None:
        if len(block):
            self._blocks.append(block)
            self.end += len(block)

    def between(self, begin: int, end: int) -> Samples:
        assert self.begin <= begin <= end <= self.end
        joined = np.concatenate(self._blocks)
        self._blocks = deque([joined])
        return joined[begin - self.begin : end - self.begin]

    def begin_of_noise(self, begin: int, end: int) -> int:
        """Where the digital silence that may be at the beginning is over: no microphone gives any, and what is heard
        with it is normalised by it. At `end` at the latest."""
        heard = np.flatnonzero(np.abs(self.between(begin, end)) > SILENT)
        return begin + int(heard[0]) if len(heard) else end

    def end_of_noise(self, begin: int, end: int) -> int:
        """Likewise where that at the end begins. One sample is left at least."""
        heard = np.flatnonzero(np.abs(self.between(begin, end)) > SILENT)
        return begin + 1 + (int(heard[-1]) if len(heard) else 0)

    def drop(self, before: int) -> None:
        """What is before that."""
        while self._blocks and self.begin + len(self._blocks[0]) <= before:
            self.begin += len(self._blocks.popleft())
        if self.begin < before and self._blocks:
            self._blocks[0] = self._blocks[0][before - self.begin :].copy()  # else the whole block would stay
            self.begin = before
