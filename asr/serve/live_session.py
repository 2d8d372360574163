"""A transcription session of OpenAI's realtime interface: what it is set to, and the events that it gives."""

import asyncio
import base64
import binascii
import secrets
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from asr.serve.answers import logprobs
from asr.serve.live_settings import LiveSettings, SessionError
from asr.serve.models import Served
from asr.serve.service import Service
from asr.transcribe.files.formats import word_json
from asr.transcribe.live.live import Final, Live, Partial, Update
from asr.transcribe.reading import Piece
from asr.transcribe.transcriber import Heard
from asr.transcribe.transcript import Word
from asr.transcribe.voice_activity import installed

SAMPLE = 2  # bytes
TRANSCRIPTION = "conversation.item.input_audio_transcription"


class LiveSession:
    """One stream of speech.

    Attributes:
        asked_by: the id of the client's event that is answered, if it has one.
    """

    def __init__(self, service: Service, model: Served) -> None:
        self._service = service
        self._settings = LiveSettings(model.id)
        self._id = f"sess_{secrets.token_hex(8)}"
        self._live: Live | None = None  # made for the first audio, and again after each commit
        self._waiting = bytearray()  # audio that was not heard yet
        self._before = 0.0  # seconds of the stream before what is heard now
        self._items, self._events = 0, 0
        self.asked_by: object = None

    def created(self) -> dict[str, Any]:
        return self._event("session.created", session=self._described())

    def update(self, session: object) -> dict[str, Any]:
        """Raises:
        SessionError: a value that cannot be, or audio has come already.
        """
        settings = self._settings.updated(session, list(self._service.models))
        if settings.fixed != self._settings.fixed and (
            self._live is not None or self._waiting or self._before
        ):
            raise SessionError("the model, the rate and the pause are set before the first audio", "too_late")
        self._settings = settings
        return self._event("session.updated", session=self._described())

    def append(self, audio: bytes) -> None:
        """PCM16, little-endian, mono."""
        self._waiting += audio
        most = self._service.settings.limits.seconds
        if self._seconds() > most:
            raise SessionError(f"more than {most:g} s of audio in a session", "audio_too_long", fatal=True)

    def append_base64(self, audio: object) -> None:
        """Raises:
        SessionError: no base64.
        """
        try:
            self.append(base64.b64decode(cast(str, audio), validate=True))
        except (TypeError, ValueError, binascii.Error):
            raise SessionError("audio has to be base64 of PCM16", "invalid_value", "audio") from None

    async def hear(self, *, more: bool = False) -> list[dict[str, Any]]:
        """Hears what has come. `more` is waiting: then no time is spent on what may change.

        An odd byte waits for its other half.
        """
        whole = len(self._waiting) // SAMPLE * SAMPLE
        if not whole:
            return []
        block = bytes(self._waiting[:whole])
        del self._waiting[:whole]
        live = self._live = self._live or self._new_live()
        samples = np.frombuffer(block, "<i2").astype(np.float32) / np.float32(32768)
        updates = await self._in_thread(lambda: live.feed(samples, partials=not more))
        return self._events_of(updates)

    async def commit(self, *, empty: bool = False) -> list[dict[str, Any]]:
        """What has come is all, for now. There is an item in any case, unless there was no audio and `empty` may be.

        Raises:
            SessionError: there was no audio.
        """
        events = await self.hear()
        live, self._live = self._live, None
        if live is None:
            if empty:
                return events
            raise SessionError("no audio has come since the last commit", "input_audio_buffer_commit_empty")
        updates = await self._in_thread(live.finish)
        if not any(isinstance(update, Final) for update in updates):
            updates.append(Final("", (), live.seconds, live.seconds, pause=True))
        events += self._events_of(updates)
        self._before += live.seconds
        return events

    def clear(self) -> dict[str, Any]:
        """What was not final is dropped."""
        self._before = self._seconds()
        self._waiting.clear()
        self._live = None
        return self._event("input_audio_buffer.cleared")

    def error(self, error: SessionError) -> dict[str, Any]:
        about = {
            "type": "invalid_request_error",
            "code": error.code,
            "message": str(error),
            "param": error.param,
            "event_id": self.asked_by if isinstance(self.asked_by, str) else None,
        }
        return self._event("error", error=about)

    @property
    def is_behind(self) -> bool:
        """Whether a second of audio or more waits to be heard."""
        return len(self._waiting) >= SAMPLE * self._settings.rate

    def _seconds(self) -> float:
        """Of the stream so far."""
        heard = 0.0 if self._live is None else self._live.seconds
        return self._before + heard + len(self._waiting) / SAMPLE / self._settings.rate

    def _new_live(self) -> Live:
        hearing = self._service.models[self._settings.model].sure

        def hear(pieces: list[Piece]) -> Heard:
            return [(piece, self._service.engine.hear(hearing, piece)) for piece in pieces]

        return Live(
            hearing.transcriber,
            sample_rate=self._settings.rate,
            voice="silero" if installed() else "energy",
            pause=self._settings.pause,
            hear=hear,
        )

    async def _in_thread(self, work: Callable[[], list[Update]]) -> list[Update]:
        return await asyncio.get_running_loop().run_in_executor(self._service.live_threads, work)

    def _events_of(self, updates: list[Update]) -> list[dict[str, Any]]:
        return [event for update in updates for event in self._events_of_one(update)]

    def _events_of_one(self, update: Update) -> list[dict[str, Any]]:
        item = f"item_{self._items:06}"
        words = [_later(word, self._before) for word in update.words]
        of_item = {"item_id": item, "content_index": 0}
        if isinstance(update, Partial):
            listed = [word_json(word) for word in words]
            return [self._event(f"{TRANSCRIPTION}.partial", **of_item, text=update.text, words=listed)]
        before = f"item_{self._items - 1:06}" if self._items else None
        self._items += 1
        seconds = round(update.end - update.start, 3)
        ours = {
            "words": [word_json(word) for word in words],
            "start": round(self._before + update.start, 3),
            "end": round(self._before + update.end, 3),
        }
        more = {"logprobs": logprobs(tuple(words))} if self._settings.logprobs else {}
        usage = {"type": "duration", "seconds": seconds}
        self._service.metrics.audio(self._settings.model, seconds)
        events = [self._event("input_audio_buffer.committed", item_id=item, previous_item_id=before)]
        if update.text:
            events.append(self._event(f"{TRANSCRIPTION}.delta", **of_item, delta=update.text))
        completed = {**of_item, "transcript": update.text, "usage": usage, **ours, **more}
        return [*events, self._event(f"{TRANSCRIPTION}.completed", **completed)]

    def _described(self) -> dict[str, Any]:
        kind = {"id": self._id, "object": "realtime.transcription_session", "type": "transcription"}
        return {**kind, **self._settings.described}

    def _event(self, kind: str, **content: Any) -> dict[str, Any]:
        self._events += 1
        return {"type": kind, "event_id": f"event_{self._events:06}", **content}


def _later(word: Word, seconds: float) -> Word:
    return Word(word.word, word.start + seconds, word.end + seconds, word.confidence)
