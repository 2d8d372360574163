"""LibriSpeech: a corpus of several archives, with development data of its own."""

import hashlib
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asr.corpora import prepare
from asr.corpora.readers import librispeech
from asr.corpora.reading import Part
from asr.errors import CorpusError
from asr.recipe import Corpus
from asr.recipe_file import recipe_from_tree
from asr.runs.corpus_used import split

Noise = Callable[..., np.ndarray]
PARTS = {
    "train-clean-5": {"84-121123-0000": "GO ON", "84-121123-0001": "AND ON", "1088-1-0000": "NO MORE"},
    "dev-clean-2": {"1272-128104-0000": "MISTER QUILTER"},
    "test-clean": {"61-70968-0000": "HE BEGAN A CONFUSED COMPLAINT"},
}


def write_part(top: Path, name: str, sounds: Callable[..., None], noise: Noise) -> Path:
    """LibriSpeech/NAME as it comes out of its archive."""
    for utterance, words in PARTS[name].items():
        speaker, chapter, _ = utterance.split("-")
        folder = top / "LibriSpeech" / name / speaker / chapter
        sounds(folder / f"{utterance}.flac", noise(utterance))
        with (folder / f"{speaker}-{chapter}.trans.txt").open("a") as out:
            out.write(f"{utterance} {words}\n")
    return top / "LibriSpeech" / name


@pytest.fixture
def corpus(tmp_path: Path, mini_audio: Callable[..., None], mini_noise: Noise) -> Path:
    for name in PARTS:
        write_part(tmp_path / "given", name, mini_audio, mini_noise)
    (tmp_path / "given/LibriSpeech/SPEAKERS.TXT").write_text(";ID |SEX| SUBSET |MINUTES| NAME\n")
    return tmp_path / "given"


def test_parts_in_a_folder(corpus: Path, tmp_path: Path) -> None:
    found = prepare("librispeech", corpus, tmp_path / "cache", parts=tuple(PARTS))
    assert [(u.id, u.text, u.speaker) for u in found.splits["train"]] == [
        ("1088-1-0000", "NO MORE", "1088"),
        ("84-121123-0000", "GO ON", "84"),
        ("84-121123-0001", "AND ON", "84"),
    ]
    assert [u.id for u in found.splits["dev"]] == ["1272-128104-0000"]
    assert [u.text for u in found.splits["test"]] == ["HE BEGAN A CONFUSED COMPLAINT"]
    assert found.lock_place is not None
    assert found.lock_place.path.name == "librispeech+train-clean-5+dev-clean-2+test-clean.lock.json"
    again = prepare("librispeech", corpus / "LibriSpeech", tmp_path / "cache", parts=tuple(PARTS))
    assert again.locks == found.locks


def test_development_data_of_its_own(corpus: Path, tmp_path: Path) -> None:
    found = prepare("librispeech", corpus, tmp_path / "cache", parts=tuple(PARTS))
    table = {"name": "librispeech", "parts": list(PARTS), "dev_split": "dev"}
    parts = split(found, recipe_from_tree({"name": "mini", "corpus": table}, "mini"))
    assert [u.id for u in parts["dev"]] == ["1272-128104-0000"]
    assert len(parts["train"]) == 3
    held = recipe_from_tree({"name": "mini", "corpus": {**table, "dev_split": "", "dev_speakers": 1}}, "mini")
    assert {u.speaker for u in split(found, held)["dev"]} < {"84", "1088"}
    other = recipe_from_tree({"name": "mini", "corpus": {**table, "dev_split": "validation"}}, "mini")
    with pytest.raises(CorpusError, match=r"has no split 'validation' \(it has dev, test, train\)"):
        split(found, other)


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        (("train-clean-7",), "has no part 'train-clean-7'; its parts are train-clean-5, train-clean-100"),
        (("train-clean-5", "dev-clean-2"), "train-clean-5, dev-clean-2 have no test data; name more parts"),
        (
            ("train-clean-5", "test-other"),
            "the part test-other of librispeech is not there: neither a folder test-other",
        ),
        ((), "the part train-clean-100 of librispeech is not there"),
    ],
)
def test_parts_that_are_not_there(
    corpus: Path, tmp_path: Path, parts: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(CorpusError, match=complaint):
        prepare("librispeech", corpus, tmp_path / "cache", parts=parts)


def test_a_corpus_in_one_piece_has_no_parts(root: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="an4: has no parts to choose from"):
        prepare("an4", root, tmp_path / "cache", parts=("train",))


def test_archives_are_downloaded_checked_and_unpacked(
    corpus: Path, tmp_path: Path, mirrors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a server on this machine: each archive by its MD5, the second try without the server."""
    parts = {}
    for name in PARTS:
        archive = tmp_path / f"{name}.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(corpus / "LibriSpeech" / name, f"LibriSpeech/{name}")
        contents = archive.read_bytes()
        source = librispeech.READER.parts[name].source
        md5 = hashlib.md5(contents, usedforsecurity=False).hexdigest()
        urls = (mirrors.serve(f"bad-{name}", contents[:-1] + b"x"), mirrors.serve(name, contents))
        parts[name] = Part(name, replace(source, urls=urls, md5=md5))
    monkeypatch.setattr(librispeech, "READER", replace(librispeech.READER, parts=parts))
    found = prepare("librispeech", None, tmp_path / "cache", parts=tuple(PARTS))
    assert found.source_name == "train-clean-5.tar.gz dev-clean-2.tar.gz test-clean.tar.gz"
    asked = len(mirrors.requests)
    assert asked == 6
    assert prepare("librispeech", None, tmp_path / "cache", parts=tuple(PARTS)).locks == found.locks
    assert len(mirrors.requests) == asked
    beside = prepare("librispeech", tmp_path, tmp_path / "cache", parts=tuple(PARTS))  # archives in a folder
    assert beside.locks == found.locks


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda part: next(part.rglob("*-0001.flac")).unlink(), "1 of 3 missing: 84-121123-0001"),
        (
            lambda part: next(part.rglob("84-*.trans.txt")).write_text("GO ON\n"),
            r"trans\.txt:1: expected `SPEAKER-CHAP",
        ),
        (
            lambda part: [path.unlink() for path in part.rglob("*.txt")],
            "no transcripts in it; expected LibriSpeech/PART",
        ),
    ],
)
def test_what_can_be_wrong(corpus: Path, change: Callable[[Path], object], complaint: str) -> None:
    part = corpus / "LibriSpeech/train-clean-5"
    change(part)
    with pytest.raises(CorpusError, match=complaint):
        librispeech.read(part)


def test_usual_parts_are_parts() -> None:
    reader = librispeech.READER
    assert set(reader.usual_parts) <= set(reader.parts)
    assert all(part.source.md5 and len(part.source.md5) == 32 for part in reader.parts.values())


@pytest.mark.parametrize(
    "table",
    [
        {"name": "librispeech", "dev_split": "dev", "dev_speakers": 1},
        {"name": "librispeech"},
        {"name": "librispeech", "dev_split": "test"},
        {"name": "librispeech", "dev_split": "dev", "parts": ("a", "a")},
    ],
)
def test_recipes_that_make_no_sense(table: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="set exactly one|must be other data|each name once"):
        Corpus(**table)
