"""What a server counts and measures, for Prometheus: numbers alone, no names of files and nothing that was said."""

import time
from collections.abc import Callable
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from starlette.responses import Response

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
PIECES = (1, 2, 4, 8, 16, 32)
KIND = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Of one server; two in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        disable_created_metrics()  # type: ignore[no-untyped-call]  # when each number was first set is of no use
        new: Any = {"registry": self.registry}
        self._requests = Counter("asr_requests", "Requests answered", ["route", "method", "status"], **new)
        self._seconds = Histogram(
            "asr_request_seconds",
            "From a request to the end of its answer",
            ["route"],
            buckets=SECONDS,
            **new,
        )
        self._audio = Counter("asr_audio_seconds", "Seconds of audio transcribed", ["model"], **new)
        self._batches = Histogram(
            "asr_batch_pieces", "Pieces of sound in a batch", ["model"], buckets=PIECES, **new
        )
        self._computing = Counter(
            "asr_computing_seconds", "Seconds in which batches were computed", ["model"], **new
        )
        self._running = Gauge("asr_requests_running", "Transcriptions under way", **new)
        self._live = Gauge("asr_live_sessions", "Live connections", **new)
        self._pieces = Gauge("asr_queue_pieces", "Pieces of sound that wait to be computed", **new)
        self._waiting = Gauge("asr_queue_seconds", "Seconds of sound that wait to be computed", **new)
        self._started = Gauge("asr_start_time_seconds", "When the server was started, since 1970", **new)
        self._started.set(time.time())
        ProcessCollector(registry=self.registry)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def audio(self, model: str, seconds: float) -> None:
        self._audio.labels(model).inc(seconds)

    def batch(self, model: str, pieces: int, seconds: float) -> None:
        """As asr.serve.engine.Engine tells it."""
        self._batches.labels(model).observe(pieces)
        self._computing.labels(model).inc(seconds)

    def watch(
        self, running: Callable[[], int], live: Callable[[], int], waiting: Callable[[], tuple[int, float]]
    ) -> None:
        """Asked whenever somebody looks."""
        self._running.set_function(running)
        self._live.set_function(live)
        self._pieces.set_function(lambda: waiting()[0])
        self._waiting.set_function(lambda: waiting()[1])

    def page(self) -> Response:
        return Response(generate_latest(self.registry), headers={"Content-Type": KIND})
