"""What the parts of a corpus have in common beside audio: speakers and sentences; and sentences that are nearly one."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b

import numpy as np

from asr.cleaning.kinds import Finding
from asr.utterance import Utterance

SENTENCE = (6, 30)  # words and characters from which on a text is one that is not said again by chance
OFTEN = 4  # times in the corpus from which on a text is a prompt that many were given
NEAR = 0.9  # likeness of texts that are nearly one
NEAR_CHARACTERS = 40  # that such texts have at least
SHINGLE = 5  # characters
# Minima of a text, and keys made of three each: of texts alike by 0.7, 99.8 % share a key.
HASHES, BANDS = 48, 16
COMMON = 50  # texts with one key beyond which it says nothing

Texts = Sequence[str]  # normalised, one an utterance
Parts = Mapping[str, Sequence[Utterance]]


def rank(part: str) -> int:
    """What is tested on comes before what decides the learning, and that before what is learned from."""
    name = part.lower()
    return 0 if name.startswith(("test", "eval")) else 1 if name.startswith(("dev", "val")) else 2


def shared_speakers(parts: Parts) -> Iterator[Finding]:
    """One finding for each speaker that is in several parts."""
    where: dict[str, dict[str, int]] = defaultdict(dict)
    for name, utterances in parts.items():
        for utterance in utterances:
            if utterance.speaker:
                counts = where[utterance.speaker]
                counts[name] = counts.get(name, 0) + 1
    for speaker, counts in where.items():
        if len(counts) > 1:
            first = min(counts, key=rank)
            there = ", ".join(f"{count} of {name}" for name, count in counts.items())
            found = f"speaker {speaker} has {there}"
            yield Finding("shared-speaker", first, -1, speaker, "", found, sum(counts.values()))


def shared_texts(parts: Parts, texts: Mapping[str, Texts]) -> Iterator[Finding]:
    """Sentences of one part that are in another that is learned from. Short texts, and those that are said many times,
    are the corpus's vocabulary, and no wonder."""
    where: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for name in parts:
        for row, text in enumerate(texts[name]):
            if len(text.split()) >= SENTENCE[0] and len(text) >= SENTENCE[1]:
                where[text][name].append(row)
    for text, places in where.items():
        if len(places) < 2 or sum(map(len, places.values())) >= OFTEN:
            continue
        first = min(places, key=rank)
        for row in places[first]:
            utterance = parts[first][row]
            others = tuple(
                f"{name}/{parts[name][there[0]].id}" for name, there in places.items() if name != first
            )
            found = f"“{text:.60}” is in {', '.join(name for name in places if name != first)}, too"
            yield Finding(
                "shared-text", first, row, utterance.id, utterance.audio_filepath, found, len(text), others
            )


def vocabulary(parts: Parts, texts: Mapping[str, Texts]) -> list[str]:
    """How much of each part's texts others have, in words; for commands and digits that is as it must be."""
    notes = []
    for name in parts:
        for other in parts:
            if rank(name) < rank(other):
                theirs = set(texts[other])
                count = sum(text in theirs for text in texts[name])
                if count:
                    notes.append(f"{count} of {len(texts[name])} texts of {name} are in {other}, too")
    return notes


def near_texts(parts: Parts, texts: Mapping[str, Texts]) -> Iterator[Finding]:
    """Long texts that differ in a few characters: two takes of a sentence, one of them with a slip."""
    from rapidfuzz.distance import Levenshtein

    places: dict[str, tuple[str, int]] = {}
    for name in parts:
        for row, text in enumerate(texts[name]):
            if len(text) >= NEAR_CHARACTERS:
                places.setdefault(text, (name, row))
    every = list(places)
    keys: dict[bytes, list[int]] = defaultdict(list)
    for number, text in enumerate(every):
        for key in _keys(text):
            keys[key].append(number)
    pairs = {
        (a, b)
        for numbers in keys.values()
        if len(numbers) <= COMMON
        for place, b in enumerate(numbers)
        for a in numbers[:place]
    }
    for a, b in sorted(pairs):
        alike = Levenshtein.normalized_similarity(every[a], every[b], score_cutoff=NEAR)
        if alike >= NEAR:
            (first, there), (part, row) = places[every[a]], places[every[b]]
            utterance, others = parts[part][row], (f"{first}/{parts[first][there].id}",)
            found = f"“{every[b]:.80}” and “{every[a]:.80}”"
            yield Finding(
                "near-text", part, row, utterance.id, utterance.audio_filepath, found, alike, others
            )


def _keys(text: str) -> list[bytes]:
    """Broder (1997): the least hashes of the shingles of a text, in bands."""
    shingles = [text[start : start + SHINGLE] for start in range(len(text) - SHINGLE + 1)]
    hashes = np.array(
        [int.from_bytes(blake2b(shingle.encode(), digest_size=8).digest(), "little") for shingle in shingles],
        np.uint64,
    )
    multipliers = np.arange(1, 2 * HASHES, 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = hashes[:, None] * multipliers
    least = (mixed ^ (mixed >> np.uint64(29))).min(axis=0).reshape(BANDS, -1)
    return [bytes([number]) + row.tobytes() for number, row in enumerate(least)]
