"""What is written in a format is read back from it as the same utterances."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.audio import read_pcm16
from asr.corpora.exchange import FORMS, Options
from asr.corpora.own import HoldOut, export_recordings, import_recordings, write_manifests
from asr.errors import CorpusError
from asr.manifest import Utterance, read_manifest, write_manifest
from asr.randomness import numpy_generator

RATE = 8000
TEXTS = {"a": 'say "yes", please', "b": "l'été à Noël | über", "c": "今天 天气 很好", "d": "नमस्ते दुनिया"}


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A folder of manifests: whole files of WAV and FLAC, and two parts of one file; two speakers and none."""
    folder = tmp_path / "mine"
    (folder / "wav").mkdir(parents=True)
    for name in ("a.wav", "b.flac", "long talk.wav"):
        samples = numpy_generator(1, "exchange", name).integers(-9000, 9000, 2 * RATE).astype(np.int16)
        soundfile.write(folder / "wav" / name, samples, RATE)
    train = [
        Utterance("a", "wav/a.wav", 2.0, TEXTS["a"], speaker="zoe", lang="en"),
        Utterance("b", "wav/b.flac", 2.0, TEXTS["b"], speaker="anna", lang="fr"),
    ]
    test = [
        Utterance("talk-1", "wav/long talk.wav", 0.75, TEXTS["c"], offset=0.25, lang="zh"),
        Utterance("talk-2", "wav/long talk.wav", 0.5, TEXTS["d"], offset=1.125, speaker="bert", lang="hi"),
    ]
    write_manifest(folder / "train.jsonl", train)
    write_manifest(folder / "test.jsonl", test)
    return folder


def told(utterances: object) -> list[tuple[object, ...]]:
    """All that formats agree on, with the sound itself."""
    return [
        (
            u.id,
            u.text,
            u.speaker,
            read_pcm16(u.audio_filepath, offset=u.offset, duration=u.duration)[0].tobytes(),
        )
        for u in sorted(utterances, key=lambda u: u.id)  # type: ignore[call-overload, attr-defined]
    ]


@pytest.mark.parametrize("name", ["table", "kaldi", "nemo", "huggingface", "lhotse"])
def test_round_trip(name: str, recordings: Path, tmp_path: Path) -> None:
    splits, _ = export_recordings([recordings], name, tmp_path / "out")
    found = import_recordings(name, {"all": tmp_path / "out"}, Options(), tmp_path / "cache")
    assert set(found.splits) == {"train", "test"}
    assert found.left_out == []
    for split, utterances in found.splits.items():
        expected = list(splits[split])
        if name == "kaldi":  # a of zoe before b of anna: not in the order of speakers
            expected = [replace(u, id=f"{u.speaker}-{u.id}" if u.speaker else u.id) for u in expected]
        assert told(utterances) == told(expected)
        if name != "kaldi":  # which does not know languages
            assert {u.id: u.lang for u in utterances} == {u.id: u.lang for u in expected}


def test_what_is_written_can_be_written_again(recordings: Path, tmp_path: Path) -> None:
    """The same manifests give the same bytes, also packed ones."""
    for name in ("lhotse", "kaldi", "huggingface"):
        export_recordings([recordings], name, tmp_path / "one" / name)
        export_recordings([recordings], name, tmp_path / "two" / name)
        for path in (tmp_path / "one" / name).rglob("*"):
            if path.is_file():
                other = tmp_path / "two" / path.relative_to(tmp_path / "one")
                assert path.read_bytes() == other.read_bytes()


def test_kaldi_is_sorted_as_kaldi_wants_it(recordings: Path, tmp_path: Path) -> None:
    _, notes = export_recordings([recordings], "kaldi", tmp_path / "out")
    train = tmp_path / "out" / "train"
    assert (train / "utt2spk").read_text() == "anna-b anna\nzoe-a zoe\n"
    assert (train / "spk2utt").read_text() == "anna anna-b\nzoe zoe-a\n"
    assert (train / "utt2dur").read_text() == "anna-b 2.0\nzoe-a 2.0\n"
    assert not (train / "segments").exists()
    assert (tmp_path / "out/test/segments").read_text() == (
        "bert-talk-2 long_talk 1.125 1.625\ntalk-1 long_talk 0.25 1.0\n"
    )
    assert (tmp_path / "out/test/utt2spk").read_text() == "bert-talk-2 bert\ntalk-1 talk-1\n"
    assert any("ids begin with their speakers" in note for note in notes)
    assert any("1 utterances are in files that are no WAV" in note for note in notes)


def test_audiofolder_is_whole_by_itself(recordings: Path, tmp_path: Path) -> None:
    export_recordings([recordings], "huggingface", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out/train").iterdir()) == [
        "a.wav",
        "b.flac",
        "metadata.csv",
    ]
    assert (tmp_path / "out/train/b.flac").read_bytes() == (recordings / "wav/b.flac").read_bytes()
    assert soundfile.info(tmp_path / "out/test/talk-1.wav").frames == 0.75 * RATE


def test_manifests_that_are_made_are_a_corpus(recordings: Path, tmp_path: Path) -> None:
    """From NeMo with one part to manifests with two, which the reader `manifest` takes."""
    from asr.corpora import prepare

    lines = [
        line
        for split in ("train", "test")
        for line in (recordings / f"{split}.jsonl").read_text().splitlines()
    ]
    (recordings / "every.json").write_text("\n".join(lines))
    source = {"all": recordings / "every.json"}
    own = import_recordings("nemo", source, Options(), tmp_path / "cache", held=HoldOut(utterances=1))
    write_manifests(tmp_path / "made", own.splits, "nemo")
    assert {split: len(utterances) for split, utterances in own.splits.items()} == {"train": 3, "test": 1}
    corpus = prepare("manifest", tmp_path / "made", tmp_path / "cache")
    assert {split: lock.digest for split, lock in corpus.locks.items()} == {
        split: json.loads((tmp_path / "made/prepared.json").read_text())["splits"][split]["digest"]
        for split in ("train", "test")
    }
    again = import_recordings("nemo", source, Options(), tmp_path / "cache", held=HoldOut(utterances=1))
    assert again.splits == own.splits


def test_names_that_two_parts_share(recordings: Path, tmp_path: Path) -> None:
    """As datasets often have them: 0.wav, 1.wav, ... in each part. Twice in one part is a mistake."""
    for split, other in (("one", "a.wav"), ("two", "b.flac")):
        lines = [f'{{"audio_filepath": "{recordings}/wav/{other}", "duration": 2.0, "text": "x", "id": "0"}}']
        lines.append(lines[0].replace('"0"', f'"{split}"'))
        (tmp_path / f"{split}.json").write_text("\n".join(lines))
    sources = {"train": tmp_path / "one.json", "test": tmp_path / "two.json"}
    own = import_recordings("nemo", sources, Options(), tmp_path / "cache")
    assert {split: [u.id for u in each] for split, each in own.splits.items()} == {
        "train": ["train/0", "one"],
        "test": ["test/0", "two"],
    }
    (tmp_path / "one.json").write_text((tmp_path / "one.json").read_text().replace('"one"', '"0"'))
    with pytest.raises(CorpusError, match="train/0 is in train and again in train"):
        import_recordings("nemo", sources, Options(), tmp_path / "cache")


def test_files_inside_are_named_relatively(recordings: Path, tmp_path: Path) -> None:
    own = import_recordings("nemo", {"all": recordings}, Options(), tmp_path / "cache")
    write_manifests(recordings, own.splits, "nemo")
    line = json.loads((recordings / "train.jsonl").read_text().splitlines()[0])
    assert line["audio_filepath"] == "wav/a.wav"
    assert read_manifest(recordings / "train.jsonl")[0].duration == 2.0


def test_every_format_says_what_it_is() -> None:
    assert [form.name for form in FORMS.values()] == list(FORMS)
    assert {name for name, form in FORMS.items() if form.write is None} == {"folder"}
