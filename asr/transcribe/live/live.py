"""Speech as it comes: what was said so far at once, and what was said for good after a pause.

    live = Live(Transcriber("runs/an4-s1"), sample_rate=48_000)
    for samples in microphone:
        for update in live.feed(samples):
            print(update.text, "" if isinstance(update, Final) else "...")
    live.finish()

The model reads in both directions, so what it makes of a word depends on what comes after it. Therefore the utterance
that is open is heard again and again, from its beginning, and what is found is a `Partial`. After a pause it is heard
once more, and that is `Final`. An utterance that gets too long is cut where nothing is heard between two words, and
what comes after the cut is heard with some of what was before it: so what a hearing costs is bounded, and so is memory.
Where a model's search hears several times, some of these are in the company of the utterance before.

What is final is a function of the sound alone: not of the chunks in which it came, nor of the partials, which are left
out where computing takes too long. So agreement between successive partials, after which others commit a text, is not
looked at: it would depend on which of them there was time for.
"""

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import numpy as np

from asr.audio import resampler
from asr.decoding.vocabulary import vocabulary_of
from asr.errors import AudioError
from asr.sound_file import NOTHING, Samples
from asr.transcribe.live.place import place_to_cut
from asr.transcribe.live.sound import RESAMPLING, Tail
from asr.transcribe.live.update import Delay, Final, Partial, Update
from asr.transcribe.live.voice import LEAST, Spoken, Voice, voice_of
from asr.transcribe.pauses import PauseSettings
from asr.transcribe.reading import COMPANY, Piece
from asr.transcribe.recording import SURELY
from asr.transcribe.transcript import Word
from asr.transcribe.voice_activity import FRAME

if TYPE_CHECKING:
    from asr.transcribe.hear import LogProbs
    from asr.transcribe.transcriber import Heard, Transcriber

__all__ = ["Delay", "Final", "Live", "Partial", "Update"]

LEAD, TRAIL = 0.3, 0.2  # seconds before and after the speech of an utterance that belong to it
CONTEXT = 2.0  # seconds before a cut that are heard with what comes after it
AHEAD = 2.0  # seconds that are heard after a cut at least
SHARE = 0.5  # of the time that partials may take of a core; the rest is for what is final
SETTLED = 0.2  # seconds after speech until hearing the utterance again gives nothing new
BLOCK = 1.0  # seconds that are taken at a time of what is fed at once
RATES = (1_000, 768_000)  # Hz that can be fed


class Live:
    """One stream that is heard while it comes. It computes in `feed` and `finish`.

    One thread at a time may call them; streams in different threads may share a transcriber.

    Args:
        transcriber: what hears, and says whether there are words.
        sample_rate: Hz of what is fed; None: the model's.
        voice: what tells speech from pauses: "silero" (the extra `vad`), "energy" (a gate: every sound above the
            room's noise is speech), or an object that has a `stream` as they do.
        pause: seconds without speech that end an utterance; fewer will do where it gets long.
        interval: seconds from one partial result to the next, if computing is quick enough.
        longest: seconds after which an utterance is cut.
        hear: what hears pieces for the transcriber, to make batches of several streams; it may block.

    Raises:
        AsrError: `voice` is "silero", and the extra `vad` is not installed.
        ValueError: a time or rate that cannot be.
    """

    def __init__(
        self,
        transcriber: "Transcriber",
        *,
        sample_rate: int | None = None,
        voice: Literal["silero", "energy"] | Voice = "silero",
        pause: float = 0.4,
        interval: float = 0.5,
        longest: float = 8.0,
        hear: "Callable[[list[Piece]], Heard] | None" = None,
    ) -> None:
        self._transcriber, self._rate = transcriber, transcriber.sample_rate
        self.sample_rate = self._rate if sample_rate is None else sample_rate
        _check(self.sample_rate, pause, interval, longest)
        self.pause, self.interval, self.longest = pause, interval, longest
        self._hear = transcriber.hear if hear is None else hear
        self._resampler = resampler(self.sample_rate, self._rate)
        self._listening = voice_of(voice).stream(self._rate)
        self._word_starts = vocabulary_of(transcriber.bundle.tokenizer).word_starts
        self._spoken = Spoken(self._rate, pause, longest)
        self._sound = Tail()
        self._begin: int | None = None  # of the utterance that is open, in samples of the model
        self._from = 0  # where its hearing begins: after a cut, before its beginning
        self._ended = 0  # the utterance before it
        self._before = NOTHING  # sound of that one, in whose company this one may be heard
        self._said = 0  # where its speech ended
        self._heard_to = 0  # what the last partial has heard
        self._due = 0  # the next one, not before
        self._fed = 0  # samples at `sample_rate`
        self._finished = False

    @property
    def seconds(self) -> float:
        """Of the stream, so far."""
        return self._fed / self.sample_rate

    @property
    def delay(self) -> Delay:
        """How far results are behind the sound."""
        held_back = FRAME + (RESAMPLING if self._resampler is not None else 0.0)
        onset = (LEAST - 1) * FRAME
        return Delay(
            partial=max(self.interval, onset) + held_back,
            final=self.pause + FRAME + held_back,
            longest=self.longest + held_back,
        )

    def feed(self, samples: Samples, *, partials: bool = True) -> list[Update]:
        """What comes next.

        Args:
            samples: (samples,) float, mono, -1 to 1, at `sample_rate`; any number of them.
            partials: False where more is waiting already: then no time is spent on a partial result.

        Returns:
            What is new: finals in the order in which they were said, and after them a partial at most.

        Raises:
            AudioError: samples that are no finite numbers; nothing is taken of them.
            ValueError: another shape or type, or the stream is finished.
        """
        if self._finished:
            raise ValueError("the stream is finished; make another Live for the next one")
        checked = _checked(samples)
        self._fed += len(checked)
        updates: list[Update] = []
        size = round(BLOCK * self.sample_rate)
        for begin in range(0, len(checked), size):
            updates += self._take(checked[begin : begin + size])
        if partials and self._is_partial_due():
            updates.append(self._partial())
        return updates

    def finish(self) -> list[Update]:
        """The stream ends here: what is open becomes final.

        Raises:
            ValueError: it is finished already.
        """
        if self._finished:
            raise ValueError("the stream is finished already")
        updates = self._take(NOTHING, last=True)
        self._finished = True
        if self._is_open():
            updates.append(self._end(self._sound.end))
        return updates

    def _take(self, samples: Samples, last: bool = False) -> list[Update]:
        """Whatever decides about finals goes by frames of speech probability, whose places do not depend on chunks."""
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=last)
        self._sound.append(samples)
        updates: list[Update] = []
        for probability in self._listening(samples, last):
            ended = self._spoken.step(float(probability))
            now = min(self._spoken.position, self._sound.end)
            self._open()
            if ended:
                if self._is_open():
                    updates.append(self._end(now))
                self._close()
            elif self._is_open() and now - self._opened() >= self.longest * self._rate:
                updates.append(self._cut(now))
        self._forget()
        return updates

    def _open(self) -> None:
        if self._begin is None and self._spoken.begun is not None:
            lead = max(self._spoken.begun - self._samples(LEAD), self._ended)
            self._begin = self._from = self._sound.begin_of_noise(lead, self._spoken.begun)
            self._due = self._spoken.begun + self._samples(self.interval)
            if self._spoken.begun - self._said >= self._samples(PauseSettings.far):
                self._before = NOTHING
            self._heard_to = self._begin

    def _is_open(self) -> bool:
        return self._begin is not None and self._spoken.enough

    def _opened(self) -> int:
        assert self._begin is not None
        return self._begin

    def _close(self) -> None:
        self._spoken.end()
        self._begin = None

    def _end(self, now: int) -> Final:
        """The utterance, after a pause or at the end of the stream."""
        begin, trail = self._opened(), self._samples(min(TRAIL, self.pause))
        # After a cut there may be no speech any more; then an empty result says that the partials are void.
        end = max(self._spoken.until + trail, begin + self._transcriber.windows.grid)
        end = self._sound.end_of_noise(begin, min(end, now))
        heard = self._listen_again(end)
        self._ended, self._said = end, self._spoken.until
        if self._transcriber.hearings > 1:
            self._before = self._sound.between(self._from, end)[-self._samples(COMPANY) :].copy()
        text, words = self._read(heard, begin, end)
        return Final(text, words, begin / self._rate, end / self._rate, pause=True)

    def _cut(self, now: int) -> Final:
        """The first part of an utterance that is too long; the rest stays open."""
        begin, grid = self._opened(), self._transcriber.windows.grid
        heard = self._listen_again(now)
        skipped = (begin - self._from) // grid
        frames = self.longest * self._rate / grid
        least = skipped + round(frames / 2), skipped + round(frames / 8)
        most = len(heard) - round(min(AHEAD * self._rate / grid, frames / 4))
        surely = round(SURELY * self._rate / grid)
        place = place_to_cut(heard, self._word_starts, least, most, surely)
        end = self._from + place * grid
        text, words = self._read(heard[:place], begin, end)
        context = min(place, round(CONTEXT * self._rate / grid))
        self._begin, self._from, self._ended = end, end - context * grid, end
        self._spoken.cut(end)
        return Final(text, words, begin / self._rate, end / self._rate, pause=False)

    def _is_partial_due(self) -> bool:
        news = self._heard_to < self._spoken.until + self._samples(SETTLED)
        return self._is_open() and news and self._sound.end >= self._due

    def _partial(self) -> Partial:
        began = perf_counter()
        begin, now = self._opened(), self._sound.end
        end = self._sound.end_of_noise(begin, now)
        text, words = self._read(self._listen_again(end), begin, end)
        taken = perf_counter() - began
        self._heard_to = now
        self._due = now + self._samples(max(self.interval, taken / SHARE))
        return Partial(text, words, begin / self._rate)

    def _listen_again(self, end: int) -> "LogProbs":
        """(frames, tokens) from `_from` to there."""
        whole = self._from == self._begin  # else it is in the company of what was before the cut
        before = self._before if whole else NOTHING
        piece = Piece(0, self._sound.between(self._from, end), last=True, before=before)
        return self._hear([piece])[0][1]

    def _read(self, heard: "LogProbs", begin: int, end: int) -> tuple[str, tuple[Word, ...]]:
        """Text and words from begin to end of what was heard from `_from` on."""
        skipped = (begin - self._from) // self._transcriber.windows.grid
        piece = Piece(0, self._sound.between(begin, end), last=True, begin=begin)
        part = self._transcriber.recording().add(piece, heard[skipped:])[0]
        return part.text, part.words

    def _forget(self) -> None:
        """Sound that nothing will ask for again."""
        if self._begin is None:
            self._sound.drop(self._spoken.position - self._samples(LEAD))
        else:
            self._sound.drop(self._from)

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._rate)


def _checked(samples: Samples) -> Samples:
    if samples.ndim != 1 or samples.dtype.kind != "f":
        raise ValueError(
            f"expected float samples of shape (samples,), -1 to 1, got {samples.dtype} of shape {samples.shape}"
        )
    if not np.isfinite(samples).all():
        raise AudioError("the stream holds samples that are no finite numbers")
    return np.ascontiguousarray(samples, np.float32)


def _check(sample_rate: int, pause: float, interval: float, longest: float) -> None:
    least, most = RATES
    if not least <= sample_rate <= most:
        raise ValueError(f"sample_rate must be {least} to {most} Hz, got {sample_rate}")
    if not FRAME <= pause <= 60:
        raise ValueError(f"pause must be {FRAME} to 60 seconds, got {pause}")
    if not interval > 0:
        raise ValueError(f"interval must be more than 0 seconds, got {interval}")
    if not 2 <= longest <= 60:
        raise ValueError(f"longest must be 2 to 60 seconds, got {longest}")
