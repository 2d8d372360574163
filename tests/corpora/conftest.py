"""Small corpora in the layouts of the real ones, and a web server that misbehaves on order."""

import contextlib
import functools
import importlib
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.corpora import PreparedCorpus, prepare
from asr.randomness import numpy_generator

RATE = 16_000  # Hz


def noise(name: str, samples: int = 800) -> np.ndarray:
    """(samples,) int16, other for every name."""
    return numpy_generator(1, "mini-corpus", name).integers(-9000, 9000, samples).astype(np.int16)


def write_audio(path: Path, samples: np.ndarray, rate: int = RATE) -> None:
    """16-bit WAV, FLAC or NIST SPHERE, by the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix != ".sph":
        soundfile.write(path, samples, rate, subtype="PCM_16")
        return
    fields = (
        f"NIST_1A\n   1024\nchannel_count -i 1\nsample_count -i {len(samples)}\nsample_rate -i {rate}\n"
        "sample_n_bytes -i 2\nsample_byte_format -s2 01\nsample_sig_bits -i 16\nsample_coding -s3 pcm\nend_head\n"
    )
    path.write_bytes(fields.encode().ljust(1024) + samples.astype("<i2").tobytes())


def write_an4(
    parent: Path,
    *,
    suffix: str = ".sph",
    train: dict[str, str] | None = None,
    test: dict[str, str] | None = None,
    change: Callable[[str, np.ndarray], np.ndarray] = lambda name, samples: samples,
    line_end: str = "\n",
) -> Path:
    """A folder an4/ like the real one; `train` and `test` give the words of SPEAKER/ID."""
    words = {
        "train": train
        or {"fash/an251-fash-b": "YES", "fash/cen1-fash-b": "R U B", "mwhw/an7-mwhw-b": "GO ON"},
        "test": test or {"fcaw/an406-fcaw-b": "HELP", "mmxg/cen8-mmxg-b": "ONE TWO"},
    }
    root = parent / "an4"
    (root / "etc").mkdir(parents=True)
    for split, folder in (("train", "an4_clstk"), ("test", "an4test_clstk")):
        for name in words[split]:
            write_audio(root / "wav" / folder / f"{name}{suffix}", change(name, noise(name)))
        lines = [(f"{folder}/{name}", text, name.split("/")[1]) for name, text in words[split].items()]
        ids = [name for name, _, _ in lines]
        if split == "train":
            transcripts = [f"<s> {text} </s> ({id_})" for _, text, id_ in lines]
        else:  # in another order, without marks, without a last line end
            transcripts = [f"{text} ({id_})" for _, text, id_ in reversed(lines)]
        etc = root / "etc"
        (etc / f"an4_{split}.fileids").write_text("".join(f"{i}{line_end}" for i in ids), newline="")
        (etc / f"an4_{split}.transcription").write_text(line_end.join(transcripts), newline="")
    return root


def write_archive(path: Path, folder: Path, name: str) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, name)
    return path


@pytest.fixture(scope="session")
def real(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], PreparedCorpus]:
    """A real corpus by name, prepared once for all tests without regard to its lock file."""
    cache = tmp_path_factory.mktemp("real-corpora")

    @functools.cache
    def real(name: str) -> PreparedCorpus:
        return prepare(name, request.getfixturevalue(f"{name}_archive"), cache, check=False)

    return real


@pytest.fixture
def mini_an4() -> Callable[..., Path]:
    return write_an4


@pytest.fixture
def mini_audio() -> Callable[..., None]:
    return write_audio


@pytest.fixture
def mini_noise() -> Callable[..., np.ndarray]:
    return noise


@pytest.fixture
def packed() -> Callable[[Path, Path, str], Path]:
    return write_archive


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lock files are looked for here instead of in `data/`; at first there are none."""
    folder = tmp_path / "locks"
    folder.mkdir()
    module = importlib.import_module("asr.corpora.prepare")  # the package has a function of this name
    monkeypatch.setattr(module, "data_file", lambda name: folder / name)
    return folder


@pytest.fixture
def root(tmp_path: Path, mini_an4: Callable[..., Path]) -> Path:
    return mini_an4(tmp_path / "given")


@pytest.fixture
def archive(tmp_path: Path, root: Path, packed: Callable[..., Path]) -> Path:
    return packed(tmp_path / "an4_mini.tar.gz", root, "an4")


@pytest.fixture
def get(tmp_path: Path, locks: Path) -> Callable[..., PreparedCorpus]:
    """`prepare` of an AN4 whose lock file is in `locks`."""
    assert not any(locks.iterdir())
    return lambda source, **settings: prepare("an4", source, tmp_path / "cache", **settings)


@dataclass
class Reply:
    """What the server does with a request for one path."""

    contents: bytes = b""
    etag: str | None = '"1"'
    date: str | None = None
    status: int = 200
    ranges: bool = True  # answers Range requests
    heeds_if_range: bool = True
    break_after: list[int] = field(default_factory=list)  # bytes sent before closing, request by request
    stall: bool = False  # says nothing at all
    length: bool = True  # says how much will come


@dataclass
class Mirrors:
    """A running server."""

    address: str
    replies: dict[str, Reply] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # path, Range
    finish: threading.Event = field(default_factory=threading.Event)

    def serve(self, name: str, contents: bytes = b"", **settings: object) -> str:
        """Sets what NAME answers, and gives back its address."""
        self.replies[f"/{name}"] = Reply(contents, **settings)  # type: ignore[arg-type]
        return f"{self.address}/{name}"


class Handler(BaseHTTPRequestHandler):
    def __init__(self, mirrors: Mirrors, *arguments: object) -> None:
        self.mirrors = mirrors
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.mirrors.requests.append((self.path, wanted))
        reply = self.mirrors.replies.get(self.path, Reply(status=404))
        self.close_connection = True
        if reply.stall:
            self.mirrors.finish.wait(10)
            return
        if reply.status != 200:
            self.send_error(reply.status)
            return
        start = self._start(reply, wanted)
        if start >= len(reply.contents) > 0:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(reply.contents)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            end = len(reply.contents)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        if reply.length:
            self.send_header("Content-Length", str(len(reply.contents) - start))
        for header, value in (("ETag", reply.etag), ("Last-Modified", reply.date)):
            if value is not None:
                self.send_header(header, value)
        self.end_headers()
        stop = start + reply.break_after.pop(0) if reply.break_after else len(reply.contents)
        with contextlib.suppress(ConnectionError):  # whom it is too much hangs up
            self.wfile.write(reply.contents[start:stop])

    def _start(self, reply: Reply, wanted: str | None) -> int:
        if not wanted or not reply.ranges:
            return 0
        if reply.heeds_if_range and self.headers["If-Range"] not in (reply.etag, reply.date):
            return 0
        return int(wanted.removeprefix("bytes=").removesuffix("-"))

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def mirrors() -> Iterator[Mirrors]:
    """A web server on this machine; nothing is served until it is told to."""
    state = Mirrors("")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, state))
    server.daemon_threads = True
    state.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield state
    state.finish.set()
    server.shutdown()
    server.server_close()
    thread.join()
