"""A synthetic room around clean speech: a few echoes, background noise, a level.

Made to give the same 16-bit samples on every machine: draws are whole numbers from Philox's own output, which
NumPy keeps from version to version, unlike what its `Generator` methods make of it; echoes and noise are sums
of integers; and only the last scaling is in float64, by single multiplications and additions.
"""

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from asr.randomness import Key, numpy_generator

Integers = npt.NDArray[np.int64]
Range = tuple[int, int]  # lowest and highest, both included
Item = TypeVar("Item")

PEAK = 30_000  # largest sample of a finished utterance: louder ones are turned down, never clipped


class IntegerDraws:
    """Whole numbers, keyed like everything random."""

    def __init__(self, seed: int, purpose: str, *key: Key) -> None:
        self._source = numpy_generator(seed, purpose, *key).bit_generator

    def between(self, bounds: Range) -> int:
        low, high = bounds
        return low + int(self._source.random_raw()) % (high - low + 1)

    def one_of(self, items: Sequence[Item]) -> Item:
        return items[self.between((0, len(items) - 1))]

    def white(self, samples: int) -> Integers:
        """(samples,) evenly distributed over all 16-bit values."""
        raw = np.asarray(self._source.random_raw(-(-samples // 4)), dtype="<u8")
        return raw.view("<i2")[:samples].astype(np.int64)


def add_echoes(
    speech: Integers,
    sample_rate: int,
    draws: IntegerDraws,
    *,
    count: int,
    delay: Range,
    first: Range,
    decay: Range,
) -> Integers:
    """Adds delayed, weaker copies of the speech, of either sign.

    Args:
        speech: (samples,) at `sample_rate` Hz.
        draws: one for the room, three for every echo.
        count: echoes.
        delay: milliseconds.
        first: dB below the speech, of an echo without delay.
        decay: milliseconds in which echoes lose another 60 dB.

    Returns:
        (samples + the longest possible delay,) scaled like `speech`.
    """
    longest = delay[1] * sample_rate // 1000
    total = np.zeros(len(speech) + longest, dtype=np.int64)
    total[: len(speech)] = speech * 4096
    loss, reverberation = draws.between(first), draws.between(decay)
    for _ in range(count):
        late = draws.between((delay[0] * sample_rate // 1000, longest))
        decibels = loss + 60 * (1000 * late / sample_rate) / reverberation
        weight = round(4096 * 10 ** (-decibels / 20)) * draws.one_of((1, -1))
        total[late : late + len(speech)] += speech * weight
    return total // 4096


def coloured_noise(samples: int, draws: IntegerDraws, *, slope: int, octaves: int) -> Integers:
    """Noise whose power falls by about `slope` dB an octave: 0 is white, 3 pink, 6 brown.

    The sum of white noises of which the one for octave k changes every 2**k samples only (Voss's way, as told
    by Gardner, Scientific American, April 1978).

    Returns:
        (samples,) of no particular scale.
    """
    total = draws.white(samples) * 64
    for octave in range(1, octaves if slope else 1):
        step = 1 << octave
        begin = draws.between((0, step - 1))  # so that the octaves do not all change at once
        held = np.repeat(draws.white(samples // step + 2), step)[begin : begin + samples]
        total += held * round(64 * 10 ** ((slope - 3) * octave / 20))
    return total // 64  # small enough for its squares to be summed


def mix(speech: Integers, noise: Integers, begin: int, *, snr: int, level: int) -> npt.NDArray[np.int16]:
    """Speech in noise.

    Args:
        speech: (samples,) not silent.
        noise: (at least begin + samples,) not silent.
        begin: sample of the result at which the speech begins.
        snr: dB between the mean powers of the two.
        level: dB between the mean power of the speech and that of a full-scale square wave.

    Returns:
        As long as `noise`. All of it is quieter where it would otherwise exceed `PEAK`.
    """
    mixed = noise * (_full_scale(level - snr) / _root_mean_square(noise))
    mixed[begin : begin + len(speech)] += speech * (_full_scale(level) / _root_mean_square(speech))
    peak = float(np.abs(mixed).max())
    if peak > PEAK:
        mixed *= PEAK / peak
    rounded: npt.NDArray[np.int16] = np.rint(mixed).astype(np.int16)
    return rounded


def _full_scale(decibels: float) -> float:
    return 32768 * math.pow(10, decibels / 20)


def _root_mean_square(signal: Integers) -> float:
    return math.sqrt(int((signal * signal).sum()) / len(signal))
