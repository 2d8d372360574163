"""Readers of public corpora on miniatures in their layouts, the traps first."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.corpora import prepare
from asr.corpora.readers import commonvoice, ljspeech, mls, speech_commands, tedlium, timit, vctk, voxforge
from asr.corpora.reading import Splits
from asr.corpora.registry import NAMES, get_reader
from asr.errors import CorpusError

Noise = Callable[..., np.ndarray]
Sound = Callable[..., Path]


@pytest.fixture
def sound(mini_noise: Noise) -> Sound:
    """Writes a file of so many seconds in the format of its suffix."""

    def write(path: Path, seconds: float = 0.1, rate: int = 16_000) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = mini_noise(path.name, round(seconds * rate))
        if path.suffix.lower() in (".sph", ".wav"):
            kind = "NIST" if path.suffix != ".wav" else "WAV"
            soundfile.write(path, samples, rate, format=kind, subtype="PCM_16")
        else:
            soundfile.write(path, samples, rate)
        return path

    return write


def ids(splits: Splits) -> dict[str, list[str]]:
    return {split: [u.id for u in utterances] for split, utterances in splits.items()}


def texts(utterances: Sequence[object]) -> list[str]:
    return [u.text for u in utterances]  # type: ignore[attr-defined]


# --- Common Voice

HEADER = "client_id\tpath\tsentence_id\tsentence\tsentence_domain\tup_votes\tdown_votes\tage\tgender\taccents\tlocale\n"


def common_voice(tmp_path: Path, sound: Sound, **sentences: Sequence[str]) -> Path:
    folder = tmp_path / "cv-corpus-17.0-2024-03-15" / "pl"
    for split in ("train", "dev", "test", "validated"):
        lines = [HEADER]
        for number, sentence in enumerate(sentences.get(split, ["Tak."])):
            name = f"common_voice_pl_{split}{number}.mp3"
            if split != "validated":
                sound(folder / "clips" / name)
            lines.append(f"{split}-someone\t{name}\tx\t{sentence}\t\t2\t0\t\t\t\tpl\n")
        (folder / f"{split}.tsv").write_text("".join(lines), encoding="utf-8")
    return folder


def test_common_voice(tmp_path: Path, sound: Sound) -> None:
    train = [
        '"Cześć", powiedział.',
        '"On rzekł ""nie"" i poszedł."',
        "",
        "Zażółć  gęślą\u2028jaźń",
        '"Całe zdanie."',
    ]
    folder = common_voice(tmp_path, sound, train=train)
    corpus = prepare("commonvoice", folder, tmp_path / "cache")
    assert texts(corpus.splits["train"]) == [
        '"Cześć", powiedział.',
        'On rzekł "nie" i poszedł.',
        "Zażółć gęślą jaźń",
        "Całe zdanie.",
    ]
    assert ids(corpus.splits)["dev"] == ["common_voice_pl_dev0"]
    assert {(u.speaker, u.lang) for u in corpus.splits["test"]} == {("test-someone", "pl")}
    assert corpus.lock_place is not None
    assert corpus.lock_place.path == folder / "corpus.lock.json"


def test_common_voice_that_is_not_whole(tmp_path: Path, sound: Sound) -> None:
    folder = common_voice(tmp_path, sound)
    (folder / "clips/common_voice_pl_dev0.mp3").unlink()
    with pytest.raises(CorpusError, match=r"clips of dev\.tsv: 1 of 1 missing: common_voice_pl_dev0\.mp3"):
        commonvoice.read(folder)
    (folder / "train.tsv").write_text("path\ttext\na.mp3\tb\n")
    with pytest.raises(CorpusError, match=r"train\.tsv: no column client_id"):
        commonvoice.read(folder)
    with pytest.raises(
        CorpusError, match=r"say where with --corpus FOLDER; expected cv-corpus-RELEASE/LANGUAGE"
    ):
        prepare("commonvoice", None, tmp_path / "cache")


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ('"a"', "a"),
        ('"', '"'),
        ('""', ""),
        ('"a" b "c"', '"a" b "c"'),
        ('a "b"', 'a "b"'),
        ('"a ""b"" c"', 'a "b" c'),
    ],
)
def test_quotes_of_common_voice(field: str, sentence: str) -> None:
    assert commonvoice.sentence_of(field) == sentence


# --- TED-LIUM


def ted(tmp_path: Path, sound: Sound, train: str) -> Path:
    root = tmp_path / "TEDLIUM_release-3"
    other = (
        "BillGates_2009 1 BillGates_2009 0.10 0.35 <o,f0,male> <unk> i wrote a letter (BillGates_2009-1)\n"
    )
    for split, talk, lines in (
        ("train", "911Mothers_2010W", train),
        ("dev", "Bob_2010", other),
        ("test", "Eve_2011", other),
    ):
        sound(root / "legacy" / split / "sph" / f"{talk}.sph", seconds=0.6)
        (root / "legacy" / split / "stm").mkdir(parents=True)
        (root / "legacy" / split / "stm" / f"{talk}.stm").write_text(lines)
    return root


def test_tedlium(tmp_path: Path, sound: Sound) -> None:
    talk = "911Mothers_2010W 1 911Mothers_2010W"
    train = (
        f"{talk} 0.00 0.10 <NA> <unk> because of\n"
        f"{talk} 0.10 0.25 <NA> it 's the(2) fact <sil> that we {{NOISE}} don 't 'cause\n"
        f"{talk} 0.25 0.40 <NA> ignore_time_segment_in_scoring\n"
        f"{talk} 0.40 0.58 <NA> two mothers\n"
    )
    corpus = prepare("tedlium", ted(tmp_path, sound, train), tmp_path / "cache")
    assert [(u.id, u.text, u.offset, u.duration) for u in corpus.splits["train"]] == [
        ("911Mothers_2010W-1", "it's the fact that we don't 'cause", 0.1, 0.15),
        ("911Mothers_2010W-3", "two mothers", 0.4, 0.18),
    ]
    assert texts(corpus.splits["test"]) == ["i wrote a letter"]
    assert corpus.splits["dev"][0].speaker == "BillGates_2009"


def test_tedlium_lines_that_are_none(tmp_path: Path, sound: Sound) -> None:
    root = ted(tmp_path, sound, "911Mothers_2010W 1 x\n")
    with pytest.raises(
        CorpusError, match=r"911Mothers_2010W\.stm:1: expected `TALK CHANNEL SPEAKER BEGIN END"
    ):
        tedlium.read(root)


# --- LJ Speech


def test_ljspeech(tmp_path: Path, sound: Sound) -> None:
    root = tmp_path / "LJSpeech-1.1"
    lines = [
        'LJ001-0001|Printing, "in 1455|Printing, "in fourteen fifty-five',
        "LJ048-0001|dev|",
        "LJ049-0001|a|b",
        "LJ050-0002|c|d",
    ]
    for line in lines:
        sound(root / "wavs" / f"{line.split('|')[0]}.wav", rate=22_050)
    (root / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    splits = ljspeech.read(root)
    assert texts(splits["train"]) == ['Printing, "in fourteen fifty-five']
    assert texts(splits["dev"]) == ["dev"]  # nothing in the third column
    assert ids(splits)["test"] == ["LJ049-0001", "LJ050-0002"]
    (root / "wavs/LJ050-0002.wav").unlink()
    with pytest.raises(CorpusError, match="1 of 4 missing: LJ050-0002"):
        ljspeech.read(root)
    (root / "metadata.csv").write_text("LJ001-0001|one\n")
    with pytest.raises(
        CorpusError, match=r"metadata\.csv:1: expected `ID\|text\|normalised text`, found 2 fields"
    ):
        ljspeech.read(root)


# --- VCTK


def test_vctk(tmp_path: Path, sound: Sound) -> None:
    """p315 has no texts, p280 no second microphone; a speaker of test."""
    for name in ("p225_001", "p280_001", "p315_001", "p376_295", "s5_001"):
        speaker = name.split("_")[0]
        for microphone in ("mic1", "mic2") if speaker != "p280" else ("mic1",):
            sound(tmp_path / "wav48_silence_trimmed" / speaker / f"{name}_{microphone}.flac", rate=48_000)
        if speaker != "p315":
            path = tmp_path / "txt" / speaker / f"{name}.txt"
            path.parent.mkdir(parents=True)
            path.write_text(f"Please call {name}. \n")
    (tmp_path / "txt/p225/p225_002.txt").write_text("A text without a recording.\n")
    splits = vctk.read(tmp_path)
    assert ids(splits) == {"train": ["p225_001", "p280_001"], "test": ["p376_295", "s5_001"]}
    assert splits["train"][0].audio_filepath.endswith("p225_001_mic1.flac")
    assert texts(splits["train"])[0] == "Please call p225_001."
    (tmp_path / "wav48_silence_trimmed").rename(tmp_path / "elsewhere")
    sound(tmp_path / "wav48/p225/p225_001.wav", rate=48_000)
    assert ids(vctk.read(tmp_path)) == {"train": ["p225_001"], "test": []}


# --- VoxForge


def test_voxforge(tmp_path: Path, sound: Sound) -> None:
    sessions = {
        "1snoke-20120412-hge": (
            "wav",
            "1snoke-20120412-hge/mfc/a0405 IT SEEMED\n1snoke/mfc/a0406 NO RECORDING\n",
        ),
        "anonymous-20080101-abc": ("flac", "*/b1 caf\xe9 noir\n"),
        "Björn-20090909-x": ("wav", "b2 JA\n"),
    }
    for name, (kind, prompts) in sessions.items():
        for recording in ("a0405", "b1", "b2"):
            if recording in prompts:
                sound(tmp_path / name / kind / f"{recording}.{kind}")
        (tmp_path / name / "etc").mkdir()
        (tmp_path / name / "etc" / "PROMPTS").write_bytes(prompts.encode("cp1252"))
    sound(tmp_path / "without-prompts-20100101-abc/wav/a.wav")
    found = [u for utterances in voxforge.read(tmp_path).values() for u in utterances]
    assert {(u.id, u.speaker, u.text) for u in found} == {
        ("1snoke-20120412-hge/a0405", "1snoke", "IT SEEMED"),
        ("anonymous-20080101-abc/b1", "anonymous-20080101-abc", "café noir"),
        ("Björn-20090909-x/b2", "Björn", "JA"),
    }


def test_voxforge_speakers_stay_together() -> None:
    names = [f"speaker{number}" for number in range(2000)]
    assert 0.03 < sum(map(voxforge.is_test, names)) / len(names) < 0.07
    assert voxforge.speaker_of("Aaron-20080318-kdl") == "Aaron"
    assert voxforge.speaker_of("jane-doe-20080318-kdl") == "jane-doe"
    assert voxforge.speaker_of("odd") == "odd"


# --- Speech Commands


def test_speech_commands(tmp_path: Path, sound: Sound) -> None:
    for name in (
        "yes/aa_nohash_0",
        "no/aa_nohash_0",
        "no/bb_nohash_1",
        "yes/cc_nohash_0",
        "_background_noise_/hum",
    ):
        sound(tmp_path / f"{name}.wav")
    (tmp_path / "validation_list.txt").write_text("no/bb_nohash_1.wav\n")
    (tmp_path / "testing_list.txt").write_text("yes/cc_nohash_0.wav\n")
    splits = speech_commands.read(tmp_path)
    assert ids(splits) == {
        "train": ["no/aa_nohash_0", "yes/aa_nohash_0"],
        "dev": ["no/bb_nohash_1"],
        "test": ["yes/cc_nohash_0"],
    }
    assert (splits["test"][0].text, splits["test"][0].speaker) == ("yes", "cc")
    (tmp_path / "testing_list.txt").write_text("yes/dd_nohash_0.wav\n")
    with pytest.raises(CorpusError, match=r"testing_list\.txt: 1 of 1 missing: yes/dd_nohash_0"):
        speech_commands.read(tmp_path)


# --- TIMIT


@pytest.mark.parametrize(("upper", "ending"), [(True, ".WAV"), (False, ".wav"), (True, ".WAV.wav")])
def test_timit(tmp_path: Path, sound: Sound, upper: bool, ending: str) -> None:
    """As LDC has it, in lower case, and converted beside the originals."""
    for name in (
        "TRAIN/DR1/FCJF0/SA1",
        "TRAIN/DR1/FCJF0/SI1027",
        "TEST/DR1/MDAB0/SX139",
        "TEST/DR1/FAKS0/SI943",
        "TEST/DR2/MZZZ0/SI1",
    ):
        given = name if upper else name.lower()
        sound(tmp_path / "TIMIT" / f"{given}{ending}")
        text = tmp_path / "TIMIT" / (given + (".TXT" if upper else ".txt"))
        text.write_text("0 46797 Even then, if she took one step. \n")
    corpus = prepare("timit", tmp_path, tmp_path / "cache")
    assert ids(corpus.splits) == {"train": ["fcjf0_si1027"], "dev": ["faks0_si943"], "test": ["mdab0_sx139"]}
    assert corpus.splits["test"][0].text == "Even then, if she took one step."
    assert corpus.splits["test"][0].speaker == "mdab0"


def test_timit_parts_have_other_speakers(tmp_path: Path) -> None:
    assert (len(timit.CORE), len(timit.DEV), len(timit.CORE & timit.DEV)) == (24, 50, 0)
    with pytest.raises(CorpusError, match="LDC93S1, of the Linguistic Data Consortium"):
        prepare("timit", None, tmp_path)


# --- Multilingual LibriSpeech


def test_mls(tmp_path: Path, sound: Sound) -> None:
    for split, name in (("train", "6892_10049_000000"), ("dev", "1_2_000000"), ("test", "3_4_000000")):
        folder = tmp_path / "mls_polish" / split
        speaker, book, _ = name.split("_")
        sound(folder / "audio" / speaker / book / f"{name}.flac")
        (folder / "transcripts.txt").write_text(f"{name}\tznów  zażółcę\n", encoding="utf-8")
        (folder / "segments.txt").write_text(f"{name}\thttp://www.archive.org/x.mp3\t1.0\t2.0\n")
    corpus = prepare("mls", tmp_path, tmp_path / "cache", parts=("polish",))
    assert [(u.id, u.text, u.speaker, u.lang) for u in corpus.splits["train"]] == [
        ("6892_10049_000000", "znów zażółcę", "6892", "pl")
    ]
    assert list(corpus.splits) == ["train", "dev", "test"]
    with pytest.raises(CorpusError, match=r"mls: say which part with corpus\.parts: english, german"):
        prepare("mls", tmp_path, tmp_path / "cache")
    (tmp_path / "mls_polish/dev/transcripts.txt").write_text("1_2_000000 no tab\n")
    with pytest.raises(CorpusError, match=r"transcripts\.txt:1: expected `SPEAKER_BOOK_NUMBER`, a tab"):
        mls.read(tmp_path / "mls_polish")


# --- All of them


@pytest.mark.parametrize("name", NAMES)
def test_every_reader_says_what_it_is(name: str) -> None:
    reader = get_reader(name)
    assert reader.name == name
    assert reader.title
    assert reader.licence
    assert reader.layout
    assert all(part.source.urls for part in reader.parts.values())
    sources = [*([reader.source] if reader.source else []), *(part.source for part in reader.parts.values())]
    assert all(url.startswith("http") for source in sources for url in source.urls)
