"""Cleaned manifests: what stays is as it was, what leaves is told, and all is written or nothing."""

import json
from pathlib import Path

import pytest

from asr.cleaning.check import Part, Report, read_part
from asr.cleaning.fix import LEFT_OUT, MENDED, Plan, check_folder, write_cleaned
from asr.cleaning.kinds import Finding
from asr.errors import CorpusError, ManifestError, StorageError

LINES = {
    "train": [
        {"audio_filepath": "a.wav", "duration": 1.0, "text": "yes", "mine": {"deep": [1]}},
        {"audio_filepath": "b.wav", "duration": 9, "text": "n\u043e", "digest": "0" * 64},
        {"audio_filepath": "c.wav", "duration": 1.0, "text": "go"},
    ],
    "test": [{"audio_filepath": "/far/d.wav", "duration": 1.0, "text": "up"}],
}


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Part, ...]:
    for name, lines in LINES.items():
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / f"{name}.jsonl").write_text(text + "\n", encoding="utf-8")
    return tuple(read_part(tmp_path / f"{name}.jsonl") for name in LINES)


def report(parts: tuple[Part, ...], *findings: Finding) -> Report:
    return Report(parts, findings, (), 1.0, "plain-1")


def read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


SILENT = Finding("silent", "train", 0, "a", "a.wav", "zeros")
LONGER = Finding("duration", "train", 1, "b", "b.wav", "2 s", mended={"duration": 2.0})
ALIKE = Finding("lookalike", "train", 1, "b", "b.wav", "o", mended={"text": "no"})
TESTED = Finding("silent", "test", 0, "d", "d.wav", "zeros")
WARNED = Finding("clipped", "train", 2, "c", "c.wav", "tops")
WHOLE = Finding("shared-speaker", "test", -1, "anna", "", "both")


def test_by_default(parts: tuple[Part, ...], tmp_path: Path) -> None:
    """Of test nothing leaves; relative paths lead where they led; keys of others stay; digests of what was do not."""
    found = report(parts, SILENT, LONGER, ALIKE, TESTED, WARNED, WHOLE)
    cleaned = write_cleaned(found, tmp_path / "new", Plan())
    assert (cleaned.kept, cleaned.left_out, cleaned.mended) == (
        {"train": 2, "test": 1},
        {"train": 1, "test": 0},
        {"train": 1, "test": 0},
    )
    assert read(tmp_path / "new" / "train.jsonl") == [
        {"audio_filepath": str(tmp_path / "b.wav"), "duration": 2.0, "text": "no"},
        {"audio_filepath": str(tmp_path / "c.wav"), "duration": 1.0, "text": "go"},
    ]
    assert read(tmp_path / "new" / "test.jsonl") == LINES["test"]
    (left,) = read(tmp_path / "new" / LEFT_OUT)
    assert (left["id"], left["kinds"], left["found"]) == ("a", ["silent"], ["zeros"])
    assert left["line"] == LINES["train"][0] | {"audio_filepath": str(tmp_path / "a.wav")}
    (mended,) = read(tmp_path / "new" / MENDED)
    assert mended["before"] == {"duration": 9, "text": "n\u043e"}
    assert read_part(tmp_path / "new" / "train.jsonl").utterances[0].text == "no"


def test_kinds_that_are_kept_and_dropped(parts: tuple[Part, ...], tmp_path: Path) -> None:
    found = report(parts, SILENT, LONGER, ALIKE, WARNED)
    cleaned = write_cleaned(found, tmp_path / "new", Plan(keep=["silent", "lookalike"], drop=["clipped"]))
    assert cleaned.left_out["train"] == 1
    lines = read(tmp_path / "new" / "train.jsonl")
    assert [line["text"] for line in lines] == ["yes", "n\u043e"]
    assert lines[1]["duration"] == 2.0
    with pytest.raises(CorpusError, match="nothing would be left of test"):
        write_cleaned(report(parts, TESTED), tmp_path / "other", Plan(drop=["silent"]))
    assert not (tmp_path / "other").exists()


def test_one_fault_of_a_text_that_is_kept_keeps_the_text(parts: tuple[Part, ...], tmp_path: Path) -> None:
    """The mended text of a later fault has the earlier one mended, too."""
    hidden = Finding("invisible", "train", 1, "b", "b.wav", "x", mended={"text": "n\u043e"})
    cleaned = write_cleaned(report(parts, hidden, ALIKE), tmp_path / "new", Plan(keep=["invisible"]))
    assert cleaned.mended["train"] == 0


def test_refusals(parts: tuple[Part, ...], tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    with pytest.raises(CorpusError, match="not an empty folder"):
        write_cleaned(report(parts), tmp_path / "full", Plan())
    for place in (tmp_path / "full" / "a" / "new", Path("/proc/asr/new")):
        with pytest.raises(StorageError, match="cannot be written"):
            check_folder(place)
        with pytest.raises(StorageError, match="cannot be written"):
            write_cleaned(report(parts), place, Plan())
    parts[0].path.write_text("{}\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="it has changed while it was checked"):
        write_cleaned(report(parts), tmp_path / "new", Plan())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "test.jsonl", "train.jsonl"]


def test_manifests_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"nowhere.jsonl: not a readable manifest"):
        read_part(tmp_path / "nowhere.jsonl")
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(ManifestError, match="no utterances in it"):
        read_part(tmp_path / "empty.jsonl")
    (tmp_path / "bad.jsonl").write_text('\n{"duration": 1, "text": ""}\n', encoding="utf-8")
    with pytest.raises(ManifestError, match=r"bad.jsonl:2: key audio_filepath is missing"):
        read_part(tmp_path / "bad.jsonl")
