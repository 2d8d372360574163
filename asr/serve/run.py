"""Runs a server until it is asked to stop: then it takes nothing new, and finishes what is under way."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterator
from types import FrameType

import uvicorn

from asr.errors import AsrError
from asr.numerics import warm_up
from asr.serve.app import make_app
from asr.serve.models import Models
from asr.serve.reports import say
from asr.serve.service import Service
from asr.serve.settings import Settings

BACKLOG = 512  # connections that the kernel holds
KEPT = 5  # seconds that an idle connection is kept
LARGEST = 4 << 20  # bytes of a message of a live connection
LOOK = 0.05  # seconds between two looks whether all is done
NOW = 1  # exit status when the second signal came


def serve(settings: Settings, models: Models) -> int:
    """Until SIGTERM or SIGINT; the second one ends it at once.

    Returns:
        The exit status: 0 after a clean stop.

    Raises:
        AsrError: the address cannot be listened on.
    """
    warm_up()
    listening = _listen(settings)
    for name in ("python_multipart", "uvicorn", "asyncio", "websockets"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what they say may quote a request
    return asyncio.run(_run(settings, models, listening))


async def _run(settings: Settings, models: Models, listening: socket.socket) -> int:
    service = Service(settings, models)
    config = uvicorn.Config(
        make_app(service),
        http="h11",
        ws="websockets-sansio",
        ws_max_size=LARGEST,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEPT,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, service)
    try:
        await server.serve(sockets=[listening])
    finally:
        await asyncio.to_thread(service.close)
    return NOW if server.force_exit else 0


class _Server(uvicorn.Server):
    """Answers 503 while it finishes, and leaves the exit status to us."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._stopping: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        settings = self._service.settings
        host, port = sockets[0].getsockname()[:2] if sockets else (settings.host, settings.port)
        shown = f"[{host}]" if ":" in host else host
        say(f"listening on http://{shown}:{port} (models: {', '.join(self._service.models)}; Ctrl-C stops)")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Of a signal, in the event loop."""
        if self._stopping is not None:
            self.force_exit = self.should_exit = True
            return
        self._service.stopping.set()
        busy = self._service.running + self._service.live
        say(f"stopping; {busy} requests are under way" if busy else "stopping")
        self._stopping = asyncio.get_running_loop().create_task(self._stop())

    async def _stop(self) -> None:
        end = asyncio.get_running_loop().time() + self._service.settings.limits.stop_time
        while self._service.busy and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(LOOK)
        if self._service.busy:
            say("time is up: what is still under way is answered with 503")
            await asyncio.to_thread(self._service.close)
            await asyncio.sleep(LOOK)
        self.should_exit = True


def _listen(settings: Settings) -> socket.socket:
    listening = None
    try:
        found = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        if listening is not None:
            listening.close()
        reason = error.strerror or os.strerror(error.errno or 0)
        raise AsrError(
            f"{settings.host}:{settings.port}: cannot be listened on ({reason}); choose another --host or --port"
        ) from None
    return listening
