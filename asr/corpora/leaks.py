"""What the test part shares with what was learned from: a word error rate says less the more there is of it.

- audio: the same decoded samples at the same rate, bit for bit, or overlapping stretches of one file. A copy that was
  resampled, made louder, cut or compressed is not found.
- texts: the same words after the recipe's normaliser. In a corpus of short commands that is as it must be, in one of
  read sentences it is not.
- speakers: the same name. One person under two names is not found.
"""

import os
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from asr.manifest import Utterance
from asr.text import normalise

NO_TEXT = ""  # instead of a version of the normaliser: texts are not compared
OVERLAP = 0.1  # seconds; stretches of one file that overlap by less are neighbours whose times were rounded

Parts = Mapping[str, Sequence[Utterance]]
Where = dict[
    str, tuple[str, ...]
]  # by id of a test utterance, or name of a speaker: the other parts that have it too


@dataclass(frozen=True)
class Leaks:
    """What one part shares with others, in order of names."""

    audio: Where  # by id
    texts: Where  # by id
    speakers: Where  # by name


def find_leaks(parts: Parts, text: str, part: str = "test") -> Leaks:
    """What `part` shares with each of the other parts, which are gone through once and may be large.

    Args:
        parts: utterances with durations and digests, by part: train, dev, test.
        text: version of the normaliser, as the recipe has it.
    """
    ours = [_contents(utterance, text) for utterance in parts[part]]
    audio, texts, speakers = defaultdict(list), defaultdict(list), defaultdict(list)
    for other in sorted(parts.keys() - {part}):
        met = _met(ours, (_contents(utterance, text) for utterance in parts[other]))
        merged = {path: _merged(stretches) for path, stretches in met.stretches.items()}
        # By name once, however often it is there.
        for named in {
            one.id for one in ours if one.audio in met.audio or _meets(one.stretch, merged.get(one.file, []))
        }:
            audio[named].append(other)
        for named in {one.id for one in ours if one.text in met.texts}:
            texts[named].append(other)
        for named in met.speakers:
            speakers[named].append(other)
    return Leaks(_in_order(audio), _in_order(texts), _in_order(speakers))


def shared_audio(parts: Parts, part: str = "test") -> Where:
    """Ids of utterances whose samples are in another part too, with the parts."""
    return find_leaks(parts, NO_TEXT, part).audio


class _Contents(NamedTuple):
    """What an utterance can have in common with another. "" is no content, and never shared."""

    id: str
    audio: str
    text: str
    speaker: str
    file: str
    stretch: tuple[float, float]  # seconds of the file


@dataclass(frozen=True)
class _Met:
    """Those of our contents that another part has too."""

    audio: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    speakers: set[str] = field(default_factory=set)
    stretches: dict[str, list[tuple[float, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )  # by file


def _contents(utterance: Utterance, text: str) -> _Contents:
    return _Contents(
        id=utterance.id,
        audio=utterance.audio_digest,
        text=normalise(utterance.text, text) if text != NO_TEXT else "",
        speaker=utterance.speaker,
        file=os.path.normpath(utterance.audio_filepath),
        stretch=(utterance.offset, utterance.offset + utterance.duration),
    )


def _met(ours: Sequence[_Contents], others: Iterable[_Contents]) -> _Met:
    """Keeps nothing of the others but what is also ours: they may be a million."""
    audio = {one.audio for one in ours} - {""}
    texts = {one.text for one in ours} - {""}
    speakers = {one.speaker for one in ours} - {""}
    files = {one.file for one in ours}
    met = _Met()
    for other in others:
        if other.audio in audio:
            met.audio.add(other.audio)
        if other.text in texts:
            met.texts.add(other.text)
        if other.speaker in speakers:
            met.speakers.add(other.speaker)
        if other.file in files:
            met.stretches[other.file].append(other.stretch)
    return met


def _in_order(found: Mapping[str, list[str]]) -> Where:
    return {named: tuple(others) for named, others in sorted(found.items())}


def _merged(stretches: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same seconds in order and without overlap among themselves."""
    merged: list[tuple[float, float]] = []
    for begin, end in sorted(stretches):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _meets(stretch: tuple[float, float], others: list[tuple[float, float]]) -> bool:
    """Whether it has more than `OVERLAP` in common with one of `others`, which are in order."""
    begin, end = stretch
    first = bisect_left(others, begin, key=lambda other: other[1])
    for start, stop in islice(others, first, None):
        if start >= end:
            return False
        if min(end, stop) - max(begin, start) > OVERLAP:
            return True
    return False
