"""Downloading an archive from the first mirror that delivers it, going on where a transfer broke off."""

import hashlib
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from asr.corpora.archive import archive_kind
from asr.corpora.cache import exclusive, fsync
from asr.corpora.reading import CorpusSource, OtherCorpusError, Progress
from asr.errors import CorpusError
from asr.files import sha256_file, write_json

TIMEOUT = 30.0  # seconds without a byte before a mirror is given up
TRIES = 4  # of a mirror in a row that bring nothing new
PAUSE = 1.0  # seconds before trying again; doubled each time
BLOCK = 1 << 18  # bytes
AGAIN = (416, 429, 500, 502, 503, 504)  # HTTP status codes after which another try may help

Result = TypeVar("Result")


class _MirrorError(Exception):
    """Why this mirror is given up."""


class _BrokenOffError(Exception):
    """The transfer stopped early; trying again may help."""


def fetch(source: CorpusSource, cache: Path, progress: Progress, use: Callable[[Path], Result]) -> Result:
    """Downloads the archive into `cache`, unless it is there, and gives back `use(archive)`.

    Mirrors are tried in turn. What arrived stays in a `.part` file of that mirror, and a later call (also of
    another process) asks only for the rest, provided that the mirror says by ETag or date that its file is
    still the same. The archive appears whole or not at all, checked against its SHA-256 where one is
    published. `use` raises CorpusError for contents that are not right; the archive is then dropped and the
    next mirror tried. Only the last one that was read to its end, but is another corpus, is kept when no mirror
    has the right one: it can be looked at, and used by who does not mind.

    Raises:
        CorpusError: every mirror failed; the message names each with its reason.
        OSError: no space or no permission in `cache`.
    """
    target = cache / source.archive
    other = target.with_name(f"{target.name}.other.part")
    reasons: list[str] = []
    with exclusive(target):
        for origin in (None, *source.urls):
            if origin is None and not target.exists():
                continue
            try:
                if origin is None:
                    _check(target, source)
                else:
                    _download(origin, target, source, progress)
                result = use(target)
            except OtherCorpusError as error:
                target.replace(other)
                reasons.append(f"{origin or f'{target} (downloaded earlier)'}: {error}")
            except (CorpusError, _MirrorError) as error:
                target.unlink(missing_ok=True)
                reasons.append(f"{origin or f'{target} (downloaded earlier)'}: {error}")
            else:
                for left in cache.glob(f"{source.archive}.*.part*"):
                    left.unlink()
                return result
        if kept := other.exists():
            other.replace(target)
    raise CorpusError(_failure(source, reasons, target if kept else None))


def _failure(source: CorpusSource, reasons: list[str], kept: Path | None) -> str:
    lines = [
        f"{source.archive} could not be had from any of its addresses:",
        *(f"  {why}" for why in reasons),
    ]
    if kept:
        lines.append(
            f"The last one that could be read is kept as {kept}; `--any-corpus` uses it as it is, and the record "
            f"will say so"
        )
    lines.append(
        "Fetch the corpus in another way and name the archive or its unpacked folder with `--corpus PATH`"
    )
    return "\n".join(lines)


@dataclass
class _Part:
    """What has arrived from one mirror, and the mark by which that mirror knows its file."""

    path: Path
    whole: bool = False

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def _mark_file(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    @property
    def mark(self) -> str | None:
        """ETag or date for If-Range; None when the rest cannot safely be asked for."""
        try:
            mark = json.loads(self._mark_file.read_text(encoding="utf-8"))["mark"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return mark if isinstance(mark, str) else None

    def start(self, mark: str | None) -> None:
        """Empties the file first, so that bytes never lie beside a mark that is not theirs."""
        self.path.write_bytes(b"")
        write_json(self._mark_file, {"mark": mark})

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self._mark_file.unlink(missing_ok=True)


def _download(url: str, target: Path, source: CorpusSource, progress: Progress) -> None:
    part = _Part(target.with_name(f"{target.name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}.part"))
    tries, most = 0, part.size
    while not part.whole:
        try:
            _transfer(
                url, part, source.most, lambda done, total: progress(f"download {target.name}", done, total)
            )
        except _BrokenOffError as error:
            tries, most = (1, part.size) if part.size > most else (tries + 1, most)
            if tries == TRIES:
                raise _MirrorError(f"{error} ({TRIES} tries in a row without more)") from None
            time.sleep(PAUSE * 2 ** (tries - 1))
    try:
        _check(part.path, source)
    except _MirrorError:
        part.drop()
        raise
    fsync(part.path)
    part.path.replace(target)
    part.drop()  # what is left of it: the mark
    fsync(target.parent)


def _transfer(url: str, part: _Part, most: int, report: Callable[[int, int], None]) -> None:
    """One request; sets `part.whole` when everything has arrived."""
    request = urllib.request.Request(url, headers={"User-Agent": "attest-asr", "Accept-Encoding": "identity"})
    offset, mark = part.size, part.mark
    if offset and mark:
        request.add_header("Range", f"bytes={offset}-")
        request.add_header("If-Range", mark)
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and error.headers.get("Content-Range") == f"bytes */{offset}":
            part.whole = True  # only the renaming was missing
            return
        if error.code == 416:
            part.drop()
        reason = f"HTTP {error.code} {error.reason}"
        raise (_BrokenOffError if error.code in AGAIN else _MirrorError)(reason) from None
    except urllib.error.URLError as error:
        raise _MirrorError(_words(error.reason)) from None
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOffError(_words(error)) from None
    with response:
        _receive(response, part, offset, most, report)


def _receive(
    response: http.client.HTTPResponse,
    part: _Part,
    offset: int,
    most: int,
    report: Callable[[int, int], None],
) -> None:
    if response.status == 206:
        if not _continues(response, part.mark, offset):
            part.drop()
            raise _BrokenOffError(f"the rest that it sent does not go on from byte {offset} of the same file")
    else:  # the whole file: ours is new, theirs has changed, or they cannot send a part of it
        offset = 0
        part.start(_mark(response))
    length = response.headers.get("Content-Length", "")
    total = offset + int(length) if length.isdecimal() else 0
    with part.path.open("ab") as out:
        while total <= most and offset <= most and (block := _read(response)):
            out.write(block)
            offset += len(block)
            report(offset, total)
    if max(offset, total) > most:
        part.drop()
        raise _MirrorError(f"sends {max(offset, total)} bytes or more; the archive has {most} at most")
    if offset < total:
        raise _BrokenOffError(f"broken off after {offset} of {total} bytes")
    part.whole = True


def _read(response: http.client.HTTPResponse) -> bytes:
    """A block. Only the network's errors become ours: a full disk is no fault of the mirror."""
    try:
        return response.read(BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOffError(_words(error)) from None


def _continues(response: http.client.HTTPResponse, mark: str | None, offset: int) -> bool:
    """Not every server heeds If-Range, so its answer is looked at too."""
    theirs = response.headers.get("ETag" if mark and mark.startswith('"') else "Last-Modified")
    starts_there = response.headers.get("Content-Range", "").startswith(f"bytes {offset}-")
    return starts_there and theirs in (None, mark)


def _mark(response: http.client.HTTPResponse) -> str | None:
    """A strong ETag, else the date; a weak ETag (`W/`) does not promise the same bytes."""
    etag = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return str(etag)
    return response.headers.get("Last-Modified")


def _check(path: Path, source: CorpusSource) -> None:
    if source.sha256 is not None:
        found = sha256_file(path)
        if found != source.sha256:
            raise _MirrorError(f"SHA-256 is {found}, published is {source.sha256}")
    elif source.md5 is not None:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if found != source.md5:
            raise _MirrorError(f"MD5 is {found}, published is {source.md5}")
    elif archive_kind(path) is None:
        raise _MirrorError("what it sent is no archive (a page that asks for a login, perhaps)")


def _words(error: object) -> str:
    return str(error) or type(error).__name__
