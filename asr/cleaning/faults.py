"""Faults of single sounds: what cannot be read, is silent or clipped, or is not what its manifest declares."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from asr.cleaning.kinds import Finding
from asr.cleaning.known import Stretch
from asr.cleaning.sound import Measured, Sound
from asr.utterance import Utterance

TOLERANCE = 0.1  # seconds by which a duration may be off: it is often rounded
PART = 4.0, 10.0  # a file that is so many times as long as declared, and so many seconds, is meant in part
SILENT = -60.0  # dB of full scale
SHORTEST = 0.1  # seconds
LIVELY = 0.05  # seconds that are not silence, at least
STEADY = 4.0  # dB between loud and quiet, below which nothing is said
STEADY_SECONDS = 0.5  # from that length on
CANCELLED = 20.0  # dB
DIRECT = 0.05  # of full scale
DIRECT_BELOW = 15.0  # dB below the speech, above which less direct current is a fault, too
LEAST_DIRECT = 0.001
CLIPPED = 0.001  # share of the samples
EDGES = ("begins", "ends")
LOUD_EDGE = -8.0  # dB of the speech, at the first or the last moment
COMMON = 0.05  # share of a corpus from which on it is how the corpus is cut
# Share of the sounds of one rate, and number, from which on narrow ones are no exception.
NARROW, MANY = 0.2, 20


@dataclass(frozen=True)
class Heard:
    """An utterance and its sound."""

    part: str
    row: int
    utterance: Utterance
    stretch: Stretch
    measured: Measured | str
    declared_rate: int = 0  # Hz; 0: the manifest does not say
    rate_key: str = ""

    @property
    def sound(self) -> Sound | None:
        return self.measured.sound if isinstance(self.measured, Measured) else None

    @property
    def usable(self) -> bool:
        """Whether there is something to hear."""
        return self.sound is not None and not _nothing(self.sound)

    def finding(self, kind: str, found: str, badness: float = 0.0, **more: object) -> Finding:
        utterance = self.utterance
        return Finding(
            kind, self.part, self.row, utterance.id, utterance.audio_filepath, found, badness, **more  # type: ignore[arg-type]
        )  # fmt: skip


def sound_faults(heard: Sequence[Heard]) -> Iterator[Finding]:
    """In their order."""
    sounds = [one.sound for one in heard if one.sound is not None]
    tight = {edge: _tight(sounds, edge) > COMMON for edge in EDGES}
    rates, narrow = _rates(sounds)
    for one in heard:
        sound = one.sound
        if sound is None:
            yield one.finding("broken", str(one.measured).removeprefix(f"{one.stretch.path}: "), 1.0)
            continue
        yield from _declared(one, sound)
        if what := _nothing(sound):
            yield one.finding(*what)
            continue
        yield from _spoiled(one, sound)
        if sound.wall and not _usual(narrow[sound.sample_rate], rates[sound.sample_rate]):
            found = f"nothing above {sound.wall:.0f} Hz, of the {sound.sample_rate / 2:.0f} Hz that its rate allows"
            yield one.finding("narrow", found, 1 - sound.wall / sound.sample_rate)
        for edge in EDGES:
            level = getattr(sound, edge)
            if level > LOUD_EDGE and not tight[edge]:
                yield one.finding(
                    "cut", f"{edge} {level:+.0f} dB from the level of its speech", level - LOUD_EDGE
                )


def corpus_notes(heard: Sequence[Heard]) -> Iterator[str]:
    """What is said once of all sounds."""
    sounds = [one.sound for one in heard if one.sound is not None]
    rates, narrow = _rates(sounds)
    if len(rates) > 1:
        yield "sample rates: " + ", ".join(
            f"{rate} Hz in {count} utterances" for rate, count in rates.most_common()
        )
    for rate, count in rates.items():
        if _usual(narrow[rate], count):
            many = f"{narrow[rate]} of {count} utterances of {rate} Hz"
            yield f"{many} hold nothing at high frequencies: they were coded or resampled"
    for edge in EDGES:
        share = _tight(sounds, edge)
        if share > COMMON:
            yield f"{share:.0%} of the utterances {edge[:-1]} within sound: so is the corpus cut, and none is accused"


def _tight(sounds: Sequence[Sound], edge: str) -> float:
    """The share that is loud at this edge."""
    return float(np.mean([getattr(sound, edge) > LOUD_EDGE for sound in sounds] or [0.0]))


def _rates(sounds: Sequence[Sound]) -> tuple[Counter[int], Counter[int]]:
    """How many sounds there are of each rate, and how many of these are narrow."""
    return (
        Counter(sound.sample_rate for sound in sounds),
        Counter(sound.sample_rate for sound in sounds if sound.wall),
    )


def _usual(narrow: int, count: int) -> bool:
    return narrow > NARROW * count and count >= MANY


def is_meant_in_part(declared: float, seconds: float) -> bool:
    """Whether so long a file can only be meant as far as declared, though nothing else is of it."""
    return declared > 0 and seconds > PART[0] * declared and seconds - declared > PART[1]


def _declared(one: Heard, sound: Sound) -> Iterator[Finding]:
    declared = one.utterance.duration
    whole = one.stretch.duration == 0
    longer = sound.seconds - declared
    if declared and abs(longer) > TOLERANCE and (whole or longer < 0):
        found = f"declared {declared:g} s, there are {sound.seconds:.2f} s"
        yield one.finding("duration", found, abs(longer), mended={"duration": round(sound.seconds, 6)})
    if one.declared_rate and one.declared_rate != sound.sample_rate:
        found = f"declared {one.declared_rate} Hz, it has {sound.sample_rate} Hz"
        mended = {one.rate_key: sound.sample_rate}
        yield one.finding("rate", found, abs(np.log(one.declared_rate / sound.sample_rate)), mended=mended)


def _nothing(sound: Sound) -> tuple[str, str, float] | None:
    """Kind, what was found, how bad; None: there is something to hear."""
    if sound.cancelled > CANCELLED:
        found = f"its channels cancel each other: their mean is {sound.cancelled:.0f} dB below them"
        return "silent", found, sound.cancelled
    if sound.level < SILENT:
        level = (
            "no sample but zero"
            if sound.level <= -199
            else f"{sound.level:.0f} dB of full scale where it is loudest"
        )
        return "silent", level, -sound.level
    if sound.seconds < SHORTEST:
        return "empty", f"{1000 * sound.seconds:.0f} ms of audio", 1 / max(sound.seconds, 1e-3)
    if sound.level - sound.floor < STEADY and sound.seconds > STEADY_SECONDS:
        found = f"steady noise: {sound.level - sound.floor:.1f} dB between its loud and its quiet moments"
        return "empty", found, STEADY - sound.level + sound.floor
    if sound.lively < LIVELY:
        return "empty", f"{1000 * sound.lively:.0f} ms of sound in {sound.seconds:.2f} s", 1.0
    return None


def _spoiled(one: Heard, sound: Sound) -> Iterator[Finding]:
    if sound.clipped > CLIPPED:
        yield one.finding("clipped", f"{sound.clipped:.1%} of its samples are flat tops", sound.clipped)
    size = abs(sound.direct)
    strong = size > LEAST_DIRECT and 20 * np.log10(size) > sound.level - DIRECT_BELOW
    if size > DIRECT or strong:
        beside = 20 * np.log10(size) - sound.level
        found = f"its mean is {sound.direct:+.4f} of full scale ({beside:+.0f} dB of its speech)"
        yield one.finding("offset", found, size)
