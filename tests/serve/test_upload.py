"""Forms, whole and broken, in whatever chunks they come."""

import asyncio
import itertools
import tempfile
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request

from asr.serve.refusal import RefusedError
from asr.serve.settings import Limits
from asr.serve.upload import FIELDS, IN_MEMORY, TEXT, Form, clean_name, read_form

KIND = ("content-type", "multipart/form-data; boundary=here")


def part(name: str, body: bytes, filename: str | None = None) -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    head = f'--here\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + body + b"\r\n"


END = b"--here--\r\n"


def read(
    chunks: Sequence[bytes | None], *headers: tuple[str, str], limits: Limits | None = None, pause: float = 0
) -> Form:
    """None among the chunks: the client hangs up; `pause` seconds before each."""
    coming = iter(chunks)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        chunk = next(coming, b"")
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": chunk != b""}

    raw = [(name.encode(), value.encode()) for name, value in (headers or (KIND,))]
    request = Request({"type": "http", "method": "POST", "path": "/", "headers": raw}, receive)
    return asyncio.run(read_form(request, limits or Limits()))


def refused(chunks: Sequence[bytes | None], *headers: tuple[str, str], **more: Any) -> tuple[int, str]:
    with pytest.raises(RefusedError) as found:
        read(chunks, *headers, **more)
    return found.value.status, found.value.code


@given(st.binary(min_size=1, max_size=300), st.text(max_size=20), st.lists(st.integers(1, 40), max_size=20))
def test_any_content_comes_through_in_any_chunks(file: bytes, value: str, cuts: list[int]) -> None:
    if b"\r\n--here" in b"\r\n" + file:
        return
    body = part("prompt", value.encode("utf-8", "replace")) + part("file", file, "a.wav") + END
    places = sorted({min(sum(cuts[: n + 1]), len(body)) for n in range(len(cuts))} | {0, len(body)})
    chunks = [body[start:stop] for start, stop in itertools.pairwise(places) if stop > start]
    form = read(chunks)
    form.file.seek(0)
    assert form.file.read() == file
    assert (form.size, form.name) == (len(file), "a.wav")
    assert form.fields == [("prompt", value.encode("utf-8", "replace").decode())]
    form.close()


def test_a_large_file_goes_to_disk_without_a_name(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    file = bytes(range(256)) * (IN_MEMORY // 256 + 1)
    body = part("file", file, "a.wav") + END
    form = read([body[at : at + 65_536] for at in range(0, len(body), 65_536)])
    assert list(tmp_path.iterdir()) == []  # there is none to be left behind
    form.file.seek(0)
    assert form.file.read() == file
    form.close()


def test_what_is_no_form_with_a_file() -> None:
    whole = part("file", b"sound", "a.wav")
    assert refused([whole + END], ("content-type", "audio/wav")) == (415, "media_type_unsupported")
    assert refused([whole + END], ("content-type", "multipart/form-data")) == (400, "form_broken")
    assert refused([whole + END], KIND, ("content-encoding", "gzip")) == (415, "encoding_unsupported")
    assert refused([whole]) == (400, "form_broken")
    assert refused([whole[:-9]]) == (400, "form_broken")
    assert refused([b"nothing of it"]) == (400, "form_broken")
    assert refused([b""]) == (400, "form_broken")
    assert refused([END]) == (400, "file_missing")
    assert refused([part("model", b"m") + END]) == (400, "file_missing")
    assert refused([part("sound", b"sound", "a.wav") + END]) == (400, "file_missing")
    assert refused([part("file", b"", "a.wav") + END]) == (400, "audio_empty")
    assert refused([whole + whole + END]) == (400, "form_broken")
    assert refused([whole.replace(b"name=", b"nome=") + END]) == (400, "form_broken")
    assert refused([whole + END], ("content-type", f"multipart/form-data; boundary={'b' * 999}"))[0] == 400


def test_how_much_may_come() -> None:
    small = Limits(megabytes=0.001)
    body = part("file", bytes(2000), "a.wav") + END
    assert refused([body], limits=small) == (413, "file_too_large")
    # What is declared is not read: nothing comes here at all.
    assert refused([None], KIND, ("content-length", "1001"), limits=small) == (413, "file_too_large")
    fields = [part(f"f{number}", b"") for number in range(FIELDS + 1)]
    assert refused([*fields, END]) == (400, "form_too_large")
    assert refused([part("prompt", bytes(TEXT + 1)), END]) == (400, "form_too_large")


def test_how_long_it_may_take() -> None:
    body = part("file", b"sound", "a.wav") + END
    assert refused([body], pause=0.2, limits=Limits(idle_time=0.05)) == (408, "upload_too_slow")
    bytewise = [bytes([byte]) for byte in body]
    assert refused(bytewise, pause=0.01, limits=Limits(upload_time=0.1)) == (408, "upload_too_slow")


def test_a_client_that_hangs_up() -> None:
    with pytest.raises(ClientDisconnect):
        read([part("file", b"so", "a.wav")[:-4], None])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\sounds\\talk.wav", "talk.wav"),
        ("a\0b\nc\x1b[31m.wav", "abc[31m.wav"),
        ("\u202egpj.exe", "gpj.exe"),
        ("Gespräch 1.wav", "Gespräch 1.wav"),
        ("/", "audio"),
        ("", "audio"),
        ("x" * 500, "x" * 120),
    ],
)
def test_names_of_files_are_shown_clean(name: str, shown: str) -> None:
    assert clean_name(name) == shown
