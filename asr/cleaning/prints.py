"""What a recording is known again by, at another level, with other edges, resampled or coded with losses.

A print is made of each 10 ms: the signs of how the differences between neighbouring frequency bands change over
80 ms, after Haitsma and Kalker (2002). Levels and fixed filters fall out of it; 128 ms of sound behind each make it
indifferent to where the frames lie. Of copies coded to MP3, Vorbis or Opus one sign in ten is another, of other speech
every second one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.audio import resample

RATE = 8_000  # Hz to which all is brought: what telephone speech has, copies at any rate have
WINDOW, HOP = 1024, 80  # samples
SPAN = 8  # frames from which a change is taken
LOW, HIGH = 200.0, 3400.0  # Hz
BITS = 21  # signs in a print: one less than bands
KEY = 18  # of them, the lowest, by which prints are looked up
WEAK = 3  # of these, the least certain: they are looked up in both ways
QUIET = 1e-3  # of the power of the loudest frame: below it a print is noise
MOST = 6_000  # frames of a recording that are looked at: its first minute


@dataclass(frozen=True)
class Prints:
    """Of each frame of a recording."""

    signs: npt.NDArray[np.uint32]  # (frames,) `BITS` bits; 0 where it is quiet
    weak: npt.NDArray[np.uint32]  # (frames,) those of the weakest bits of its key that are set
    margin: npt.NDArray[np.float32]  # (frames,) how certain the others are; 0 where it is quiet

    def __len__(self) -> int:
        return len(self.signs)


def prints_of(samples: npt.NDArray[np.float32], sample_rate: int) -> Prints:
    """Of mono samples."""
    heard = resample(samples[: round(MOST * HOP / RATE * sample_rate)], sample_rate, RATE)
    powers = _band_powers(heard)
    if len(powers) <= SPAN:
        return Prints(np.zeros(0, np.uint32), np.zeros(0, np.uint32), np.zeros(0, np.float32))
    levels = np.log(powers + np.float32(1e-12))
    tilt = np.diff(levels, axis=1)
    change = tilt[SPAN:] - tilt[:-SPAN]  # (frames, BITS)
    loud = powers.sum(axis=1)[SPAN:]
    heard_here = loud > max(1e-9, QUIET * float(loud.max()))
    weight = np.uint32(1) << np.arange(BITS, dtype=np.uint32)
    signs = ((change > 0) * weight).sum(axis=1, dtype=np.uint32)
    order = np.argsort(np.abs(change[:, :KEY]), axis=1, kind="stable")
    weak = weight[order[:, :WEAK]].sum(axis=1, dtype=np.uint32)
    margin = np.take_along_axis(np.abs(change[:, :KEY]), order[:, WEAK : WEAK + 1], axis=1)[:, 0]
    return Prints(
        np.where(heard_here, signs, 0).astype(np.uint32),
        np.where(heard_here, weak, 0).astype(np.uint32),
        np.where(heard_here, np.maximum(margin, 1e-6), 0).astype(np.float32),
    )


def _band_powers(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(frames, BITS + 1) power in bands of equal width on the mel scale, half overlapping."""
    padded = np.pad(samples, WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    window = np.hanning(WINDOW).astype(np.float32)
    frequencies = np.fft.rfftfreq(WINDOW, 1 / RATE)
    low, high = np.log1p(LOW / 700), np.log1p(HIGH / 700)
    ends: list[int] = np.searchsorted(frequencies, 700 * np.expm1(np.linspace(low, high, BITS + 3))).tolist()
    powers = np.empty((len(frames), BITS + 1), np.float32)
    for first in range(0, len(frames), 1024):
        some = slice(first, first + 1024)
        spectrum = np.square(np.abs(np.fft.rfft(frames[some] * window, axis=1)))
        summed = np.concatenate(
            [np.zeros((len(spectrum), 1)), np.cumsum(spectrum, axis=1, dtype=np.float64)], axis=1
        )
        powers[some] = summed[:, ends[2:]] - summed[:, ends[:-2]]
    return powers
