"""Shards at an address: lists first, each shard once and when it is needed, and nothing that is not proved."""

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from asr import remote_file
from asr.audio import read_audio
from asr.corpora import PreparedCorpus, keep_lock, prepare
from asr.corpora.shard_writer import write_shards
from asr.corpora.shards import address_of
from asr.errors import AudioError, CorpusError

SIZE = 30_720  # bytes
WORDS = {
    "train": {f"{speaker}/an{n}-{speaker}-b": f"WORD {n}" for speaker in ("fash", "mwhw") for n in range(6)},
    "test": {"fcaw/an406-fcaw-b": "HELP"},
}


@pytest.fixture
def corpus(
    tmp_path: Path, mini_an4: Callable[..., Path], mini_noise: Callable[..., np.ndarray]
) -> PreparedCorpus:
    folder = mini_an4(tmp_path / "files", change=lambda name, _: mini_noise(name, 4000), **WORDS)
    return prepare("an4", folder, tmp_path / "cache", check=False)


@pytest.fixture
def shards(tmp_path: Path, corpus: PreparedCorpus) -> Path:
    write_shards(corpus, tmp_path / "shards", SIZE, progress=lambda *_: None)
    return tmp_path / "shards"


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were asked for, in order; and no waiting between tries."""
    asked: list[str] = []
    opened = remote_file._open

    def _open(address: str) -> Any:
        asked.append(address.rpartition("/")[2])
        return opened(address)

    monkeypatch.setattr(remote_file, "_open", _open)
    monkeypatch.setattr(remote_file, "PAUSE", 0.0)
    return asked


@pytest.fixture
def memory(shards: Path) -> Iterator[Any]:
    """The shards in fsspec's memory, under memory://bucket/speech."""
    system = fsspec.filesystem("memory")
    for path in shards.iterdir():
        system.pipe(f"/bucket/speech/{path.name}", path.read_bytes())
    yield system
    system.rm("/bucket", recursive=True)


def get(address: str, cache: Path) -> PreparedCorpus:
    return prepare("shards", Path(address), cache, check=False)  # as argparse gives it


def heard(corpus: PreparedCorpus) -> list[list[float]]:
    return [read_audio(u.audio_filepath).samples.tolist() for part in corpus.splits.values() for u in part]


def test_same_corpus_and_each_shard_once(
    memory: Any, shards: Path, corpus: PreparedCorpus, tmp_path: Path, fetched: list[str]
) -> None:
    packed = get("memory://bucket/speech/", tmp_path / "far")
    assert (packed.locks, packed.source_name) == (corpus.locks, "speech")
    assert fetched == ["shards.json", "test.jsonl", "train.jsonl"]
    names = [path.name for path in sorted(shards.glob("*.tar"))]
    read_audio(packed.splits["train"][0].audio_filepath)
    assert fetched[3:] == ["train-000000.tar"]
    assert heard(packed) == heard(get(str(shards), tmp_path / "near")) == heard(packed)
    assert sorted(fetched[3:]) == names
    again = get("memory://bucket/speech", tmp_path / "far")
    heard(again)
    assert fetched[3 + len(names) :] == ["shards.json"]  # has anything changed?


def test_many_threads_fetch_a_shard_once(memory: Any, tmp_path: Path, fetched: list[str]) -> None:
    packed = get("memory://bucket/speech", tmp_path / "far")
    where = packed.splits["train"][0].audio_filepath
    threads = [threading.Thread(target=read_audio, args=(where,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fetched.count("train-000000.tar") == 1


def test_damaged_copy_is_fetched_again(memory: Any, tmp_path: Path, fetched: list[str]) -> None:
    packed = get("memory://bucket/speech", tmp_path / "far")
    before = heard(packed)
    copy = Path(packed.splits["train"][0].audio_filepath.partition("#")[0])
    copy.write_bytes(b"x" + copy.read_bytes()[1:])
    assert heard(packed) == before
    assert fetched.count(copy.name) == 2


def test_changed_corpus_has_a_folder_of_its_own(memory: Any, tmp_path: Path) -> None:
    first = get("memory://bucket/speech", tmp_path / "far")
    text = memory.cat("/bucket/speech/shards.json")
    memory.pipe("/bucket/speech/shards.json", text + b"\n")
    second = get("memory://bucket/speech", tmp_path / "far")
    places = [Path(item.splits["train"][0].audio_filepath).parent for item in (first, second)]
    assert places[0] != places[1]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            lambda system, path: system.pipe(path, b"x" + system.cat(path)[1:]),
            r"memory://bucket/speech/train-000000\.tar: what came is not the shard of shards\.json",
        ),
        (
            lambda system, path: system.pipe(path, system.cat(path)[:-512]),
            r"train-000000\.tar: what came is not the shard",
        ),
        (
            lambda system, path: system.pipe(path, system.cat(path) + b"x"),
            r"train-000000\.tar: has more bytes than its list says",
        ),
        (lambda system, path: system.rm(path), r"train-000000\.tar: there is no such file"),
    ],
)
def test_shard_that_is_not_the_one(
    memory: Any, tmp_path: Path, fetched: list[str], change: Callable[[Any, str], None], complaint: str
) -> None:
    packed = get("memory://bucket/speech", tmp_path / "far")
    first = packed.splits["train"][0].audio_filepath
    change(memory, "/bucket/speech/train-000000.tar")
    with pytest.raises(AudioError, match=complaint):
        read_audio(first)
    assert not Path(first.partition("#")[0]).exists()
    read_audio(packed.splits["test"][0].audio_filepath)  # the others are none the worse


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("memory://nowhere/x", r"memory://nowhere/x/shards\.json: there is no such file"),
        ("nonsense://x/y", r"nonsense://x/y/shards\.json: Protocol not known: nonsense"),
        ("http://localhost:1/x", r"http://localhost:1/x/shards\.json: ClientConnectorError: .* \(3 tries\)"),
    ],
)
def test_addresses_that_give_nothing(
    tmp_path: Path, fetched: list[str], address: str, complaint: str
) -> None:
    with pytest.raises(CorpusError, match=complaint):
        get(address, tmp_path)


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def import_module(name: str) -> None:
        raise ImportError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(remote_file, "import_module", import_module)
    with pytest.raises(
        CorpusError, match=r"s3://b/x/shards\.json: .*\(fsspec\); pip install 'attest-asr\[remote\]'"
    ):
        get("s3://b/x", tmp_path)


def test_other_corpora_come_from_this_machine(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match="s3://b/an4: an4 is read from a folder or an archive on this machine"
    ):
        prepare("an4", Path("s3://b/an4"), tmp_path)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("s3://bucket/a b/c/", "s3://bucket/a b/c"),
        ("https://host:8000/x", "https://host:8000/x"),
        ("file:///data/x", "file:///data/x"),
        ("memory://x", "memory://x"),
        ("corpora/an4", None),
        ("/data/s3:/x", None),
        ("a:b", None),
    ],
)
def test_paths_that_are_addresses(given: str, address: str | None) -> None:
    assert address_of(Path(given)) == address


class Flaky(http.server.SimpleHTTPRequestHandler):
    """The first answer to each question breaks off in the middle."""

    asked: set[str] = set()  # noqa: RUF012  # a class for each test

    def log_message(self, *_: object) -> None:
        pass

    def copyfile(self, source: Any, outputfile: Any) -> None:
        content = source.read()
        broken = self.path not in self.asked
        self.asked.add(self.path)
        outputfile.write(content[: len(content) // 2] if broken else content)
        if broken:
            self.close_connection = True


def test_web_server_that_breaks_off(
    shards: Path, corpus: PreparedCorpus, tmp_path: Path, fetched: list[str]
) -> None:
    handler = functools.partial(type("Fresh", (Flaky,), {"asked": set()}), directory=str(shards))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            packed = get(f"http://127.0.0.1:{server.server_port}/", tmp_path / "far")
            assert packed.locks == corpus.locks
            assert heard(packed) == heard(get(str(shards), tmp_path / "near"))
        finally:
            server.shutdown()
            thread.join()
    assert fetched.count("shards.json") == 2
    assert fetched.count("train-000000.tar") == 2


def test_a_change_at_an_address_is_noticed(
    memory: Any,
    tmp_path: Path,
    corpus: PreparedCorpus,
    mini_an4: Callable[..., Path],
    mini_noise: Callable[..., np.ndarray],
) -> None:
    """Its lock is in the cache: another state has another folder there, and the same lock."""
    address, cache = "memory://bucket/speech", tmp_path / "mirrors"
    first = prepare("shards", Path(address), cache)
    locked, told = keep_lock(first)
    assert locked.lock_state == "written"
    assert "a later change is noticed" in told
    assert prepare("shards", Path(address), cache).lock_state == "matches"
    folder = mini_an4(tmp_path / "other", change=lambda name, _: mini_noise(name, 4001), **WORDS)
    other = prepare("an4", folder, tmp_path / "cache", check=False)
    write_shards(other, tmp_path / "others", SIZE, progress=lambda *_: None)
    for path in (tmp_path / "others").iterdir():
        memory.pipe(f"/bucket/speech/{path.name}", path.read_bytes())
    with pytest.raises(CorpusError, match="delete .*locks/shards-"):
        prepare("shards", Path(address), cache)
