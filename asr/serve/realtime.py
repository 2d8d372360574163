"""WebSocket `/v1/realtime`: speech as it comes, in the shape of OpenAI's transcription sessions.

Audio comes as `input_audio_buffer.append` with base64, or as binary frames. What is final comes as `.delta` and
`.completed` of an item; what may still change as `.partial`, which is ours. docs/server.md has the messages.
"""

import asyncio
import json
from collections import deque
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from asr.errors import AsrError
from asr.serve.live_session import LiveSession
from asr.serve.live_settings import SessionError
from asr.serve.refusal import RefusedError
from asr.serve.reports import report
from asr.serve.service import Service

IDLE = 60.0  # seconds without a message after which a session is ended
AHEAD = 4 << 20  # bytes of messages that may wait; no more are taken from the connection then
SUBPROTOCOL = "realtime"
GONE = 0  # nobody is there any more
NORMAL, GOING_AWAY, TOO_MUCH, BROKEN = 1000, 1001, 1009, 1011  # RFC 6455

Message = str | bytes


async def talk(socket: WebSocket, service: Service) -> None:
    """One connection, until it ends."""
    try:
        with service.live_session():
            model = service.models.asked_for(socket.query_params.get("model"))
            offered = socket.scope.get("subprotocols", [])
            await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
            await _Conversation(socket, service, LiveSession(service, model)).run()
    except RefusedError as refused:
        await socket.send_denial_response(refused.response)
    except WebSocketDisconnect:
        return


class _Conversation:
    """Messages in both directions: they are taken while others are computed, so that sound can be heard together."""

    def __init__(self, socket: WebSocket, service: Service, session: LiveSession) -> None:
        self._socket, self._service, self._session = socket, service, session
        self._inbox: deque[Message] = deque()
        self._size = 0
        self._changed = asyncio.Event()  # something came, or was taken
        self._ended: int | None = None  # the code with which the connection is to be closed

    async def run(self) -> None:
        tasks = [asyncio.create_task(work) for work in (self._take(), self._stop())]
        code = BROKEN
        try:
            await self._send([self._session.created()])
            code = await self._answer()
        except WebSocketDisconnect:
            pass
        except Exception as error:  # noqa: BLE001  # it ends this connection alone
            report(error)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            if self._socket.client_state is WebSocketState.CONNECTED:
                with suppress(RuntimeError, WebSocketDisconnect):
                    await self._socket.close(code)

    async def _take(self) -> None:
        """What comes, until nothing does any more."""
        try:
            while self._ended is None:
                async with asyncio.timeout(IDLE):
                    message = await self._socket.receive()
                if message["type"] == "websocket.disconnect":
                    raise WebSocketDisconnect(message.get("code", NORMAL))
                content = message.get("bytes")
                self._put(message.get("text") or "" if content is None else content)
                while self._size > AHEAD:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            self._end(NORMAL)
        except WebSocketDisconnect:
            self._inbox.clear()
            self._end(GONE)
        except Exception as error:  # noqa: BLE001  # it ends this connection alone
            report(error)
            self._end(BROKEN)

    def _put(self, message: Message) -> None:
        self._inbox.append(message)
        self._size += len(message)
        self._changed.set()

    async def _stop(self) -> None:
        await self._service.stopping.wait()
        self._end(GOING_AWAY)

    def _end(self, code: int) -> None:
        self._ended = code if self._ended is None else self._ended
        self._changed.set()

    async def _answer(self) -> int:
        """Messages in order. Audio that has come meanwhile is heard at once."""
        while True:
            if not self._inbox:
                if self._ended == GONE:
                    return NORMAL
                if self._ended is not None:
                    await self._send(await self._session.commit(empty=True))
                    return self._ended
                self._changed.clear()
                await self._changed.wait()
                continue
            message = self._inbox.popleft()
            self._size -= len(message)
            self._changed.set()
            try:
                await self._one(message)
            except SessionError as error:
                await self._send([self._session.error(error)])
                if error.fatal:
                    return TOO_MUCH
            except AsrError as error:
                await self._send([self._session.error(SessionError(str(error), "audio_unreadable"))])

    async def _one(self, message: Message) -> None:
        if isinstance(message, bytes):
            self._session.append(message)
        else:
            event = _event_of(message)
            self._session.asked_by = event.get("event_id")
            match event.get("type"):
                case "input_audio_buffer.append":
                    self._session.append_base64(event.get("audio"))
                case "input_audio_buffer.commit":
                    await self._send(await self._session.commit())
                case "input_audio_buffer.clear":
                    await self._send([self._session.clear()])
                case "session.update":
                    await self._send([self._session.update(event.get("session"))])
                case other:
                    raise SessionError(f"no such event: {str(other)[:60]!r}", "unknown_event", "type")
        if not self._inbox or self._session.is_behind:
            await self._send(await self._session.hear(more=bool(self._inbox)))

    async def _send(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            await self._socket.send_text(json.dumps(event, ensure_ascii=False, allow_nan=False))


def _event_of(text: str) -> dict[str, Any]:
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise SessionError("a message that is no JSON object", "invalid_json")
    return event
