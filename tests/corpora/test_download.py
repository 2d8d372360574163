"""Downloads from a server on this machine that breaks off, lies and changes its mind."""

import gzip
import hashlib
import os
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asr.corpora import download
from asr.corpora.download import fetch
from asr.corpora.reading import CorpusSource
from asr.errors import CorpusError

ARCHIVE = gzip.compress(os.urandom(100_000))
OTHER = gzip.compress(os.urandom(100_000))


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE", 0.0)


@pytest.fixture
def get(tmp_path: Path) -> Callable[..., bytes]:
    """Fetches from addresses and gives back what is in the archive."""

    def get(*urls: str, sha256: str | None = None) -> bytes:
        source = CorpusSource("corpus.tar.gz", urls, sha256)
        return fetch(source, tmp_path / "cache", lambda *_: None, Path.read_bytes)

    return get


def parts(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache").glob("*.part"))


def test_download_once(mirrors: Any, tmp_path: Path) -> None:
    source = CorpusSource(
        "corpus.tar.gz", (mirrors.serve("a", ARCHIVE),), hashlib.sha256(ARCHIVE).hexdigest()
    )
    told: list[tuple[str, int, int]] = []
    for _ in range(2):
        assert fetch(source, tmp_path, lambda *news: told.append(news), Path.read_bytes) == ARCHIVE
    assert len(mirrors.requests) == 1
    assert told[-1] == ("download corpus.tar.gz", len(ARCHIVE), len(ARCHIVE))
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["corpus.tar.gz"]


def test_resumes_after_a_broken_transfer(mirrors: Any, get: Callable[..., bytes]) -> None:
    assert get(mirrors.serve("a", ARCHIVE, break_after=[60_000, 20_000])) == ARCHIVE
    assert mirrors.requests == [("/a", None), ("/a", "bytes=60000-"), ("/a", "bytes=80000-")]


def test_resumes_in_a_later_call(mirrors: Any, get: Callable[..., bytes], tmp_path: Path) -> None:
    url = mirrors.serve("a", ARCHIVE, break_after=[60_000, 0, 0, 0])
    with pytest.raises(CorpusError, match=r"broken off after 60000 of \d+ bytes \(4 tries in a row"):
        get(url)
    assert [part.stat().st_size for part in parts(tmp_path)] == [60_000]
    mirrors.requests.clear()
    assert get(url) == ARCHIVE
    assert mirrors.requests == [("/a", "bytes=60000-")]
    assert parts(tmp_path) == []


def test_resumes_by_date_when_there_is_no_etag(mirrors: Any, get: Callable[..., bytes]) -> None:
    date = "Sun, 22 Nov 2026 01:00:00 GMT"
    assert get(mirrors.serve("a", ARCHIVE, etag='W/"weak"', date=date, break_after=[60_000])) == ARCHIVE
    assert mirrors.requests[1] == ("/a", "bytes=60000-")


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_starts_again_when_the_rest_could_be_of_another_file(
    mirrors: Any, get: Callable[..., bytes], etag: str | None
) -> None:
    assert get(mirrors.serve("a", ARCHIVE, etag=etag, break_after=[60_000])) == ARCHIVE
    assert mirrors.requests == [("/a", None), ("/a", None)]


def test_server_without_range_support(mirrors: Any, get: Callable[..., bytes]) -> None:
    assert get(mirrors.serve("a", ARCHIVE, ranges=False, break_after=[60_000])) == ARCHIVE
    assert mirrors.requests == [("/a", None), ("/a", "bytes=60000-")]


@pytest.mark.parametrize("heeds_if_range", [True, False])
def test_file_that_changed_before_the_resume(
    mirrors: Any, get: Callable[..., bytes], heeds_if_range: bool
) -> None:
    url = mirrors.serve("a", ARCHIVE, break_after=[60_000, 0, 0, 0])
    with pytest.raises(CorpusError):
        get(url)
    mirrors.serve("a", OTHER, etag='"2"', heeds_if_range=heeds_if_range)
    assert get(url) == OTHER


def test_file_that_became_shorter(mirrors: Any, get: Callable[..., bytes]) -> None:
    url = mirrors.serve("a", ARCHIVE, break_after=[60_000, 0, 0, 0])
    with pytest.raises(CorpusError):
        get(url)
    mirrors.serve("a", OTHER[:50_000], heeds_if_range=False)
    assert get(url) == OTHER[:50_000]


def test_whole_part_that_was_not_renamed(
    mirrors: Any, get: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = mirrors.serve("a", ARCHIVE)
    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(download, "_check", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        get(url)
    assert get(url) == ARCHIVE
    assert mirrors.requests == [("/a", None), ("/a", f"bytes={len(ARCHIVE)}-")]


def test_second_mirror(mirrors: Any, get: Callable[..., bytes], tmp_path: Path) -> None:
    broken = mirrors.serve("broken", ARCHIVE, break_after=[60_000, 0, 0, 0])
    assert get(f"{mirrors.address}/none", broken, mirrors.serve("b", ARCHIVE)) == ARCHIVE
    assert parts(tmp_path) == []


def test_wrong_sha256(mirrors: Any, get: Callable[..., bytes], tmp_path: Path) -> None:
    sha256 = hashlib.sha256(ARCHIVE).hexdigest()
    with pytest.raises(
        CorpusError, match=f"/a: SHA-256 is {hashlib.sha256(OTHER).hexdigest()}, published is {sha256}"
    ):
        get(mirrors.serve("a", OTHER), sha256=sha256)
    assert not (tmp_path / "cache" / "corpus.tar.gz").exists()
    assert parts(tmp_path) == []  # there is no use in resuming it
    assert get(f"{mirrors.address}/a", mirrors.serve("b", ARCHIVE), sha256=sha256) == ARCHIVE


def test_archive_in_the_cache_that_is_not_the_published_one(mirrors: Any, get: Callable[..., bytes]) -> None:
    assert get(mirrors.serve("a", OTHER)) == OTHER
    assert get(mirrors.serve("a", ARCHIVE), sha256=hashlib.sha256(ARCHIVE).hexdigest()) == ARCHIVE


@pytest.mark.parametrize("length", [True, False])
def test_mirror_that_sends_without_end(mirrors: Any, tmp_path: Path, length: bool) -> None:
    url = mirrors.serve("a", ARCHIVE + bytes(10 * download.BLOCK), length=length)
    sent: list[int] = []
    source = CorpusSource("corpus.tar.gz", (url, mirrors.serve("b", ARCHIVE)), most=len(ARCHIVE))
    fetched = fetch(source, tmp_path, lambda _what, done, _total: sent.append(done), Path.read_bytes)
    assert fetched == ARCHIVE
    assert max(sent) <= len(ARCHIVE) + download.BLOCK
    with pytest.raises(
        CorpusError, match=rf"/a: sends \d+ bytes or more; the archive has {len(ARCHIVE)} at most"
    ):
        fetch(
            CorpusSource("other.tar.gz", (url,), most=len(ARCHIVE)),
            tmp_path,
            lambda *_: None,
            Path.read_bytes,
        )
    assert not list(tmp_path.glob("*.part*"))


def test_all_mirrors_fail(mirrors: Any, get: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    really = urllib.request.urlopen

    def impatient(request: urllib.request.Request, timeout: float) -> Any:
        return really(request, timeout=0.1 if request.full_url.endswith("/dumb") else timeout)

    monkeypatch.setattr(urllib.request, "urlopen", impatient)
    urls = (
        mirrors.serve("gone", status=404),
        mirrors.serve("busy", status=503),
        mirrors.serve("page", b"<html>please log in</html>"),
        mirrors.serve("dumb", stall=True),
        "http://127.0.0.1:9/closed",
    )
    with pytest.raises(CorpusError) as caught:
        get(*urls)
    first, *reasons, advice = str(caught.value).splitlines()
    assert first == "corpus.tar.gz could not be had from any of its addresses:"
    assert [reason.strip().partition(": ")[0] for reason in reasons] == list(urls)
    assert "HTTP 404 Not Found" in reasons[0]
    assert "HTTP 503 Service Unavailable (4 tries" in reasons[1]
    assert "no archive" in reasons[2]
    assert "timed out" in reasons[3]
    assert "refused" in reasons[4]
    assert "--corpus PATH" in advice


def test_contents_that_are_not_right(mirrors: Any, tmp_path: Path) -> None:
    def use(archive: Path) -> bytes:
        if archive.read_bytes() == OTHER:
            raise CorpusError("twelve transcripts are missing")
        return archive.read_bytes()

    urls = mirrors.serve("a", OTHER), mirrors.serve("b", ARCHIVE)
    assert fetch(CorpusSource("corpus.tar.gz", urls), tmp_path, lambda *_: None, use) == ARCHIVE
    with pytest.raises(CorpusError, match="/a: twelve transcripts are missing"):
        fetch(CorpusSource("other.tar.gz", urls[:1]), tmp_path, lambda *_: None, use)
    assert not (tmp_path / "other.tar.gz").exists()


def test_full_disk_is_no_fault_of_the_archive(mirrors: Any, tmp_path: Path) -> None:
    def use(archive: Path) -> None:
        raise OSError(28, "No space left on device", str(archive))

    with pytest.raises(OSError, match="No space left"):
        fetch(CorpusSource("corpus.tar.gz", (mirrors.serve("a", ARCHIVE),)), tmp_path, lambda *_: None, use)
    assert (tmp_path / "corpus.tar.gz").read_bytes() == ARCHIVE
