"""The same recording twice, though no sample is the same: at another level, with other edges, coded or resampled.

Candidates share prints at one distance in time (asr.cleaning.prints). Each is then heard: the two waveforms are laid
over each other where they agree best, and compared in four frequency bands. Another utterance of the same word by the
same speaker agrees in the low bands, where both hum at one pitch, but not in all four.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.cleaning.prints import BITS, HOP, KEY, RATE, Prints

FRAMES = 20_000_000  # that are indexed at most, 12 bytes each; of more, a part that is the same in all copies
ASKED = 240  # frames of a recording that are looked up, the most certain ones
COMMON = 400  # places of a key beyond which it says nothing
CANDIDATES = 12  # recordings that are compared with one
VOTES = 3  # prints that two recordings must share at one distance
SLACK = 2  # frames by which the distance may be off
DIFFERENT = 0.30  # share of the signs at which two recordings are no copies
LEAST = 10  # frames to judge that by
BANDS = ((150.0, 600.0), (600.0, 1200.0), (1200.0, 2000.0), (2000.0, 3300.0))  # Hz
OVERLAP = 0.5  # of the energy of the shorter one that must be in both
SHORT, ALIKE_SHORT = 0.6, 0.82  # seconds that are in both, and how alike they must then be
LONG, ALIKE_LONG = 1.5, 0.65  # likewise; in between, between
AROUND = 400  # samples of the distance of the prints, within which the waveforms are laid over each other
FINE = 2  # places that are tried for each sample

Waveform = npt.NDArray[np.float32]  # at RATE
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Likeness:
    """How two recordings are one."""

    alike: float  # the mean of the correlations over `BANDS`; 1: the same waveform
    later: float  # seconds by which the second begins in the first; below 0: the first begins in the second
    louder: float  # dB by which the second is louder
    seconds: float  # that are in both
    inverted: bool  # the one is the other times -1


@dataclass(frozen=True)
class Copy:
    """Two recordings that are one."""

    first: int
    second: int
    how: Likeness


def find_copies(
    prints: Sequence[Prints | None],
    likeness: Callable[[int, int, int], Likeness | None],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Copy]:
    """Pairs of recordings that are one, each once, in order of the second, then the first.

    Args:
        prints: of each recording; None: it is not looked at.
        likeness: what `compare` finds of two recordings, near so many samples.
    """
    index = _Index(prints)
    seen: set[tuple[int, int]] = set()
    for number, asked in enumerate(prints):
        progress(number + 1, len(prints))
        if asked is None:
            continue
        for other, distance in index.candidates(number, asked):
            pair = (min(number, other), max(number, other))
            if pair in seen:
                continue
            seen.add(pair)
            there = prints[other]
            assert there is not None
            if _different(asked, there, distance) <= DIFFERENT:
                lag = (distance if number == pair[0] else -distance) * HOP
                found = likeness(*pair, lag)
                if found is not None:
                    yield Copy(*pair, found)


class _Index:
    """Prints by their key."""

    def __init__(self, prints: Sequence[Prints | None]) -> None:
        total = sum(int(np.count_nonzero(one.margin)) for one in prints if one is not None)
        self._every = -(-total // FRAMES)  # keys of which one is kept
        keys, owners, places = [], [], []
        for number, one in enumerate(prints):
            if one is not None:
                frames = np.flatnonzero(one.margin > 0)
                key = one.signs[frames] & np.uint32((1 << KEY) - 1)
                kept = self._kept(key)
                keys.append(key[kept])
                places.append(frames[kept].astype(np.int32))
                owners.append(np.full(int(kept.sum()), number, np.int32))
        nothing = np.zeros(0, np.int32)
        key = np.concatenate([np.zeros(0, np.uint32), *keys])
        order = np.argsort(key, kind="stable")
        self._keys = key[order]
        self._owners = np.concatenate([nothing, *owners])[order]
        self._places = np.concatenate([nothing, *places])[order]

    def candidates(self, number: int, asked: Prints) -> list[tuple[int, int]]:
        """Other recordings that share most prints with it, and the frame of it at which their first lies."""
        frames = np.argsort(-asked.margin, kind="stable")[:ASKED]
        frames = frames[asked.margin[frames] > 0]
        probes = _probes(asked, frames)  # (frames, variants)
        own = np.broadcast_to(frames[:, None], probes.shape)[self._kept(probes)]
        probes = probes[self._kept(probes)]
        low, high = np.searchsorted(self._keys, probes, "left"), np.searchsorted(self._keys, probes, "right")
        some = (high > low) & (high - low <= COMMON)
        low, counts, own = low[some], (high - low)[some], own[some]
        rows = np.repeat(low - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts) + np.arange(
            counts.sum()
        )
        owners, distances = self._owners[rows], np.repeat(own, counts) - self._places[rows]
        others = owners != number
        return _voted(owners[others], distances[others])

    def _kept(self, keys: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
        if self._every <= 1:
            return np.ones(keys.shape, np.bool_)
        mixed = keys * np.uint32(2654435761)  # Knuth's multiplicative hash
        kept: npt.NDArray[np.bool_] = (mixed >> np.uint32(8)) % np.uint32(self._every) == 0
        return kept


def _probes(asked: Prints, frames: npt.NDArray[np.intp]) -> npt.NDArray[np.uint32]:
    """(frames, 2 ** WEAK) each key, with every choice of its weakest bits turned over."""
    keys = asked.signs[frames] & np.uint32((1 << KEY) - 1)
    weak, variants = asked.weak[frames], [keys]
    while weak.any():
        lowest = weak & (~weak + np.uint32(1))
        variants += [variant ^ lowest for variant in variants]
        weak = weak ^ lowest
    return np.stack(variants, axis=1)


def _voted(owners: npt.NDArray[np.int32], distances: npt.NDArray[np.intp]) -> list[tuple[int, int]]:
    """Owners with `VOTES` or more at one distance (or beside it), most votes first."""
    if not len(owners):
        return []
    wide = 1 << 20
    votes = owners.astype(np.int64) * wide + distances + wide // 2
    found, counts = np.unique(votes, return_counts=True)
    beside = counts.copy()
    near = np.diff(found) == 1
    beside[:-1][near] += counts[1:][near]
    beside[1:][near] += counts[:-1][near]
    best: list[tuple[int, int]] = []
    taken: set[int] = set()
    for row in np.argsort(-beside, kind="stable"):
        if beside[row] < VOTES or len(best) == CANDIDATES:
            break
        owner, distance = divmod(int(found[row]), wide)
        if owner not in taken:
            taken.add(owner)
            best.append((owner, distance - wide // 2))
    return best


def _different(asked: Prints, there: Prints, distance: int) -> float:
    """The least share of signs that differ, of the frames in both that are not quiet."""
    least = 1.0
    for shift in range(distance - SLACK, distance + SLACK + 1):
        begin, end = max(0, shift), min(len(asked), len(there) + shift)
        heard = (asked.margin[begin:end] > 0) & (there.margin[begin - shift : end - shift] > 0)
        if int(heard.sum()) >= LEAST:
            other = np.bitwise_count(asked.signs[begin:end] ^ there.signs[begin - shift : end - shift])
            least = min(least, float(other[heard].mean()) / BITS)
    return least


def compare(first: Waveform, second: Waveform, near: int) -> Likeness | None:
    """Lays two waveforms over each other.

    Args:
        near: samples by which the second begins in the first; `AROUND` more or fewer are tried.

    Returns:
        None where they are no copies.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(len(first) + len(second), real=True)
    lags = np.arange(max(1 - len(second), near - AROUND), min(len(first), near + AROUND + 1))
    ones, twos = _banded(first), _banded(second)
    energies = [(_sums(one), _sums(two)) for one, two in zip(ones, twos, strict=True)]
    inside = _enough(energies, lags, len(first), len(second))
    if not inside.any():  # also where there are no lags
        return None
    likeness = np.zeros((len(lags), FINE))
    for one, two, (sums_one, sums_two) in zip(ones, twos, energies, strict=True):
        cross = rfft(one, size) * np.conj(rfft(two, size))
        fine = irfft(np.pad(cross, (0, size * FINE // 2 + 1 - len(cross))), size * FINE) * FINE
        places = (lags[:, None] * FINE + np.arange(FINE)) % (size * FINE)
        power_one, power_two = _within(sums_one, sums_two, lags, len(first), len(second))
        # What one of them does not have in a band must not make the rest of it look alike.
        least = 1e-6 * np.sqrt(sums_one[-1] * sums_two[-1]) + 1e-30
        likeness += fine[places] / (np.sqrt(power_one * power_two) + least)[:, None] / len(BANDS)
    likeness[~inside] = 0.0
    row = int(np.abs(likeness).max(axis=1).argmax())
    best = float(likeness[row, np.abs(likeness[row]).argmax()])
    alike, lag = abs(best), int(lags[row])
    seconds = (min(len(first), lag + len(second)) - max(0, lag)) / RATE
    if alike < np.interp(seconds, [SHORT, LONG], [ALIKE_SHORT, ALIKE_LONG]):
        return None
    power_one, power_two = (sum(powers) for powers in zip(
        *(_within(*sums, lags[row : row + 1], len(first), len(second)) for sums in energies), strict=True
    ))  # fmt: skip
    louder = 10 * np.log10(max(float(power_two[0]), 1e-30) / max(float(power_one[0]), 1e-30))
    return Likeness(min(alike, 1.0), lag / RATE, float(louder), seconds, best < 0)


def _banded(samples: Waveform) -> list[_Floats]:
    from scipy.fft import irfft, rfft, rfftfreq

    spectrum, frequencies = rfft(samples.astype(np.float64)), rfftfreq(len(samples), 1 / RATE)
    return [
        irfft(np.where((frequencies >= low) & (frequencies < high), spectrum, 0), len(samples))
        for low, high in BANDS
    ]


def _sums(samples: _Floats) -> _Floats:
    return np.concatenate([[0.0], np.cumsum(np.square(samples))])


def _within(
    sums_one: _Floats, sums_two: _Floats, lags: npt.NDArray[np.intp], one: int, two: int
) -> tuple[_Floats, _Floats]:
    """The energies of both in what they have in common, for each lag."""
    begin, end = np.maximum(0, lags), np.minimum(one, lags + two)
    return sums_one[end] - sums_one[begin], sums_two[end - lags] - sums_two[begin - lags]


def _enough(
    energies: Sequence[tuple[_Floats, _Floats]], lags: npt.NDArray[np.intp], one: int, two: int
) -> npt.NDArray[np.bool_]:
    """Lags at which half of the energy of either one is in both."""
    first = np.zeros(len(lags))
    second = np.zeros(len(lags))
    for sums_one, sums_two in energies:
        inside_one, inside_two = _within(sums_one, sums_two, lags, one, two)
        first += inside_one
        second += inside_two
    total_one, total_two = (sum(float(sums[-1]) for sums in each) for each in zip(*energies, strict=True))
    enough: npt.NDArray[np.bool_] = (first >= OVERLAP * total_one) | (second >= OVERLAP * total_two)
    return enough & (total_one > 0) & (total_two > 0)
