"""Long audio, heard in windows that overlap: time grows with the length, and memory does not.

What is not longer than `WHOLE` is heard as one. Longer audio is cut every `STEP` seconds into windows that reach
`OVERLAP` seconds into the next one. Each is heard by itself, as the utterances were that the model learned from (the
front end normalises each by itself, too), and their log-probs are joined within the overlap, where both windows know
what was before and what comes after: in the middle of the longest stretch that both hear as blank.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from asr.decoding.encoded import joined
from asr.recipe import FrontEnd, Model, samples_an_output
from asr.sound_file import Samples

WHOLE = 60.0  # seconds
STEP = 12.0  # seconds
OVERLAP = 4.0  # seconds

LogProbs = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Windows:
    """How long audio is cut. Windows begin where outputs of the model do, so their frames fall together."""

    whole: int  # samples
    step: int  # samples
    overlap: int  # samples
    grid: int  # samples from one output of the model to the next
    hop: int  # samples from one feature frame to the next, of which that is a multiple
    centre: float = 0.0  # samples from the beginning to the middle of what the first output stands for

    @classmethod
    def of(cls, front_end: FrontEnd, model: Model) -> Self:
        """For a model; lengths are rounded to its outputs."""
        grid = samples_an_output(front_end, model)
        step, overlap = (
            max(1, round(seconds * front_end.sample_rate / grid)) * grid for seconds in (STEP, OVERLAP)
        )
        whole, hop = round(WHOLE * front_end.sample_rate), front_end.hop_samples
        return cls(whole, step, overlap, grid, hop, hop * model.centre)

    def cut(self, blocks: Iterable[Samples]) -> Iterator[tuple[Samples, bool]]:
        """Windows of step + overlap samples, and whether each is the last, which has what is left."""
        held: list[Samples] = []
        count = 0
        for block in blocks:
            held.append(block)
            count += len(block)
            while count > self.step + self.overlap:  # so that the last one has more than the overlap
                whole = np.concatenate(held)
                yield whole[: self.step + self.overlap].copy(), False
                held, count = [whole[self.step :]], count - self.step
        yield np.concatenate(held), True


class Joiner:
    """Puts the log-probs of windows together, one window after the other."""

    def __init__(self, windows: Windows) -> None:
        self._step = windows.step // windows.grid
        self._overlap = windows.overlap // windows.grid
        self._held: LogProbs | None = None  # of the window before: what overlaps with the next

    def add(self, window: LogProbs, last: bool) -> LogProbs:
        """(frames, tokens) of the next window to those of the whole that are now certain, where the last ones ended."""
        begin = window[:0]
        if self._held is not None:
            cut = _cut(self._held, window[: self._overlap])
            begin, window = self._held[:cut], window[cut:]
            taken = cut
        else:
            taken = 0
        if last:
            return joined([begin, window])
        certain = self._step - taken
        self._held = window[certain : certain + self._overlap]
        return joined([begin, window[:certain]])


def _cut(left: LogProbs, right: LogProbs, blank: int = 0) -> int:
    """Frames of the overlap to take from the left window: up to the middle of the longest stretch that both hear as
    blank, within the middle half of the overlap. Of equal stretches the one nearest to the middle; without any, the
    middle."""
    size = min(len(left), len(right))
    begin, end = size // 4, size - size // 4
    quiet = (left[begin:end].argmax(axis=1) == blank) & (right[begin:end].argmax(axis=1) == blank)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    starts, stops = edges[::2] + begin, edges[1::2] + begin
    if not len(starts):
        return size // 2
    middles = (starts + stops) // 2
    best = min(range(len(starts)), key=lambda run: (starts[run] - stops[run], abs(middles[run] - size // 2)))
    return int(middles[best])
