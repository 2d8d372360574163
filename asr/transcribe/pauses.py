"""Long audio, cut at pauses: stretches with speech, and nothing of what lies between them.

A network says how likely speech is in each 32 ms (asr.transcribe.voice_activity). Speech begins where that is likely
and ends where it has been unlikely for a while. Some of the pause is heard on either side, as in the utterances that
models learn from; neighbours share a pause that is too short for both, so nothing is heard twice. Digital silence is
never heard, since no room sounds like that. What goes on for long is cut at the longest short pause in it; where there
is none, into windows that overlap, like audio of which nothing is known (asr.transcribe.windows). Silence is not heard
at all, so no words are made up in it.

Memory holds what is not cut yet: never more than a window and a block.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from asr.sound_file import NOTHING, Samples
from asr.transcribe.voice_activity import FRAME, VoiceActivity
from asr.transcribe.windows import Windows

SILENT = 0.5 / 32768  # samples below half a step of 16 bits are digital silence
BLOCK = 1.0  # seconds that are taken at a time: what is given may be minutes


@dataclass(frozen=True)
class Stretch:
    """Sound to be heard as one; or none, where the recording ends or nobody has spoken for `PauseSettings.far`."""

    samples: Samples
    begin: int  # samples of the file before it
    overlaps: bool  # with the next one, by `Windows.overlap` samples
    last: bool  # of its file


@dataclass(frozen=True)
class PauseSettings:
    """Where speech begins and ends. Chosen on development speakers of AN4 (docs/long-audio.md)."""

    speech: float = 0.5  # probability from which on somebody begins to speak
    quiet: float = 0.35  # probability below which nobody goes on
    silence: float = 0.3  # seconds of quiet that are a pause
    before: float = 0.3  # seconds of a pause that are heard before the speech
    after: float = 0.2  # and after it
    long: float = 4.0  # seconds from which on a stretch is cut at a shorter pause
    short: float = 0.09  # seconds of quiet that are one
    least: float = 0.5  # seconds of a stretch before it
    brief: float = 0.25  # seconds of speech below which (a click, a breath) it is no stretch by itself
    near: float = 0.8  # seconds of quiet within which it belongs to what comes next
    far: float = 5.0  # seconds without speech after which what comes has nothing to do with what was before
    click: float = 0.1  # seconds of speech below which it is none at all, if nothing is near


class Pauses:
    """Cuts recordings at pauses; any number at the same time.

    Args:
        sample_rate: Hz of what is cut.
        windows: how speech is cut that goes on without a pause.
    """

    def __init__(
        self,
        activity: VoiceActivity,
        sample_rate: int,
        windows: Windows,
        settings: PauseSettings | None = None,
    ) -> None:
        self._activity, self._rate, self._windows = activity, sample_rate, windows
        self._settings = settings or PauseSettings()

    def __call__(self, blocks: Iterable[Samples]) -> Iterator[Stretch]:
        """The stretches of one recording, in order. The last one has no samples: the recording ends where it is. Nor
        has one that says, as soon as it is known, that what comes next is far from what was before."""
        cutting = _Cutting(self._activity, self._rate, self._windows, self._settings)
        size = round(BLOCK * self._rate)
        for block in blocks:
            for begin in range(0, len(block), size):
                yield from cutting.add(block[begin : begin + size])
        yield from cutting.end()


class _Cutting:
    """One recording. All places are samples from its beginning."""

    def __init__(
        self, activity: VoiceActivity, sample_rate: int, windows: Windows, settings: PauseSettings
    ) -> None:
        self._listening = activity.stream(sample_rate)
        self._rate, self._windows, self._settings = sample_rate, windows, settings
        self._before, self._after, self._silence = map(
            self._samples, (settings.before, settings.after, settings.silence)
        )
        self._long, self._short, self._least = map(
            self._samples, (settings.long, settings.short, settings.least)
        )
        self._brief, self._near, self._far, self._click = map(
            self._samples, (settings.brief, settings.near, settings.far, settings.click)
        )
        self._held: Samples = NOTHING
        self._first = 0  # place of the first sample that is held
        self._frames = 0  # of which the probability is known
        self._begin: int | None = None  # of the stretch that is not cut off yet
        self._spoken = 0  # up to where there was speech in it
        self._speech = 0  # samples of speech in it
        self._said = 0  # up to where there was speech in the last stretch
        self._told = True  # that this is long ago, or there was none yet
        self._ended = False  # whether a pause follows on it, of which it may have a part
        self._continued = False  # whether it overlaps with the stretch before it
        self._dips: list[tuple[int, int]] = []  # short pauses within it

    def add(self, samples: Samples) -> Iterator[Stretch]:
        self._held = np.concatenate([self._held, samples])
        yield from self._listen(self._listening(samples))

    def end(self) -> Iterator[Stretch]:
        yield from self._listen(self._listening(NOTHING, last=True))
        end = self._first + len(self._held)
        if self._begin is not None:
            yield from self._cut(min(end, self._spoken + self._after))
        yield Stretch(NOTHING, end, False, last=True)

    def _listen(self, probabilities: Iterable[float]) -> Iterator[Stretch]:
        for probability in probabilities:
            begin, end = (self._samples(frame * FRAME) for frame in (self._frames, self._frames + 1))
            self._frames += 1
            if self._begin is not None and not self._ended:
                yield from self._during_speech(probability, begin, end)
            else:
                yield from self._during_pause(probability, begin, end)

    def _during_speech(self, probability: float, begin: int, end: int) -> Iterator[Stretch]:
        assert self._begin is not None
        if probability >= self._settings.quiet:
            if begin - self._spoken >= self._short:
                self._dips.append((self._spoken, begin))
            self._spoken = end
            self._speech += end - begin
            yield from self._shorten(end)
        elif end - self._spoken >= self._silence:
            self._ended = True

    def _during_pause(self, probability: float, begin: int, end: int) -> Iterator[Stretch]:
        speech = probability >= self._settings.speech
        start = begin - self._before
        if self._begin is not None:
            gap = begin - self._spoken
            brief = self._speech < self._brief and not self._continued
            if speech and brief and gap < self._near:
                self._ended = False
                yield from self._during_speech(probability, begin, end)
                return
            if speech or gap >= max(self._before + self._after, self._near if brief else 0):
                cut = self._spoken + min(self._after, gap * self._after // max(1, self._before + self._after))
                yield from self._cut(cut)
        if speech:
            self._begin, self._spoken, self._speech = max(start, self._first), end, end - begin
            self._ended = self._continued = False
            self._dips = []
        if self._begin is None:
            self._drop(start)
            if not self._told and end - self._said >= self._far:
                self._told = True
                yield Stretch(NOTHING, end, False, last=False)

    def _shorten(self, end: int) -> Iterator[Stretch]:
        """Cuts the stretch off where it gets too long."""
        assert self._begin is not None
        least = self._begin + (self._windows.overlap if self._continued else self._least)
        self._dips = [dip for dip in self._dips if dip[0] >= least]
        step, overlap = self._windows.step, self._windows.overlap
        if end - self._begin > self._long and self._dips:
            start, stop = max(self._dips, key=lambda dip: dip[1] - dip[0])
            cut = (start + stop) // 2
            yield from self._cut(cut)
            self._begin, self._continued = cut, False
            self._dips = [dip for dip in self._dips if dip[0] >= stop]
        elif end - self._begin > step + overlap:
            begin = self._begin
            yield from self._cut(begin + step + overlap, overlaps=True)
            self._begin, self._continued = begin + step, True

    def _cut(self, end: int, overlaps: bool = False) -> Iterator[Stretch]:
        """The stretch, up to here."""
        assert self._begin is not None
        begin = self._begin
        samples = self._held[begin - self._first : end - self._first]
        sound = np.flatnonzero(np.abs(samples) > SILENT)
        first = 0 if self._continued or not len(sound) else int(sound[0])
        last = len(samples) if overlaps or not len(sound) else int(sound[-1]) + 1
        click = self._ended and self._speech < self._click and not self._continued
        if (len(sound) and not click) or self._continued or overlaps:
            yield Stretch(samples[first:last].copy(), begin + first, overlaps, last=False)
            self._said, self._told = self._spoken, False
        self._begin = None
        self._drop(begin + self._windows.step if overlaps else end)

    def _drop(self, before: int) -> None:
        """Sound that is not needed any more."""
        place = min(before - self._first, len(self._held))
        if place > 0:
            self._held = self._held[place:]  # a view, until more is added
            self._first += place

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._rate)
