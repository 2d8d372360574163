"""`POST /v1/audio/transcriptions`: an upload to its transcript, at once or as it becomes known."""

from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from asr.serve import answers
from asr.serve.refusal import RefusedError
from asr.serve.service import Service
from asr.serve.upload import Body, Form, read_form
from asr.serve.wishes import FORMATS, GRANULARITIES, INCLUDED, Wishes, read_wishes
from asr.serve.work import Heard, Work

ALIVE = 15.0  # seconds without an event after which a comment says that the connection is
NO_WORDS = ("json", "text")  # formats that need none
SURE = ("verbose_json", "ctm", "jsonl")  # formats with the confidence of words


class TranscriptionAnswer(Response):
    """Reads the request, and answers it: all of it in one call, so that nothing is left open however it ends."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = Body(receive)
        try:
            with self._service.transcription():
                form = await read_form(Request(scope, body.receive), self._service.settings.limits)
                await self._transcribe(form, scope, receive, send)
        except RefusedError as refused:
            if b"expect" not in dict(scope["headers"]):  # who asks first whether to send has not sent
                await body.drain()
            await refused.response(scope, receive, send)
        except ClientDisconnect:
            return

    async def _transcribe(self, form: Form, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            wishes = read_wishes(form.fields)
            model = self._service.models.asked_for(wishes.model)
            words = wishes.format not in NO_WORDS or wishes.logprobs
            hearing = model.sure if wishes.format in SURE or wishes.logprobs else model.quick
            work = Work(self._service, hearing, form, receive, words=words, parts=wishes.stream)
        except BaseException:
            form.close()
            raise
        try:
            if wishes.stream:
                await _stream(work, wishes, send)
            else:
                while await work.next() is not None:
                    pass
                await answers.answer(form.name or "audio", work.transcript, wishes)(scope, receive, send)
        finally:
            await work.close()
        scope["asr.model"], scope["asr.seconds"] = model.id, work.transcript.seconds
        self._service.metrics.audio(model.id, work.transcript.seconds)


async def _stream(work: Work, wishes: Wishes, send: Send) -> None:
    """Server-sent events. The head waits for the first one: what cannot be read gets a status of its own."""
    heard = await work.next()
    headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    first = True
    try:
        while heard is not None:
            parts, seconds = heard
            for part in parts:
                if part.text:
                    await _send(send, answers.event(answers.delta(part, first, wishes)))
                    first = False
            if wishes.progress:
                await _send(send, answers.event(answers.progress(seconds)))
            heard = await _next(work, send)
        await _send(send, answers.event(answers.done(work.transcript, wishes)), last=True)
    except RefusedError as refused:
        await _send(send, answers.event({"type": "error", **refused.body}), last=True)


async def _next(work: Work, send: Send) -> Heard | None:
    while True:
        try:
            return await work.next(ALIVE)
        except TimeoutError:
            await _send(send, b": still at it\n\n")


async def _send(send: Send, body: bytes, *, last: bool = False) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": not last})


def form_schema() -> dict[str, Any]:
    """The form, for the OpenAPI page."""
    text = {"type": "string"}
    properties: dict[str, Any] = {
        "file": {"type": "string", "format": "binary", "description": "the audio"},
        "model": {**text, "description": "may be left out where one model is served"},
        "response_format": {**text, "enum": list(FORMATS), "default": "json"},
        "timestamp_granularities[]": {"type": "array", "items": {**text, "enum": list(GRANULARITIES)}},
        "stream": {"type": "boolean", "default": False, "description": "server-sent events"},
        "include[]": {"type": "array", "items": {**text, "enum": list(INCLUDED)}},
        "language": {**text, "description": "without effect, but named in verbose_json"},
        "prompt": {**text, "description": "without effect"},
        "temperature": {"type": "number", "minimum": 0, "maximum": 1, "description": "without effect"},
        "chunking_strategy": {**text, "enum": ["auto"]},
    }
    schema = {"type": "object", "required": ["file"], "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
