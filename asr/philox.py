"""The first 64 random bits of many Philox generators at once.

`numpy.random.Philox(seed)` takes 20 microseconds to make, nearly all of it for objects; a million utterances want one
each in every epoch. Here the same arithmetic is done on arrays: numpy's SeedSequence (M. E. O'Neill's `seed_seq_fe`)
turns a seed into a 128-bit key, and ten rounds of Philox4x64 (Salmon et al., 2011, "Parallel random numbers: as easy as
1, 2, 3") turn the key and the counter 1 into random words. The tests compare with numpy.
"""

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
_Half = npt.NDArray[np.uint32]

BLOCK = 1 << 14  # seeds worked on at a time: what is in between stays in the processor's cache
POOL = 4  # words of a SeedSequence
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


def first_words(seeds: Words) -> Words:
    """(seeds,) uint64: what `numpy.random.Philox(seed).random_raw()` gives first, for each of (seeds,) uint64."""
    blocks = [_philox(*_key(seeds[start : start + BLOCK])) for start in range(0, len(seeds), BLOCK)]
    return np.concatenate(blocks) if blocks else np.empty(0, np.uint64)


class _Hash:
    """SeedSequence's hash, whose multiplier moves on with every use."""

    def __init__(self, start: int, factor: int) -> None:
        self.state, self.factor = start, factor

    def __call__(self, value: _Half) -> _Half:
        value = value ^ np.uint32(self.state)
        self.state = self.state * self.factor & 0xFFFFFFFF
        value *= np.uint32(self.state)
        value ^= value >> np.uint32(16)
        return value


def _mix(x: _Half, y: _Half) -> _Half:
    mixed: _Half = np.uint32(0xCA01F9DD) * x - np.uint32(0x4973F715) * y
    mixed ^= mixed >> np.uint32(16)
    return mixed


def _key(seeds: Words) -> tuple[Words, Words]:
    """`SeedSequence(seed).generate_state(2, uint64)`: Philox's key. A missing word of entropy counts as 0."""
    none = np.zeros(len(seeds), np.uint32)
    entropy = [(seeds & _LOW).astype(np.uint32), (seeds >> _32).astype(np.uint32), none, none]
    hashed = _Hash(0x43B0D7E5, 0x931E8875)
    pool = [hashed(word) for word in entropy]
    for source in range(POOL):
        for target in range(POOL):
            if source != target:
                pool[target] = _mix(pool[target], hashed(pool[source]))
    output = _Hash(0x8B51F9DD, 0x58F38DED)
    words = [output(word).astype(np.uint64) for word in pool]
    return words[0] | words[1] << _32, words[2] | words[3] << _32


def _times(factor: int, values: Words) -> tuple[Words, Words]:
    """Upper and lower 64 bits of the products, by halves."""
    high, low = np.uint64(factor >> 32), np.uint64(factor & 0xFFFFFFFF)
    upper, lower = values >> _32, values & _LOW
    cross = low * upper + (low * lower >> _32)  # below 2^64: (2^32 - 1)^2 + 2^32 - 1
    middle = high * lower + (cross & _LOW)
    return high * upper + (cross >> _32) + (middle >> _32), np.uint64(factor) * values


def _philox(first: Words, second: Words) -> Words:
    """The first word of Philox4x64-10 at counter 1 under the key (first, second)."""
    none = np.zeros(len(first), np.uint64)
    c0, c1, c2, c3 = none + np.uint64(1), none, none, none
    for number in range(10):
        if number:
            first = first + np.uint64(0x9E3779B97F4A7C15)
            second = second + np.uint64(0xBB67AE8584CAA73B)
        high0, low0 = _times(0xD2E7470EE14C6C93, c0)
        high2, low2 = _times(0xCA5A826395121157, c2)
        c0, c1, c2, c3 = high2 ^ c1 ^ first, low2, high0 ^ c3 ^ second, low0
    return c0
