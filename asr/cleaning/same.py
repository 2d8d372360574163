"""The same recording in several utterances: which stays, which is a leak, and which two texts contradict each other."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple
from functools import lru_cache
from pathlib import Path

import numpy as np

from asr.audio import read_audio
from asr.cleaning.copies import Copy, Likeness, Waveform, compare, find_copies
from asr.cleaning.faults import Heard
from asr.cleaning.kinds import Finding
from asr.cleaning.known import Known
from asr.cleaning.prints import HOP, MOST, RATE
from asr.cleaning.shared import rank
from asr.cleaning.sound import Measured
from asr.errors import AudioError
from asr.text import normalise

SECONDS = MOST * HOP / RATE  # of a recording that are compared
VERSION = "1"  # of how waveforms are compared
TOGETHER = 256  # comparisons that are kept at a time
HELD = 256  # recordings that are kept in memory while they are compared
Progress = Callable[[int, int], None]


def same_sounds(
    heard: Sequence[Heard], version: str, known: Path, progress: Progress = lambda done, total: None
) -> Iterator[Finding]:
    """
    Args:
        heard: utterances of all parts, in their order. What cannot be read or is silent is passed over.
        version: of the normaliser, after which texts are compared.
        known: file that keeps what was compared.
    """
    usable = [number for number, one in enumerate(heard) if one.usable]
    order = sorted(
        usable, key=lambda number: (rank(heard[number].part), number)
    )  # the first of a group stays
    groups: dict[str, list[int]] = defaultdict(list)
    for number in order:
        measured = heard[number].measured
        assert isinstance(measured, Measured)
        groups[measured.sound.digest].append(number)
    for group in groups.values():
        yield from _of_group(heard, group, version)
    firsts = [group[0] for group in groups.values()]
    for copy in _copies(heard, firsts, known, progress):
        yield from _of_copy(heard, firsts, copy, version)


class _Comparer:
    """Compares recordings by their waveforms. What was found of two is kept: it does not change while they do not."""

    def __init__(self, heard: Sequence[Heard], numbers: Sequence[int], known: Path) -> None:
        self._heard = [heard[number] for number in numbers]
        self._known = Known(known)
        self._fresh: dict[str, str] = {}
        self._load = lru_cache(HELD)(self._read)

    def __call__(self, first: int, second: int, near: int) -> Likeness | None:
        sounds = [self._heard[number].sound for number in (first, second)]
        key = " ".join(["copy", VERSION, *(sound.digest for sound in sounds if sound), str(near)])
        before = self._known.recall(key)
        if before is not None:
            return Likeness(*json.loads(before)) if before else None
        found = compare(self._load(first), self._load(second), near)
        self._fresh[key] = json.dumps(astuple(found)) if found else ""
        if len(self._fresh) >= TOGETHER:
            self.keep()
        return found

    def keep(self) -> None:
        self._known.keep(self._fresh)
        self._fresh = {}

    def close(self) -> None:
        self.keep()
        self._known.close()

    def _read(self, number: int) -> Waveform:
        path, offset, seconds = self._heard[number].stretch
        try:
            return read_audio(
                path, offset=offset, duration=min(seconds or SECONDS, SECONDS), sample_rate=RATE
            ).samples
        except AudioError:  # it has changed since it was measured
            return np.zeros(0, np.float32)


def _copies(heard: Sequence[Heard], firsts: Sequence[int], known: Path, progress: Progress) -> Iterator[Copy]:
    prints = []
    for number in firsts:
        measured = heard[number].measured
        assert isinstance(measured, Measured)
        prints.append(measured.prints)
    comparer = _Comparer(heard, firsts, known)
    try:
        yield from find_copies(prints, comparer, progress)
    finally:
        comparer.close()


def _of_group(heard: Sequence[Heard], group: Sequence[int], version: str) -> Iterator[Finding]:
    """Utterances with the same samples; the first stays, where all texts are the same."""
    first = heard[group[0]]
    texts = {normalise(heard[number].utterance.text, version) for number in group}
    for place, number in enumerate(group):
        one = heard[number]
        if len(texts) > 1:
            other = next(
                heard[another]
                for another in group
                if normalise(heard[another].utterance.text, version) != normalise(one.utterance.text, version)
            )
            yield _contradiction(one, other, "the same samples")
        if place:
            yield _repeated(one, first, "duplicate", "")


def _of_copy(heard: Sequence[Heard], firsts: Sequence[int], copy: Copy, version: str) -> Iterator[Finding]:
    first, second = heard[firsts[copy.first]], heard[firsts[copy.second]]
    how = _how(copy, first, second)
    if normalise(first.utterance.text, version) != normalise(second.utterance.text, version):
        yield _contradiction(first, second, how)
        yield _contradiction(second, first, how)
    yield _repeated(second, first, "copy", f"; {how}, likeness {copy.how.alike:.2f}", copy.how.alike)


def _repeated(one: Heard, first: Heard, kind: str, how: str, badness: float = 1.0) -> Finding:
    leaks = rank(one.part) != rank(first.part)
    what = "the samples" if kind == "duplicate" else "the recording"
    found = f"{what} of {_name(first)}{how}"
    return one.finding("leak" if leaks else kind, found, badness, others=(_name(first),))


def _contradiction(one: Heard, other: Heard, what: str) -> Finding:
    found = f"“{one.utterance.text:.50}”, but “{other.utterance.text:.50}” of {_name(other)}: {what}"
    return one.finding("contradiction", found, 1.0, others=(_name(other),))


def _name(one: Heard) -> str:
    return f"{one.part}/{one.utterance.id}"


def _how(copy: Copy, first: Heard, second: Heard) -> str:
    """What was done to the second."""
    assert first.sound is not None and second.sound is not None
    changes = []
    if copy.how.inverted:
        changes.append("inverted")
    if abs(copy.how.louder) > 0.5:
        changes.append(f"{copy.how.louder:+.1f} dB")
    if abs(copy.how.later) > 0.005:
        changes.append(
            f"beginning {abs(copy.how.later):.2f} s {'later' if copy.how.later > 0 else 'earlier'}"
        )
    ends = copy.how.later + second.sound.seconds - first.sound.seconds
    if abs(ends) > 0.02:
        changes.append(f"ending {abs(ends):.2f} s {'later' if ends > 0 else 'earlier'}")
    if first.sound.sample_rate != second.sound.sample_rate:
        changes.append(f"at {second.sound.sample_rate} instead of {first.sound.sample_rate} Hz")
    if copy.how.alike < 0.98:
        changes.append("coded or filtered")
    return ", ".join(changes) or "samples differ a little"
