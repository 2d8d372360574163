"""What the routes of a server share: its models, the threads that compute, and how much is going on."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from asr.numerics import one_thread
from asr.serve.engine import Engine
from asr.serve.metrics import Metrics
from asr.serve.models import Models
from asr.serve.refusal import full, stopping
from asr.serve.settings import Settings

AGAIN = 2  # seconds after which whoever was turned away may ask again


class Service:
    """Of one server. Used from its event loop alone, but for what the engine's threads do."""

    def __init__(self, settings: Settings, models: Models) -> None:
        self.settings, self.models = settings, models
        self.metrics = Metrics()
        self.engine = Engine(settings.workers, self.metrics.batch)
        self.live_threads = ThreadPoolExecutor(
            settings.limits.live,
            thread_name_prefix="live",
            initializer=one_thread,
        )
        self.running = 0  # transcriptions
        self.live = 0  # connections
        self.stopping = asyncio.Event()
        self.metrics.watch(lambda: self.running, lambda: self.live, lambda: self.engine.waiting)

    @property
    def busy(self) -> bool:
        return self.running > 0 or self.live > 0

    @property
    def is_full(self) -> bool:
        return self.running >= self.settings.limits.requests

    @contextmanager
    def transcription(self) -> Iterator[None]:
        """One of the requests that may be at once.

        Raises:
            RefusedError: there are as many as may be, or the server is stopping (503).
        """
        if self.stopping.is_set():
            raise stopping()
        if self.is_full:
            raise full(f"{self.running} requests are under way, and no more may be at once", AGAIN)
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1

    @contextmanager
    def live_session(self) -> Iterator[None]:
        """One of the live connections that may be at once; errors are those of `transcription`."""
        if self.stopping.is_set():
            raise stopping()
        if self.live >= self.settings.limits.live:
            raise full(f"{self.live} live connections are open, and no more may be at once", AGAIN)
        self.live += 1
        try:
            yield
        finally:
            self.live -= 1

    def close(self) -> None:
        """Ends the threads; what is under way is lost."""
        self.engine.stop()
        self.live_threads.shutdown(wait=True, cancel_futures=True)
