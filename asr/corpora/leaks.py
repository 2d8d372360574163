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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from asr.manifest import Utterance
from asr.text import normalise

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
    """What `part` shares with each of the other parts.

    Args:
        parts: utterances with durations and digests, by part: train, dev, test.
        text: version of the normaliser, as the recipe has it.
    """
    return Leaks(
        audio=shared_audio(parts, part),
        texts=_shared(parts, part, lambda utterance: normalise(utterance.text, text)),
        speakers=_shared(parts, part, _speaker, name=_speaker),
    )


def shared_audio(parts: Parts, part: str = "test") -> Where:
    """Ids of utterances whose samples are in another part too, with the parts."""
    audio = _shared(parts, part, _audio)
    for name, others in _overlapping(parts, part).items():
        audio[name] = tuple(sorted({*audio.get(name, ()), *others}))
    return dict(sorted(audio.items()))


def _audio(utterance: Utterance) -> str:
    return utterance.audio_digest


def _speaker(utterance: Utterance) -> str:
    return utterance.speaker


def _id(utterance: Utterance) -> str:
    return utterance.id


def _shared(
    parts: Parts, part: str, content: Callable[[Utterance], str], name: Callable[[Utterance], str] = _id
) -> Where:
    """Names of what has the same content as an utterance of another part. "" is no content, and never shared."""
    contents = [(name(utterance), content(utterance)) for utterance in parts[part]]
    found = defaultdict(list)
    for other in sorted(parts.keys() - {part}):
        there = {content(utterance) for utterance in parts[other]} - {""}
        for named in {named for named, this in contents if this in there}:
            found[named].append(other)
    return {named: tuple(others) for named, others in sorted(found.items())}


def _overlapping(parts: Parts, part: str) -> Where:
    """Ids of utterances that are stretches of a file of which another part has some of the same seconds."""
    found = defaultdict(list)
    for other in sorted(parts.keys() - {part}):
        there = defaultdict(list)
        for utterance in parts[other]:
            there[_file(utterance)].append(_stretch(utterance))
        merged = {path: _merged(stretches) for path, stretches in there.items()}
        for utterance in parts[part]:
            if _meets(_stretch(utterance), merged.get(_file(utterance), [])):
                found[utterance.id].append(other)
    return {named: tuple(others) for named, others in found.items()}


def _file(utterance: Utterance) -> str:
    return os.path.normpath(utterance.audio_filepath)


def _stretch(utterance: Utterance) -> tuple[float, float]:
    return utterance.offset, utterance.offset + utterance.duration


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
