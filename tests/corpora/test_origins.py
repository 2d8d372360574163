"""Where a corpus comes from when no path is given: a download, or its making."""

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asr.corpora import CorpusSource, PreparedCorpus, Reader, get_reader, prepare, readers, write_lock
from asr.errors import CorpusError
from asr.manifest import Utterance

Pack = Callable[[Path, Path, str], Path]

module = importlib.import_module("asr.corpora.prepare")  # the package has a function of the same name


def use_reader(monkeypatch: pytest.MonkeyPatch, reader: Reader) -> None:
    monkeypatch.setattr(module, "get_reader", lambda _name: reader)


def test_download(
    archive: Path, mirrors: Any, get: Callable[..., PreparedCorpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = mirrors.serve("a", archive.read_bytes())
    use_reader(monkeypatch, replace(get_reader("an4"), source=CorpusSource("an4_mini.tar.gz", (url,))))
    corpus = get(None)
    assert corpus.source_name == "an4_mini.tar.gz"
    assert corpus.locks == get(archive).locks
    Path(corpus.splits["test"][0].audio_filepath).unlink()  # damage in the cache is mended from the archive
    assert get(None).locks == corpus.locks
    assert len(mirrors.requests) == 1


def test_download_of_a_wrong_copy(
    tmp_path: Path,
    archive: Path,
    root: Path,
    mirrors: Any,
    packed: Pack,
    get: Callable[..., PreparedCorpus],
    locks: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_lock(get(root), locks / "an4.lock.json")
    words = root / "etc/an4_test.transcription"
    words.write_text("HELP (an406-fcaw-b)\n")
    missing = packed(tmp_path / "missing.tar.gz", root, "an4").read_bytes()
    words.write_text("HELP (an406-fcaw-b)\nONE TOO (cen8-mmxg-b)\n")
    wrong = packed(tmp_path / "wrong.tar.gz", root, "an4").read_bytes()
    urls = (
        mirrors.serve("missing", missing),
        mirrors.serve("wrong", wrong),
        mirrors.serve("c", archive.read_bytes()),
    )
    use_reader(monkeypatch, replace(get_reader("an4"), source=CorpusSource("x.tar.gz", urls[:2])))
    with pytest.raises(
        CorpusError, match=r"(?s)/missing: .*1 of 2 missing: cen8-mmxg-b\n.*/wrong: an4: not the corpus"
    ):
        get(None)
    left = [path.name for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"]
    assert left == ["decoded"]
    use_reader(monkeypatch, replace(get_reader("an4"), source=CorpusSource("x.tar.gz", urls)))
    assert get(None).lock_state == "matches"


def test_corpus_that_is_made(
    tmp_path: Path, mini_audio: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(cache: Path, progress: Callable[[str, int, int], None], workers: int) -> Path:
        progress("make", workers, 3)
        for name in ("a", "b"):
            mini_audio(cache / "made" / f"{name}.wav", np.full(100, ord(name), np.int16))
        return cache / "made"

    def read(folder: Path) -> dict[str, list[Utterance]]:
        a, b = (Utterance(name, str(folder / f"{name}.wav"), 0.0, name) for name in ("a", "b"))
        return {"train": [a], "test": [b]}

    use_reader(monkeypatch, Reader("made", "Made", "", "*.wav", "*.wav", read, make=make))
    told: list[tuple[str, int, int]] = []
    corpus = prepare("made", None, tmp_path, workers=3, progress=lambda *news: told.append(news))
    assert told == [("make", 3, 3), ("decode made", 2, 2)]
    assert (corpus.source_name, corpus.source_sha256) == ("", "")
    assert corpus.splits["train"][0].duration == 100 / 16_000


def test_reader_needs_one_origin() -> None:
    with pytest.raises(ValueError, match="exactly one of source and make"):
        Reader("x", "", "", "", "", lambda _folder: {})


def test_readers_describe_themselves() -> None:
    assert [reader.name for reader in readers()] == ["an4", "digits", "fsdd", "yesno"]
    assert all(reader.title and reader.licence and reader.layout for reader in readers())
