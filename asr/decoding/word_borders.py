"""When a word begins and ends, in seconds: the frames of its tokens, corrected by how loud the sound is.

A CTC model says a token in a spike of a frame or two somewhere within its sound (Graves et al., 2006, figure 1), so the
frames of an alignment tell the order of the words and a place inside each, not where they begin and end. Between the
spikes of two words lies the border. If there is a pause, it is the quietest stretch there, and both words end at it. If
there is none, how far words reach beyond their spikes is taken from those words of the same audio that do stand beside
a pause, and the border is where the sound is weakest near the place that this gives. A first spike that lies in a pause
(a model may say the first letter as soon as it can) counts as if it came with the sound. docs/times.md has the errors.

Label priors (Huang et al., 2024), which make spikes wider by a division of the probabilities, were tried on models
that were trained without them, and took about a tenth off the error at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from asr.decoding.word_times import WordSpan

Values = npt.NDArray[np.float64]
Border = tuple[float, float]  # seconds: start and end of a word

# Chosen on other voices and speakers than the errors in docs/times.md are of, and flat there: a fifth more or less of
# any of them changes the mean error by less than 1.5 ms.
PRE_EMPHASIS = 0.5  # of the difference that lets fricatives count
QUIET = 0.25  # of the way from the background to the loudest speech, in dB: what is below is no speech
BACKGROUND, LOUD = 5.0, 95.0  # percentiles of the loudness that are taken for those
RANGE = 50.0  # dB below the loud that the background may be: digital silence is no measure of it
PAUSE = 0.03  # seconds that a pause has at least
BEFORE, AFTER = 0.08, 0.10  # seconds that a word reaches beyond its spikes, where no pause tells
WEIGHT = 2.0  # observations that these two count as
DIP = 300.0  # dB for being a second (squared) away from where the border is expected


@dataclass(frozen=True)
class Sound:
    """How strong a stretch of audio is, block by block."""

    power: Values  # (blocks,) mean square of each block, as `powers` gives it
    block: float  # seconds

    @property
    def seconds(self) -> float:
        return len(self.power) * self.block


def powers(samples: npt.NDArray[np.float32], block: int) -> Values:
    """(blocks,) the mean square of each block of so many samples, after a weak pre-emphasis; the last may be short."""
    signal = samples.astype(np.float64)
    signal[1:] -= PRE_EMPHASIS * signal[:-1]
    starts = np.arange(0, len(signal), block)
    if not len(starts):
        return np.zeros(0)
    sums: Values = np.add.reduceat(np.square(signal), starts)
    return sums / np.minimum(block, len(signal) - starts)


def word_borders(words: Sequence[WordSpan], period: float, sound: Sound, centre: float = 0.0) -> list[Border]:
    """Seconds from the beginning of the sound at which each word begins and ends; words do not overlap.

    Args:
        words: in order, with the frames of an alignment.
        period: seconds from one frame to the next.
        sound: of the same audio.
        centre: seconds from its beginning to the middle of frame 0.
    """
    if not words:
        return []
    whole = sound.seconds
    begins, ends = (
        [min(max(0.0, (frame - 0.5) * period + centre), whole) for frame in frames]
        for frames in ([word.start for word in words], [word.end for word in words])
    )
    finder = _Finder(sound)
    begins = [finder.out_of_quiet(begin, end - period) for begin, end in zip(begins, ends, strict=True)]
    # Before the first word, between each two, after the last.
    gaps = [finder.pause(*gap) for gap in zip([0.0, *ends], [*begins, whole], strict=True)]
    before = _reach(BEFORE, [begin - gap[1] for begin, gap in zip(begins, gaps[:-1], strict=True) if gap])
    after = _reach(AFTER, [gap[0] - end for end, gap in zip(ends, gaps[1:], strict=True) if gap])

    def between(left: float, right: float) -> Border:
        border = finder.dip(left, right, left + (right - left) * after / (before + after))
        return border, border

    inner = [gap or between(*ends_at) for gap, *ends_at in zip(gaps[1:-1], ends, begins[1:], strict=False)]
    starts = [gaps[0][1] if gaps[0] else max(0.0, begins[0] - before), *(start for _, start in inner)]
    stops = [*(stop for stop, _ in inner), gaps[-1][0] if gaps[-1] else min(whole, ends[-1] + after)]
    return list(zip(starts, stops, strict=True))


class _Finder:
    """Looks for pauses and dips in the loudness."""

    def __init__(self, sound: Sound) -> None:
        loudness, self._block = _loudness(sound.power), sound.block
        background, loud = np.percentile(loudness, [BACKGROUND, LOUD]) if len(loudness) else (0.0, 0.0)
        background = max(background, loud - RANGE)
        quiet = background + QUIET * (loud - background)
        self._silence = quiet - loudness  # above 0 where it is quiet
        self._levels = _levels(loudness)

    def pause(self, begin: float, end: float) -> Border | None:
        """The stretch between two times (seconds) over which it is quiet by most: the sum over its blocks."""
        first, last = self._blocks(begin, end)
        if last <= first:
            return None
        sums = np.concatenate([[0.0], np.cumsum(self._silence[first:last])])
        gains = sums - np.minimum.accumulate(sums)
        stop = int(gains.argmax())
        start = int(np.flatnonzero(sums[: stop + 1] == sums[: stop + 1].min())[-1])
        if (stop - start) * self._block < PAUSE - 1e-9:
            return None
        return (first + start) * self._block, (first + stop) * self._block

    def out_of_quiet(self, begin: float, end: float) -> float:
        """The first of two times (seconds), or where the quiet around it ends; not beyond the second."""
        first, last = self._blocks(begin, end)
        loud = np.flatnonzero(self._silence[first:last] < 0)
        if last <= first or (len(loud) and loud[0] * self._block < PAUSE):
            return begin
        return max(begin, (first + int(loud[0])) * self._block if len(loud) else end)

    def dip(self, begin: float, end: float, expected: float) -> float:
        """The time between two others (seconds) at which it is weak, and near to what is expected."""
        first, last = self._blocks(begin, end)
        if last <= first:
            return expected
        times = np.arange(first, last + 1) * self._block
        best = int((self._levels[first : last + 1] + DIP * np.square(times - expected)).argmin())
        return float(min(max(times[best], begin), end))

    def _blocks(self, begin: float, end: float) -> tuple[int, int]:
        return round(begin / self._block), min(round(end / self._block), len(self._silence))


def _loudness(power: Values) -> Values:
    """(blocks,) dB, over three blocks each."""
    if not len(power):
        return power
    padded = np.pad(power, 1, mode="edge")
    smooth = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
    loudness: Values = 10 * np.log10(smooth + 1e-10)
    return loudness


def _levels(loudness: Values) -> Values:
    """(blocks + 1,) the mean dB of the four blocks around each place between two blocks, and around the ends."""
    if not len(loudness):
        return loudness
    levels: Values = sliding_window_view(np.pad(loudness, 2, mode="edge"), 4).mean(axis=1)
    return levels


def _reach(usual: float, seen: Sequence[float]) -> float:
    """Seconds that a word reaches beyond its spikes: the mean of what was seen, and of the usual as `WEIGHT` more."""
    return (usual * WEIGHT + sum(seen)) / (WEIGHT + len(seen))
