"""Where a corpus comes from when no path is given: a download, or its making."""

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asr.corpora import CorpusSource, PreparedCorpus, Reader, get_reader, prepare, write_lock
from asr.corpora.reading import MADE_BY
from asr.corpora.registry import NAMES
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
    ) as caught:
        get(None)
    kept = tmp_path / "cache" / "x.tar.gz"
    assert f"is kept as {kept}; `--any-corpus` uses it as it is" in str(caught.value)
    left = {path.name for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"}
    assert left == {"decoded", "x.tar.gz"}
    assert kept.read_bytes() == wrong
    mirrors.requests.clear()
    assert get(None, check=False).lock_state == "not checked"
    assert mirrors.requests == []
    use_reader(monkeypatch, replace(get_reader("an4"), source=CorpusSource("x.tar.gz", urls)))
    assert get(None).lock_state == "matches"
    assert kept.read_bytes() == archive.read_bytes()


def test_what_is_kept_is_the_last_that_could_be_read(
    tmp_path: Path,
    root: Path,
    mirrors: Any,
    packed: Pack,
    get: Callable[..., PreparedCorpus],
    locks: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_lock(get(root), locks / "an4.lock.json")
    (root / "etc/an4_test.transcription").write_text("HELP (an406-fcaw-b)\nONE TOO (cen8-mmxg-b)\n")
    wrong = packed(tmp_path / "wrong.tar.gz", root, "an4").read_bytes()
    urls = (
        mirrors.serve("wrong", wrong),
        mirrors.serve("half", wrong[:900]),
        mirrors.serve("gone", status=404),
    )
    use_reader(monkeypatch, replace(get_reader("an4"), source=CorpusSource("x.tar.gz", urls)))
    for _ in range(2):
        with pytest.raises(CorpusError, match=r"(?s)/half: .*cut off.*/gone: HTTP 404.*is kept as"):
            get(None)
        assert (tmp_path / "cache" / "x.tar.gz").read_bytes() == wrong


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

    reader = Reader("made", "Made", "", "*.wav", "*.wav", read, make=make)
    use_reader(monkeypatch, reader)
    told: list[tuple[str, int, int]] = []
    corpus = prepare("made", None, tmp_path, workers=3, progress=lambda *news: told.append(news))
    assert told == [("make", 3, 3), ("decode made", 2, 2)]
    assert (corpus.source_name, corpus.source_sha256) == ("", "")
    assert corpus.splits["train"][0].duration == 100 / 16_000
    assert corpus.maker == ""
    (tmp_path / "made" / MADE_BY).write_text("Sine 3.1\n")
    assert prepare("made", None, tmp_path).maker == "Sine 3.1"
    use_reader(monkeypatch, replace(reader, make=None))  # in other corpora it is any file
    assert prepare("made", tmp_path / "made", tmp_path).maker == ""


def test_reader_has_one_origin_at_most() -> None:
    with pytest.raises(ValueError, match="set one of source, parts and make"):
        Reader("x", "", "", "", "", lambda _: {}, CorpusSource("x", ()), lambda *_: Path())


def test_corpus_that_must_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_reader(monkeypatch, Reader("mine", "", "", "*.wav files", "*.wav", lambda _folder: {}))
    with pytest.raises(CorpusError, match=r"mine: .* say where with --corpus FOLDER; expected \*\.wav files"):
        prepare("mine", None, tmp_path)


def test_readers_describe_themselves() -> None:
    for name in NAMES:
        reader = get_reader(name)
        assert reader.name == name
        assert reader.title
        assert reader.licence
        assert reader.layout
