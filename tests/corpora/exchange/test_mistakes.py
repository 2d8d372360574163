"""What people's recordings are like: names that are there twice, paths that lead nowhere, what cannot be written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from asr.corpora.exchange import Options, get_form
from asr.corpora.exchange.form import sound_path, split_of
from asr.corpora.own import export_recordings, import_recordings
from asr.errors import CorpusError
from asr.manifest import Utterance, write_manifest

Sound = Callable[..., Path]


def ids(name: str, source: Path, folder: Path) -> dict[str, list[str]]:
    own = import_recordings(name, {"all": source}, Options(), folder / "cache")
    return {split: [each.id for each in utterances] for split, utterances in own.splits.items()}


def test_files_of_one_name_in_several_folders(tmp_path: Path, sound: Sound) -> None:
    """As most people keep them: a folder a speaker, numbers as names, and no column with ids."""
    rows = ["path,text"]
    for place in ("anna/001.wav", "bert/001.wav", "bert/002.wav"):
        sound(tmp_path / "wav" / place)
        rows.append(f"wav/{place},yes")
    (tmp_path / "all.csv").write_text("\n".join(rows) + "\n")
    assert ids("table", tmp_path / "all.csv", tmp_path) == {"train": ["anna/001", "bert/001", "002"]}
    lines = [
        f'{{"audio_filepath": "wav/{who}/001.wav", "duration": 0, "text": "yes"}}' for who in ("anna", "bert")
    ]
    (tmp_path / "all.json").write_text("\n".join(lines) + "\n")
    assert ids("nemo", tmp_path / "all.json", tmp_path) == {"train": ["anna/001", "bert/001"]}


def test_stretches_of_files_of_one_name(tmp_path: Path, sound: Sound) -> None:
    rows = ["path,start,end,text"]
    for who in ("anna", "bert"):
        sound(tmp_path / who / "talk.wav")
        rows += [f"{who}/talk.wav,0,0.1,yes", f"{who}/talk.wav,0.1,0.2,no"]
    (tmp_path / "all.csv").write_text("\n".join(rows) + "\n")
    expected = ["anna/talk", "anna/talk@0.1", "bert/talk", "bert/talk@0.1"]
    assert ids("table", tmp_path / "all.csv", tmp_path) == {"train": expected}


def test_one_file_twice_and_an_id_twice_are_refused(tmp_path: Path, sound: Sound) -> None:
    sound(tmp_path / "a.wav")
    sound(tmp_path / "b.wav")
    for table in ("path,text\na.wav,yes\na.wav,no\n", "path,text,id\na.wav,yes,x\nb.wav,no,x\n"):
        (tmp_path / "all.csv").write_text(table)
        with pytest.raises(CorpusError, match="again in train; each utterance needs an id of its own"):
            ids("table", tmp_path / "all.csv", tmp_path)


@pytest.mark.parametrize("given", ["~nobody-is-called-so/a.wav", "/", "x" * 5000, "a\0b.wav", "..", "."])
def test_a_path_that_is_none_is_no_file(given: str, tmp_path: Path) -> None:
    assert sound_path(given, [tmp_path]) is None


def test_an_empty_text_is_left_out(tmp_path: Path, sound: Sound) -> None:
    sound(tmp_path / "a.wav")
    sound(tmp_path / "b.wav")
    (tmp_path / "a.txt").write_text(" \n")
    (tmp_path / "b.txt").write_text("yes\n")
    found = get_form("folder").read(tmp_path, Options())
    assert [u.id for u in found.splits["all"]] == ["b"]
    assert [(item.id, item.reason) for item in found.left_out] == [("a", "no text in a.txt")]


def test_validated_is_no_part() -> None:
    """Common Voice's validated.tsv has all that is in its train.tsv, dev.tsv and test.tsv."""
    assert split_of("validated.tsv") is None and split_of("validation.tsv") == "dev"


def test_nothing_is_left_of_an_export_that_fails(tmp_path: Path, sound: Sound) -> None:
    for split, channels in (("train", 1), ("test", 2)):
        path = sound(tmp_path / f"{split}.wav", channels=channels)
        write_manifest(tmp_path / f"{split}.jsonl", [Utterance(split, str(path), 0.25, "yes")])
    for _ in range(2):  # the second time, nothing is in its way
        with pytest.raises(CorpusError, match="2 channels"):
            export_recordings([tmp_path], "lhotse", tmp_path / "out")
        assert list((tmp_path / "out").iterdir()) == []
