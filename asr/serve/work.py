"""A transcription seen from the event loop: its events, until it is done, takes too long, or nobody waits any more."""

import asyncio
from contextlib import suppress

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from asr.errors import AudioError
from asr.serve.engine import CancelledError, Listener
from asr.serve.models import Hearing
from asr.serve.refusal import NOT_AGAIN, RefusedError, broken, invalid, stopping
from asr.serve.reports import report
from asr.serve.service import Service
from asr.serve.sound import TooLongError, pieces_of_upload
from asr.serve.upload import Form
from asr.transcribe.transcript import Part, Transcript

Heard = tuple[list[Part], float]  # parts that are certain now, and seconds heard so far


class Work:
    """One transcription. From its beginning on the upload is closed by whoever reads it."""

    def __init__(
        self, service: Service, hearing: Hearing, form: Form, receive: Receive, *, words: bool, parts: bool
    ) -> None:
        """
        Args:
            receive: of the request, whose body has been read.
            words: whether they are wanted.
            parts: whether they are wanted as they become known.
        """
        self._limits = service.settings.limits
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + self._limits.time
        self._events: asyncio.Queue[Heard | None] = asyncio.Queue()  # None: look what is different now
        self._gone = False
        self._watch = asyncio.create_task(self._until_gone(receive))
        self._engine = service.engine
        pieces = pieces_of_upload(hearing, form.file, form.name or "audio", self._limits.seconds)
        listener: Listener = self._tell if parts else lambda *_: None
        self.job = service.engine.submit(hearing, pieces, words=words, listener=listener, close=form.close)
        self.job.transcript.add_done_callback(lambda _: self._post(None))

    async def next(self, wait: float | None = None) -> Heard | None:
        """The next event; None when the transcript is there.

        Raises:
            TimeoutError: none came within so many seconds.
            RefusedError: there will be no transcript.
            ClientDisconnect: nobody waits any more.
        """
        left = self._end - self._loop.time()
        try:
            async with asyncio.timeout(left if wait is None else min(left, wait)):
                event = await self._events.get()
        except TimeoutError:
            if self._loop.time() < self._end:
                raise
            message = f"no transcript within {self._limits.time:g} s; send less audio at a time"
            raise RefusedError(504, message, "took_too_long", headers=NOT_AGAIN) from None
        if self._gone:
            raise ClientDisconnect
        if event is None and (error := self.job.transcript.exception()) is not None:
            raise refusal_of(error)
        return event

    @property
    def transcript(self) -> Transcript:
        """When it is there."""
        return self.job.transcript.result()

    async def close(self) -> None:
        """Nothing more is wanted."""
        self._engine.cancel(self.job)
        self._watch.cancel()
        with suppress(asyncio.CancelledError):
            await self._watch

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._engine.cancel(self.job)
        self._events.put_nowait(None)

    def _tell(self, parts: list[Part], seconds: float) -> None:
        self._post((parts, seconds))

    def _post(self, event: Heard | None) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # the loop is closed: the server has ended
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)


def refusal_of(error: BaseException) -> RefusedError:
    """What whoever asked is told about an error."""
    if isinstance(error, TooLongError):
        return RefusedError(413, str(error), "audio_too_long", param="file")
    if isinstance(error, AudioError):
        return invalid(str(error), "file", "audio_unreadable")
    if isinstance(error, CancelledError):
        return stopping()
    report(error)
    return broken()
