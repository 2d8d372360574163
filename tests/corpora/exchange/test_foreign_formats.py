"""Recordings as other programs and people keep them, and what can be wrong with them."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asr.corpora.exchange import FORMS, Imported, Options, get_form
from asr.corpora.exchange.form import split_of
from asr.errors import CorpusError

Sound = Callable[..., Path]


def read(name: str, path: Path, **options: Any) -> Imported:
    return FORMS[name].read(path, Options(**options))


def said(found: Imported) -> dict[str, dict[str, str]]:
    return {split: {u.id: u.text for u in utterances} for split, utterances in found.splits.items()}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *(
            ("train", "train"),
            ("train-clean-100", "train"),
            ("training", "train"),
            ("TRAIN_manifest", "train"),
        ),
        *(
            ("dev", "dev"),
            ("dev-other", "dev"),
            ("valid", "dev"),
            ("validation-00000-of-00001.parquet", "dev"),
        ),
        *(
            ("test", "test"),
            ("test1", "test"),
            ("testing", "test"),
            ("evaluation", "test"),
            ("eval92", "test"),
        ),
        *(
            ("trainer", None),
            ("developers", None),
            ("tests", None),
            ("mine", None),
            ("", None),
            ("value", None),
        ),
    ],
)
def test_names_of_splits(name: str, split: str | None) -> None:
    assert split_of(name) == split


def test_unknown_format() -> None:
    with pytest.raises(CorpusError, match="no format is called 'sphinx'; known are folder, table, kaldi"):
        get_form("sphinx")


# --- A folder


def test_folder(tmp_path: Path, sound: Sound) -> None:
    for name in (
        "anna/001.wav",
        "anna/002.FLAC",
        "bert/001.ogg",
        "bert/003.wav",
        ".hidden.wav",
        "x/9-1-0000.wav",
    ):
        sound(tmp_path / name)
    (tmp_path / "anna/001.txt").write_text("\ufeffswitch on\r\n the   light\r\n", encoding="utf-8")
    (tmp_path / "anna/transcripts.txt").write_text("002.FLAC\twhat time is it\n")
    (tmp_path / "bert/text").write_text("001 two to the left\n\n")
    (tmp_path / "x/9-1.trans.txt").write_text("9-1-0000 AND SO ON\n")
    found = read("folder", tmp_path, speaker_folders=True, language="en")
    assert said(found) == {
        "all": {
            "anna/001": "switch on the light",
            "anna/002": "what time is it",
            "bert/001": "two to the left",
            "x/9-1-0000": "AND SO ON",
        }
    }
    assert [(item.id, item.reason) for item in found.left_out] == [
        ("bert/003", "no 003.txt beside it, and no line in a transcripts.txt")
    ]
    assert {(u.speaker, u.lang) for u in found.splits["all"]} == {("anna", "en"), ("bert", "en"), ("x", "en")}


def test_folder_with_splits(tmp_path: Path, sound: Sound) -> None:
    for name in ("train/a.wav", "dev/a.wav", "test-clean/b.wav", "noise/c.wav"):
        sound(tmp_path / name).with_suffix(".txt").write_text(name)
    assert said(read("folder", tmp_path)) == {
        "train": {"train/a": "train/a.wav"},
        "dev": {"dev/a": "dev/a.wav"},
        "test": {"test-clean/b": "test-clean/b.wav"},
    }


def test_folders_that_are_wrong(tmp_path: Path, sound: Sound) -> None:
    with pytest.raises(CorpusError, match="no sound files in it; expected NAME"):
        read("folder", tmp_path)
    sound(tmp_path / "a.wav")
    with pytest.raises(CorpusError, match="1 sound files and no text for any of them"):
        read("folder", tmp_path)
    (tmp_path / "transcripts.txt").write_text("a\n")
    with pytest.raises(
        CorpusError, match=r"transcripts\.txt:1: expected a file's name and its text, found 'a'"
    ):
        read("folder", tmp_path)
    (tmp_path / "transcripts.txt").write_text("a|one\na.wav|two\na two\n")
    with pytest.raises(CorpusError, match=r"transcripts\.txt:3: second text of a; remove one"):
        read("folder", tmp_path)
    (tmp_path / "transcripts.txt").write_bytes(b"a\tcaf\xe9\n")
    with pytest.raises(CorpusError, match=r"transcripts\.txt: not a text file in UTF-8"):
        read("folder", tmp_path)
    (tmp_path / "transcripts.txt").write_text("a|one\n")
    sound(tmp_path / "a.flac")
    with pytest.raises(CorpusError, match=r"a\.wav: beside it is a\.flac, with the same name"):
        read("folder", tmp_path)


# --- Tables


def test_csv_of_a_spreadsheet(tmp_path: Path, sound: Sound) -> None:
    sound(tmp_path / "wav/a.wav")
    sound(tmp_path / "wav/b.wav", seconds=2.0)
    (tmp_path / "list.csv").write_text(
        "\ufeffFile Name;Transcript;Speaker ID;Start;End;Subset\r\n"
        'wav/a.wav;"say ""yes""; please";anna;0;;training\r\n'
        "wav/b;no;bert;0.5;1.25;Test\r\n"
        "wav/b.wav;;bert;1.25;1.5;Test\r\n",
        encoding="utf-8",
    )
    found = read("table", tmp_path / "list.csv")
    assert said(found) == {"train": {"a": 'say "yes"; please'}, "test": {"b@0.5": "no"}}
    second = found.splits["test"][0]
    assert (second.speaker, second.offset, second.duration) == ("bert", 0.5, 0.75)
    assert [item.reason for item in found.left_out] == ["line 4 of list.csv has no text"]


def test_tsv_takes_quotes_as_letters(tmp_path: Path, sound: Sound) -> None:
    sound(tmp_path / "clips/a.mp3")
    for split in ("train", "test"):
        (tmp_path / f"{split}.tsv").write_text(
            f'path\tsentence\tduration\tutt id\na.mp3\t"{split}" he said\t9\t{split}\n'
        )
    found = read("table", tmp_path, root=tmp_path / "clips")
    assert said(found) == {"train": {"train": '"train" he said'}, "test": {"test": '"test" he said'}}
    assert found.splits["test"][0].duration == 0.0  # of the whole file, found out by decoding


@pytest.mark.parametrize(
    ("header", "row", "options", "complaint"),
    [
        (
            "path,words_said",
            "a.wav,x",
            {},
            "no column that is known to hold the text; say which one with --text COLUMN",
        ),
        (
            "path,text,sentence",
            "a.wav,x,y",
            {},
            "each of the columns text and sentence could hold the text; say which",
        ),
        ("path,text", "a.wav,x", {"text": "said"}, "no column 'said'; its columns are path, text"),
        ("path,text", "b.wav,x", {}, r"list\.csv:2: no sound file 'b\.wav' in .*; --root FOLDER says where"),
        ("path,text", ",x", {}, "list.csv:2: no sound file ''"),
        (
            "path,text",
            "a.wav,x,y",
            {},
            r"list\.csv:2: more values than the 2 columns; a value that has the separator",
        ),
        ("path,text,start", "a.wav,x,-1", {}, "start must be seconds, 0 or more, found '-1'"),
        ("path,text,start,end", "a.wav,x,2,1", {}, "ends at 1 s, before it begins"),
        ("path,text,split", "a.wav,x,holdout", {}, "split is 'holdout'; expected train, dev or test"),
        ("path,text", "a.wav, ", {}, "no recording in it"),
        ("path,text", 'a.wav,"x', {}, "not a table that can be read"),
    ],
)
def test_tables_that_are_wrong(
    tmp_path: Path, sound: Sound, header: str, row: str, options: dict[str, str], complaint: str
) -> None:
    sound(tmp_path / "a.wav")
    (tmp_path / "list.csv").write_text(f"{header}\n{row}\n")
    with pytest.raises(CorpusError, match=complaint):
        read("table", tmp_path, **options)


def test_columns_that_are_named(tmp_path: Path, sound: Sound) -> None:
    sound(tmp_path / "a.wav")
    (tmp_path / "list.csv").write_text("key,what,text,sentence,who\nfirst,a,x,y,anna\n")
    names = {"audio": "what", "text": "sentence", "id": "key", "speaker": "who"}
    utterance = read("table", tmp_path / "list.csv", **names).splits["all"][0]
    assert (utterance.id, utterance.text, utterance.speaker) == ("first", "y", "anna")


# --- Kaldi


def kaldi(folder: Path, **lists: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in lists.items():
        (folder / name.replace("wav_scp", "wav.scp")).write_text(lines, encoding="utf-8")
    return folder


def test_kaldi(tmp_path: Path, sound: Sound) -> None:
    talk = sound(tmp_path / "sounds with blanks/talk.wav", seconds=2.0)
    kaldi(
        tmp_path / "data/train",
        wav_scp=f"rec1 {talk}\n",
        segments="utt1 rec1 0.5 1.25\nutt2 rec1 1.25 -1\nutt3 rec1 0 0.25\n",
        text="utt1 ja und nein\nutt2 ü\nutt3\nutt9 nobody\n",
        utt2spk="utt1 anna\nutt2 utt2\n",
    )
    kaldi(tmp_path / "data/test_clean", wav_scp="a talk.wav\n", text="a nein\n")
    found = read("kaldi", tmp_path / "data", root=talk.parent)
    assert [(u.id, u.text, u.speaker, u.offset, u.duration) for u in found.splits["train"]] == [
        ("utt1", "ja und nein", "anna", 0.5, 0.75),
        ("utt2", "ü", "", 1.25, 0.0),
    ]
    assert {item.id: item.reason for item in found.left_out} == {
        "utt3": "no words in text",
        "utt9": "in text, but there is no sound",
    }
    assert said(found)["test"] == {"a": "nein"}


@pytest.mark.parametrize(
    ("lists", "complaint"),
    [
        (
            {"wav_scp": "a sph2pipe -f wav a.sph |\n"},
            r"wav\.scp:1: 'sph2pipe -f wav a\.sph \|' is a command, which is never",
        ),
        ({"wav_scp": "a a.wav\n\na b.wav\n"}, r"wav\.scp:3: second line of a; the first is 1"),
        ({"wav_scp": "a gone.wav\n"}, r"wav\.scp:1: no sound file 'gone\.wav' in"),
        ({"segments": "u b 0 1\n"}, "segments:1: the recording b is not in wav.scp"),
        ({"segments": "u a 1 1\n"}, "from 1 to 1 s is no stretch of sound"),
        ({"segments": "u a 0\n"}, "expected `UTTERANCE RECORDING START END`"),
        ({"text": "b x\n"}, "no utterance has words in text"),
    ],
)
def test_kaldi_that_is_wrong(tmp_path: Path, sound: Sound, lists: dict[str, str], complaint: str) -> None:
    sound(tmp_path / "a.wav")
    kaldi(tmp_path, **{"wav_scp": "a a.wav\n", "text": "a x\nu y\n", **lists})
    with pytest.raises(CorpusError, match=complaint):
        read("kaldi", tmp_path)


def test_no_kaldi_there(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no wav\.scp in it, nor in folders called train or test"):
        read("kaldi", tmp_path)


# --- Lhotse


def cut(path: Path, **changes: Any) -> dict[str, Any]:
    recording = {
        "id": "r",
        "sources": [{"type": "file", "channels": [0], "source": str(path)}],
        "duration": 2.0,
    }
    recording |= {"sampling_rate": 8000, "num_samples": 16_000, **changes.pop("recording", {})}
    words = [
        {"id": "s1", "recording_id": "r", "start": 0.1, "duration": 0.5, "text": "one", "speaker": "anna"}
    ]
    return {
        "id": "c",
        "start": 0.5,
        "duration": 1.0,
        "supervisions": words,
        "recording": recording,
        "type": "MonoCut",
        **changes,
    }


def write_lines(path: Path, lines: list[dict[str, Any]]) -> Path:
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_lhotse_cuts(tmp_path: Path, sound: Sound) -> None:
    talk = sound(tmp_path / "talk.wav", seconds=2.0)
    two = cut(talk, id="d")
    two["supervisions"] = [
        *two["supervisions"],
        {"id": "s2", "recording_id": "r", "start": -0.1, "duration": 9.0, "text": "two", "language": "nl"},
        {"id": "s3", "recording_id": "r", "start": 0.0, "duration": 1.0, "text": ""},
    ]
    write_lines(tmp_path / "cuts_train.jsonl.gz", [cut(talk), two])
    write_lines(tmp_path / "cuts_dev-other.jsonl", [cut(talk, id="e")])
    found = read("lhotse", tmp_path, language="en")
    assert [(u.id, u.text, u.offset, u.duration, u.speaker, u.lang) for u in found.splits["train"]] == [
        ("c", "one", 0.6, 0.5, "anna", "en"),
        ("s1", "one", 0.6, 0.5, "anna", "en"),
        ("s2", "two", 0.4, 1.6, "", "nl"),
    ]
    assert said(found)["dev"] == {"e": "one"}
    assert [item.id for item in found.left_out] == ["s3"]


def test_lhotse_recordings_and_supervisions(tmp_path: Path, sound: Sound) -> None:
    whole = cut(sound(tmp_path / "talk.wav", seconds=2.0))
    write_lines(tmp_path / "mine_recordings_train.jsonl.gz", [whole["recording"]])
    path = write_lines(tmp_path / "mine_supervisions_train.jsonl.gz", whole["supervisions"])
    assert said(read("lhotse", tmp_path)) == {"train": {"s1": "one"}}
    (tmp_path / "mine_recordings_train.jsonl.gz").unlink()
    with pytest.raises(CorpusError, match=r"with no mine_recordings_train\.jsonl\.gz beside them"):
        read("lhotse", path)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"type": "MixedCut"}, "c is a MixedCut; only cuts of one recording are read"),
        ({"recording": {"transforms": [{"name": "Speed"}]}}, "recording r is changed as Lhotse reads it"),
        (
            {"recording": {"sources": [{"type": "command", "channels": [0], "source": "x |"}]}},
            "is command with 1 channels",
        ),
        (
            {"recording": {"sources": [{"type": "file", "channels": [0, 1], "source": "x"}]}},
            "is file with 2 channels",
        ),
        (
            {"recording": {"sources": [{"type": "file", "channels": [0], "source": "gone.wav"}]}},
            "no sound file 'gone.wav'",
        ),
        ({"recording": {"sources": None}}, "not as Lhotse writes it"),
        ({"start": None}, "not as Lhotse writes it"),
        ({"supervisions": [{"id": "s"}]}, "no 'start' there"),
    ],
)
def test_lhotse_that_cannot_be_read(
    tmp_path: Path, sound: Sound, changes: dict[str, Any], complaint: str
) -> None:
    path = write_lines(tmp_path / "cuts.jsonl", [cut(sound(tmp_path / "talk.wav", seconds=2.0), **changes)])
    with pytest.raises(CorpusError, match=rf"cuts\.jsonl:1: .*{complaint}"):
        read("lhotse", path)


def test_a_cut_off_file_of_cuts(tmp_path: Path) -> None:
    path = tmp_path / "cuts.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"id": 1}\n' * 500)[:40])
    with pytest.raises(CorpusError, match=r"cuts\.jsonl\.gz: not a readable file of JSON lines"):
        read("lhotse", path)


# --- NeMo


def test_nemo_names_file_and_line(tmp_path: Path, sound: Sound) -> None:
    sound(tmp_path / "a.wav")
    (tmp_path / "train_manifest.json").write_text(
        '{"audio_filepath": "a.wav", "duration": 0.25, "text": " a  b ", "digest": "' + "0" * 64 + '"}\n'
        '{"audio_filepath": "a.wav", "duration": 0.25, "text": "", "id": "b"}\n'
    )
    found = read("nemo", tmp_path)
    assert (found.splits["train"][0].text, found.splits["train"][0].digest) == ("a b", "")
    assert [item.id for item in found.left_out] == ["b"]
    (tmp_path / "test_manifest.json").write_text('{"audio_filepath": "a.wav"}\n')
    with pytest.raises(CorpusError, match=r"test_manifest\.json:1: key duration is missing"):
        read("nemo", tmp_path)
    with pytest.raises(CorpusError, match=r"expected manifests called train\.jsonl"):
        read("nemo", sound(tmp_path / "empty/a.wav").parent)
