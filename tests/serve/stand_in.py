"""A stand-in for `asr serve`: the page and the endpoints that it asks, with an answer that the test has written.

What the words are and when they were said is then known, and what goes wrong is what the test wants to go wrong.
"""

import json
import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

# As the server's own answers for the page have it; test_page_server.py asks that of the real one.
POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


Said = tuple[str, float, float, float | None]  # word, start, end (seconds), confidence


def answer_of(*lines: list[Said], duration: float) -> dict[str, Any]:
    """A verbose_json answer: a segment for each of these lists of words."""
    words = [word for line in lines for word in line]
    segments = []
    for number, some in enumerate(lines):
        segments.append(
            {
                "id": number,
                "start": some[0][1],
                "end": some[-1][2],
                "text": " ".join(word for word, *_ in some),
                "confidence": None,
            }
        )
    return {
        "task": "transcribe",
        "language": "und",
        "duration": duration,
        "text": " ".join(word for word, *_ in words),
        "segments": segments,
        "words": [{"word": w, "start": s, "end": e, "confidence": c} for w, s, e, c in words],
    }


@dataclass
class StandIn:
    """What it answers; tests change it. Uploads are kept as they came."""

    answer: dict[str, Any]
    status: int = 200
    message: str = ""
    retry_after: int | None = None
    token: str = ""
    models: tuple[str, ...] = ("small",)
    events: list[dict[str, Any]] = field(default_factory=list)  # before the answer
    go_on: threading.Event = field(default_factory=threading.Event)  # the answer waits for it
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self.go_on.set()


class Handler(BaseHTTPRequestHandler):
    stand_in: StandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path == "/v1/models":
            if self._known():
                self._json(200, {"data": [{"id": name} for name in self.stand_in.models]})
            return
        file = files("asr.serve") / "page" / (path.strip("/") or "index.html")
        if "/" in path[1:] or not file.is_file():
            self._json(404, {"error": {"message": f"there is no {path}"}})
            return
        kind = "text/javascript" if path.endswith(".js") else mimetypes.guess_type(path)[0] or "text/html"
        self._send(200, kind, file.read_bytes())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._known():
            return
        stand_in = self.stand_in
        stand_in.bodies.append(body)
        if stand_in.status != 200:
            self._json(stand_in.status, {"error": {"message": stand_in.message}})
            return
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for event in stand_in.events:
                self._event(event)
            stand_in.go_on.wait(20)
            self._event({"type": "transcript.text.done", **stand_in.answer})
        except ConnectionError:
            pass  # the page has cancelled

    def _event(self, event: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()

    def _known(self) -> bool:
        token = self.stand_in.token
        if not token or self.headers.get("Authorization") == f"Bearer {token}":
            return True
        self._json(401, {"error": {"message": "this server wants a token", "code": "invalid_api_key"}})
        return False

    def _json(self, status: int, tree: dict[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(tree).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        if self.stand_in.retry_after is not None and status in (429, 503):
            self.send_header("Retry-After", str(self.stand_in.retry_after))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def standing_in(answer: dict[str, Any]) -> Iterator[StandIn]:
    """A stand-in on a free port of this machine."""
    stand_in = StandIn(answer)
    handler = type("BoundHandler", (Handler,), {"stand_in": stand_in})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield stand_in
        finally:
            stand_in.go_on.set()
            server.shutdown()
            thread.join()
