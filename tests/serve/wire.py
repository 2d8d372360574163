"""Forms and requests as plain bytes, and what may answer them."""

from dataclasses import dataclass

BOUNDARY = b"----fuzz"
LIMIT_MB, LIMIT_SECONDS = 2, 60  # of the server that is asked
GOOD, BAD, LARGE, NOT_FORM, BROKEN_HTTP = {200}, {400}, {413}, {400, 415}, {400, 0}


@dataclass(frozen=True)
class Case:
    """One upload."""

    kind: str
    request: bytes  # as it goes over the wire
    expected: frozenset[int]  # statuses; 0: the connection was closed without an answer
    hang_up: bool = False  # close the sending side when all is sent


def part(name: str, body: bytes, filename: str | bytes | None = None) -> bytes:
    head = b'Content-Disposition: form-data; name="' + name.encode() + b'"'
    if filename is not None:
        raw = filename if isinstance(filename, bytes) else filename.encode("utf-8", "surrogateescape")
        head += b'; filename="' + raw + b'"\r\nContent-Type: application/octet-stream'
    return b"--" + BOUNDARY + b"\r\n" + head + b"\r\n\r\n" + body + b"\r\n"


def form(file: bytes, filename: str | bytes = "a.wav", *more: bytes) -> bytes:
    return b"".join([*more, part("file", file, filename), b"--" + BOUNDARY + b"--\r\n"])


def request(body: bytes, *headers: bytes, length: int | None = None, kind: bytes | None = None) -> bytes:
    kind = b"multipart/form-data; boundary=" + BOUNDARY if kind is None else kind
    size = len(body) if length is None else length
    lines = [
        b"POST /v1/audio/transcriptions HTTP/1.1",
        b"Host: 127.0.0.1",
        b"Connection: close",
        b"Content-Type: " + kind,
        *headers,
    ]
    if not any(line.lower().startswith((b"transfer-encoding", b"content-length")) for line in headers):
        lines.append(b"Content-Length: %d" % size)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def case(kind: str, expected: set[int], body: bytes, content_type: bytes | None = None) -> Case:
    return Case(kind, request(body, kind=content_type), frozenset(expected))
