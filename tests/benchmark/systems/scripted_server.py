"""A server that does what it is told, request after request: refuses, answers nonsense, stops halfway, is slow."""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Does:
    """What becomes of one request."""

    status: int = 200
    body: bytes = b'{"text": "yes"}'
    headers: dict[str, str] = field(default_factory=dict)
    never: bool = False  # is anything sent, until the test is over
    crowd: int = 1  # requests that must be here before anything is sent
    cut: int = 0  # bytes of the body that are promised and not sent
    drips: float = 0.0  # seconds between two bytes of the body
    hangs_up: bool = False  # without a word


@dataclass
class Scripted:
    """The server, and what was asked of it."""

    address: str = ""
    script: list[Does] = field(default_factory=list)  # for transcriptions; the last one stays
    models: Does = Does(404, b"{}")
    forms: list[dict[str, bytes]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    together: int = 0  # requests at the same time, at the most
    over: threading.Event = field(default_factory=threading.Event)  # nobody waits for answers any more


def parts_of(kind: str, body: bytes) -> dict[str, bytes]:
    """Fields of a multipart form, read by the standard library's reader of mails."""
    message: Any = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    return {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        for part in message.iter_parts()
    }


@contextlib.contextmanager
def scripted(*script: Does, models: Does | None = None) -> Iterator[Scripted]:
    """Runs it in threads of this process."""
    told = Scripted(script=list(script) or [Does()])
    told.models = models or told.models
    busy, lock, came = [0], threading.Lock(), threading.Condition()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            with lock:
                told.connections += 1

        def do_GET(self) -> None:
            told.headers.append(dict(self.headers))
            self._do(told.models)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                busy[0] += 1
                told.together = max(told.together, busy[0])
                told.headers.append(dict(self.headers))
                told.forms.append(parts_of(self.headers["Content-Type"], body))
                does = told.script.pop(0) if len(told.script) > 1 else told.script[0]
            with came:
                came.notify_all()
                came.wait_for(lambda: told.together >= does.crowd, 60)
            try:
                self._do(does)
            finally:
                with lock:
                    busy[0] -= 1

        def _do(self, does: Does) -> None:
            if does.never:
                told.over.wait()
            if does.hangs_up or does.never:
                self.close_connection = True
                return
            self.send_response(does.status)
            for name, value in ({"Content-Length": str(len(does.body) + does.cut)} | does.headers).items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for each in [does.body] if not does.drips else [bytes([byte]) for byte in does.body]:
                    self.wfile.write(each)
                    self.wfile.flush()
                    if does.drips and told.over.wait(does.drips):
                        break
            if does.cut:
                self.close_connection = True

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.address = f"http://127.0.0.1:{server.server_address[1]}/v1"
    running = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    running.start()
    try:
        yield told
    finally:
        told.over.set()
        server.shutdown()
        server.server_close()
        running.join()


def models(*described: dict[str, Any]) -> Does:
    """A list of models."""
    return Does(body=json.dumps({"object": "list", "data": list(described)}).encode())
