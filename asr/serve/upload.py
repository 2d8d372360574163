"""An upload as it arrives: multipart/form-data with one file, streamed to a temporary file that has no name.

Size and time are checked while it comes. The file is gone when it is closed, and when the process ends in any way.
"""

import asyncio
import errno
import tempfile
import unicodedata
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, cast

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from asr.serve.refusal import RefusedError, full, invalid
from asr.serve.settings import Limits

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

IN_MEMORY = 1 << 20  # bytes of a file; what is larger goes to disk
FIELDS = 64  # in a form
TEXT = 1 << 16  # bytes of all fields that are no file, names and all
DRAINING = 2.0  # seconds
NAME = 120  # characters of a file's name
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass
class Form:
    """What was in the form. Whoever has it closes it."""

    file: BinaryIO  # at any place
    fields: list[tuple[str, str]] = field(default_factory=list)
    name: str | None = None  # of the file; None: there was none
    size: int = 0  # bytes of the file

    def close(self) -> None:
        self.file.close()


async def read_form(request: Request, limits: Limits) -> Form:
    """Reads the form of a request.

    Raises:
        RefusedError: too large (413), too slow (408), no form with a file (400, 415), no room for it (503).
        ClientDisconnect: whoever sent it has gone.
    """
    boundary = _boundary(request)
    _check_length(request, limits)
    form = Form(cast(BinaryIO, tempfile.SpooledTemporaryFile(IN_MEMORY)))  # noqa: SIM115  # closed by whoever gets it
    try:
        await _read_into(form, boundary, request, limits)
        if form.name is None:
            raise invalid(
                "no file in the form: send the audio as the form's field `file`", "file", "file_missing"
            )
        if form.size == 0:
            raise invalid(f"{form.name}: the file is empty (0 bytes)", "file", "audio_empty")
    except BaseException:
        form.close()
        raise
    return form


async def _read_into(form: Form, boundary: bytes, request: Request, limits: Limits) -> None:
    parts = _Parts(form)
    arrived = 0
    try:
        parser = MultipartParser(boundary, parts.callbacks)
        async for chunk in _chunks(request, limits):
            arrived += len(chunk)
            if arrived > limits.bytes:
                raise too_large(limits)
            parser.write(chunk)
            if parts.waiting:
                await _write(form, parts.taken())
    except (FormParserError, UnicodeDecodeError):
        message = "the body is no multipart/form-data with the boundary that its header names"
        raise invalid(message, code="form_broken") from None
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise full("the server has no room for an upload of this size at present", 30) from None
    if not parts.ended:
        raise invalid("the form is cut off: its last boundary is missing", code="form_broken")


async def _write(form: Form, block: bytes) -> None:
    """In a thread, unless it goes to memory."""
    form.size += len(block)
    if form.size <= IN_MEMORY:
        form.file.write(block)
    else:
        await asyncio.to_thread(form.file.write, block)


async def _chunks(request: Request, limits: Limits) -> AsyncIterator[bytes]:
    """The body, block after block, within the time that it may take."""
    loop = asyncio.get_running_loop()
    end = loop.time() + limits.upload_time
    more = True
    while more:
        try:
            async with asyncio.timeout(min(limits.idle_time, max(0.0, end - loop.time()))):
                message = await request.receive()
        except TimeoutError:
            most = f"{limits.upload_time:g} s, {limits.idle_time:g} s without a byte"
            slow = f"the upload did not arrive in time (at most {most})"
            raise RefusedError(408, slow, "upload_too_slow", headers={"Connection": "close"}) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        more = message.get("more_body", False)
        yield message.get("body", b"")


def too_large(limits: Limits) -> RefusedError:
    """413, for an upload."""
    allowed = f"the upload is larger than the {limits.megabytes:g} MB that this server takes"
    return RefusedError(413, allowed, "file_too_large", param="file", headers={"Connection": "close"})


def _check_length(request: Request, limits: Limits) -> None:
    """What is declared to be too large is not read at all."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.bytes:
        raise too_large(limits)


def _boundary(request: Request) -> bytes:
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        message = "a compressed body is not taken: send the form as it is, without Content-Encoding"
        raise RefusedError(415, message, "encoding_unsupported", headers={"Accept-Encoding": "identity"})
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        message = "the body has to be multipart/form-data with the audio as its field `file`"
        raise RefusedError(415, message, "media_type_unsupported")
    if not options.get(b"boundary"):
        raise invalid("the Content-Type names no boundary", code="form_broken")
    return options[b"boundary"]


class Body:
    """What a request still has to send. Who closes a connection before it has come makes the client miss the answer."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._more = receive, True

    async def receive(self) -> Message:
        """As ASGI has it."""
        message = await self._receive()
        self._more = self._more and bool(message.get("more_body", False))
        return message

    async def drain(self) -> None:
        """Reads what is left and throws it away; not for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAINING):
                while self._more:
                    await self.receive()


class _Parts:
    """Puts together what the parser says of a form."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._headers: dict[bytes, bytes] = {}
        self._header, self._value = b"", b""
        self._field = ""  # the name of the field that is read now
        self._is_file = False
        self._text = bytearray()
        self._total = 0  # bytes of texts and names
        self.waiting = bytearray()  # of the file, to be written
        self.ended = False

    @property
    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._add_header,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._name,
            "on_part_data": self._add,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def taken(self) -> bytes:
        block = bytes(self.waiting)
        self.waiting.clear()
        return block

    def _begin(self) -> None:
        self._headers, self._text = {}, bytearray()
        if len(self._form.fields) >= FIELDS:
            raise invalid(f"more than {FIELDS} fields in the form", code="form_too_large")

    def _add_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._count(len(self._header) + len(self._value))
        self._headers[self._header.lower()] = self._value
        self._header, self._value = b"", b""

    def _name(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b"").decode("latin-1"))
        if b"name" not in options:
            raise invalid("a part of the form has no name in its Content-Disposition", code="form_broken")
        self._field = _decoded(options[b"name"])
        self._is_file = b"filename" in options
        if not self._is_file:
            return
        if self._field != "file":
            raise invalid("a file in another field; the audio is sent as `file`", "file", "file_missing")
        if self._form.name is not None:
            raise invalid("more than one file in the form; send one a request", "file", "form_broken")
        self._form.name = clean_name(_decoded(options[b"filename"]))

    def _add(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.waiting += data[start:end]
        else:
            self._count(end - start)
            self._text += data[start:end]

    def _end_part(self) -> None:
        if not self._is_file:
            self._form.fields.append((self._field, _decoded(bytes(self._text))))

    def _end(self) -> None:
        self.ended = True

    def _count(self, size: int) -> None:
        self._total += size
        if self._total > TEXT:
            raise invalid(f"more than {TEXT} bytes in the form beside the file", code="form_too_large")


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def clean_name(name: str) -> str:
    """A file's name as it can be shown: without folders, and without what is no printed character."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(char for char in last if unicodedata.category(char)[0] != "C").strip()
    return shown[:NAME] or "audio"
