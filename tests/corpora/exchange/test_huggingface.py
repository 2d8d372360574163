"""Datasets of Hugging Face: an audiofolder, Parquet and Arrow files with sound inside."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asr.corpora.exchange import FORMS, Imported, Options
from asr.errors import CorpusError

Sound = Callable[..., Path]


def read(path: Path, **options: Any) -> Imported:
    return FORMS["huggingface"].read(path, Options(**options))


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_audiofolder(tmp_path: Path, sound: Sound, name: str) -> None:
    for split in ("train", "validation", "test"):
        folder = sound(tmp_path / "data" / split / "a.wav").parent
        row = {"file_name": "a.wav", "transcription": f"in {split}", "id": split}
        lines = [json.dumps(row)] if name.endswith("jsonl") else [",".join(row), ",".join(row.values())]
        (folder / name).write_text("\n".join(lines) + "\n")
    found = read(tmp_path)
    assert {split: [u.text for u in each] for split, each in found.splits.items()} == {
        "test": ["in test"],
        "train": ["in train"],
        "dev": ["in validation"],
    }


def test_no_dataset_there(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no dataset in it; expected dataset_dict\.json or state\.json"):
        read(tmp_path)
    (tmp_path / "state.json").write_text("[")
    with pytest.raises(CorpusError, match=r"state\.json: not a readable JSON file"):
        read(tmp_path)


def test_arrow_files_ask_for_their_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyarrow", "pyarrow.ipc", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "train.parquet").write_bytes(b"PAR1")
    with pytest.raises(CorpusError, match=r"pip install 'attest-asr\[datasets\]'"):
        read(tmp_path)


def table_of(sound: Sound, folder: Path, split: str) -> Any:
    """Two rows with sound inside, as the library datasets writes them; one without a text."""
    import pyarrow

    rows = {"audio": [], "sentence": [], "speaker_id": [], "gender": []}
    for number, text in enumerate((f"one  in {split}", f"two in {split}", "")):
        path = sound(folder / f"{split}-{number}.wav")
        rows["audio"].append({"bytes": path.read_bytes(), "path": path.name})
        rows["sentence"].append(text)
        rows["speaker_id"].append(number)
        rows["gender"].append(0)
        path.unlink()
    features = {
        "audio": {"_type": "Audio"},
        "speaker_id": {"_type": "ClassLabel", "names": ["anna", "bert", "cleo"]},
    }
    notes = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    return pyarrow.table(rows).replace_schema_metadata(notes)


def check(found: Imported, tmp_path: Path, sound: Sound) -> None:
    train = found.splits["train"]
    assert [(u.id, u.text, u.speaker) for u in train] == [
        ("train-0", "one in train", "anna"),
        ("train-1", "two in train", "bert"),
    ]
    original = sound(tmp_path / "again/train-0.wav").read_bytes()
    assert Path(train[0].audio_filepath).read_bytes() == original
    assert Path(train[0].audio_filepath).is_relative_to(tmp_path / "sounds")
    assert len(found.left_out) == len(found.splits)
    assert [u.id for u in found.splits["test"]] == ["test-0", "test-1"]


def test_parquet(tmp_path: Path, sound: Sound) -> None:
    from pyarrow import parquet

    (tmp_path / "hub/data").mkdir(parents=True)
    for split in ("train", "test"):
        name = f"{split}-00000-of-00001.parquet"
        parquet.write_table(table_of(sound, tmp_path / "made", split), tmp_path / "hub/data" / name)
    with pytest.raises(CorpusError, match="its sound is inside the dataset; a folder is needed"):
        read(tmp_path / "hub")
    check(read(tmp_path / "hub", sounds=tmp_path / "sounds"), tmp_path, sound)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "sounds").rglob("*.wav")}
    read(tmp_path / "hub", sounds=tmp_path / "sounds")  # what is there is left alone
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "sounds").rglob("*.wav")} == before


def test_saved_to_disk(tmp_path: Path, sound: Sound) -> None:
    import pyarrow

    for split in ("train", "test"):
        folder = tmp_path / "saved" / split
        folder.mkdir(parents=True)
        table = table_of(sound, tmp_path / "made", split)
        path = str(folder / "data-00000-of-00001.arrow")
        with pyarrow.OSFile(path, "wb") as out, pyarrow.ipc.new_stream(out, table.schema) as stream:
            stream.write_table(table)
        (folder / "state.json").write_text('{"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}')
    (tmp_path / "saved/dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    check(read(tmp_path / "saved", sounds=tmp_path / "sounds"), tmp_path, sound)


def test_a_broken_parquet_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_bytes(b"PAR1 and nothing")
    with pytest.raises(CorpusError, match=r"train\.parquet: not a readable Parquet file"):
        read(tmp_path, sounds=tmp_path)


def test_names_that_come_to_one_file(tmp_path: Path, sound: Sound) -> None:
    """Each utterance keeps its own sound."""
    import pyarrow
    from pyarrow import parquet

    names = ["a b", "a/b", "a_b", "a_b", "../../up", "..."]
    sounds = [sound(tmp_path / f"{number}.wav").read_bytes() for number in range(len(names))]
    rows = {
        "id": names,
        "text": ["yes"] * len(names),
        "audio": [{"bytes": each, "path": None} for each in sounds],
    }
    parquet.write_table(pyarrow.table(rows), tmp_path / "train.parquet")
    found = read(tmp_path / "train.parquet", sounds=tmp_path / "audio").splits["all"]
    paths = [Path(u.audio_filepath) for u in found]
    assert [path.read_bytes() for path in paths] == sounds
    assert all(path.resolve().is_relative_to(tmp_path / "audio" / "train") for path in paths)


@pytest.mark.parametrize("name", ["..", "../other", "/etc", "", 3])
def test_a_split_that_leads_out_of_the_dataset(tmp_path: Path, name: Any) -> None:
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": [name]}))
    with pytest.raises(CorpusError, match="a split is the name of a folder"):
        read(tmp_path)
