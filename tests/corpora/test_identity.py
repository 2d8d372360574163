"""A real corpus keeps its identity through conversions, renamings and moves, and loses it with a single bit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from asr.audio import read_pcm16
from asr.corpora import PreparedCorpus, Splits, keep_lock, prepare
from asr.corpora.leaks import shared_audio
from asr.corpora.lock import SplitLock, split_lock
from asr.errors import CorpusError

CORPORA = ("an4", "fsdd", "yesno")
FORMATS = {".wav": "WAV", ".flac": "FLAC", ".sph": "NIST"}
Line = dict[str, Any]
Lines = dict[str, list[Line]]  # of manifests, by split


def some_of(corpus: PreparedCorpus) -> Splits:
    """Ten utterances of each split, of all its speakers' regions."""
    return {split: part[:: max(1, len(part) // 10)][:10] for split, part in corpus.splits.items()}


def digests(splits: Splits) -> dict[str, str]:
    return {split: split_lock(part).digest for split, part in splits.items()}


def export(splits: Splits, folder: Path, suffixes: tuple[str, ...], name: str) -> Path:
    """Own recordings made of a corpus: file formats in turn, and other names in another order if `name` has a {}."""
    lines: Lines = {}
    for split, utterances in splits.items():
        lines[split] = []
        for number, utterance in enumerate(utterances):
            suffix = suffixes[number % len(suffixes)]
            samples, rate = read_pcm16(utterance.audio_filepath)
            path = folder / "speech" / f"{name.format(split, number) or utterance.id}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, samples, rate, format=FORMATS[suffix], subtype="PCM_16")
            place = path.relative_to(folder).as_posix()
            lines[split].append(
                {"audio_filepath": place, "duration": 0, "text": utterance.text, "speaker": utterance.speaker}
            )
        if name:
            lines[split].reverse()
    write(folder, lines)
    return folder


def write(folder: Path, lines: Lines) -> None:
    for split, part in lines.items():
        (folder / f"{split}.jsonl").write_text(
            "".join(f"{json.dumps(line)}\n" for line in part), encoding="utf-8"
        )


def read(folder: Path) -> Lines:
    return {
        split: [
            json.loads(line) for line in (folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        for split in ("train", "test")
    }


@pytest.fixture(params=CORPORA)
def corpus(request: pytest.FixtureRequest, real: Callable[[str], PreparedCorpus]) -> PreparedCorpus:
    return real(request.param)


@pytest.mark.parametrize("suffixes", [(".wav",), (".flac",), (".sph",), (".sph", ".flac", ".wav")])
@pytest.mark.parametrize("name", ["", "{0}/{0} {1}"], ids=["same names", "renamed and reordered"])
def test_identity_survives(
    corpus: PreparedCorpus, tmp_path: Path, suffixes: tuple[str, ...], name: str
) -> None:
    """Converted, renamed, in another order, in another folder: read by another reader, and still the same."""
    splits = some_of(corpus)
    folder = export(splits, tmp_path / "elsewhere", suffixes, name)
    copy = prepare("manifest", folder, tmp_path / "cache", check=False)
    assert {split: lock.digest for split, lock in copy.locks.items()} == digests(splits)
    names = {utterance.id for part in copy.splits.values() for utterance in part}
    assert (names == {utterance.id for part in splits.values() for utterance in part}) == (not name)


@pytest.mark.parametrize("suffix", [".flac", ".sph"])
def test_whole_converted_corpus_matches_the_lock_of_the_project(
    suffix: str, tmp_path: Path, real: Callable[[str], PreparedCorpus]
) -> None:
    """yesno, all of it: its words are in the file names."""
    for part in real("yesno").splits.values():
        for utterance in part:
            samples, rate = read_pcm16(utterance.audio_filepath)
            path = tmp_path / "yesno" / f"{utterance.id}{suffix}"
            path.parent.mkdir(exist_ok=True)
            soundfile.write(path, samples, rate, format=FORMATS[suffix], subtype="PCM_16")
    assert prepare("yesno", tmp_path / "yesno", tmp_path / "cache").lock_state == "matches"


def test_an4_in_flac_under_its_own_reader(
    an4_archive: Path, tmp_path: Path, real: Callable[[str], PreparedCorpus]
) -> None:
    """A subset in the corpus's own layout, as SPHERE and as FLAC, its lists in another order."""
    wanted = {split: part[::60] for split, part in real("an4").splits.items()}
    locks = []
    for suffix in (".sph", ".flac"):
        root = tmp_path / suffix[1:] / "an4"
        (root / "etc").mkdir(parents=True)
        for split, part in wanted.items():
            utterances = part if suffix == ".sph" else part[::-1]
            places = [f"{split}/{utterance.speaker}/{utterance.id}" for utterance in utterances]
            lines = [f"{utterance.text} ({utterance.id})\n" for utterance in part]
            (root / f"etc/an4_{split}.fileids").write_text("".join(f"{place}\n" for place in places))
            (root / f"etc/an4_{split}.transcription").write_text("".join(lines))
            for place, utterance in zip(places, utterances, strict=True):
                samples, rate = read_pcm16(utterance.audio_filepath)
                (root / "wav" / place).parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(
                    root / "wav" / f"{place}{suffix}", samples, rate, format=FORMATS[suffix], subtype="PCM_16"
                )
        locks.append(prepare("an4", root, tmp_path / "cache", check=False).locks)
    assert locks[0] == locks[1]
    assert {split: lock.digest for split, lock in locks[0].items()} == digests(wanted)


@pytest.fixture
def locked(corpus: PreparedCorpus, tmp_path: Path) -> Path:
    """Recordings of a real corpus in several formats, with the lock of their first use."""
    folder = export(some_of(corpus), tmp_path / "mine", (".wav", ".flac", ".sph"), "{}-{:02}")
    assert keep_lock(prepare("manifest", folder, tmp_path / "cache"))[0].lock_state == "written"
    assert prepare("manifest", folder, tmp_path / "cache").lock_state == "matches"
    return folder


def changed_audio(
    folder: Path, line: Line, change: Callable[[np.ndarray, int], tuple[np.ndarray, int]]
) -> None:
    path = folder / line["audio_filepath"]
    samples, rate = change(*read_pcm16(path))
    soundfile.write(path, samples, rate, format=FORMATS[path.suffix], subtype="PCM_16")


def one_bit(samples: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    samples[len(samples) // 3] ^= 1
    return samples, rate


def two_swapped(samples: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    place = int(np.flatnonzero(np.diff(samples[:, 0]))[10])
    samples[[place, place + 1]] = samples[[place + 1, place]]
    return samples, rate


AUDIO: dict[str, Callable[[np.ndarray, int], tuple[np.ndarray, int]]] = {
    "one bit of one sample": one_bit,
    "one sample less": lambda samples, rate: (samples[:-1], rate),
    "one sample more": lambda samples, rate: (np.vstack([samples, samples[-1:] * 0]), rate),
    "two samples swapped": two_swapped,
    "another sample rate": lambda samples, rate: (samples, rate + 1),
    "another channel": lambda samples, rate: (np.hstack([samples, samples]), rate),
}
LISTED: dict[str, Callable[[Line], Line]] = {
    "one character more": lambda line: line | {"text": line["text"] + "s"},
    "one character in the other case": lambda line: (
        line | {"text": line["text"][:-1] + line["text"][-1:].swapcase()}
    ),
    "one space": lambda line: line | {"text": " " + line["text"]},
    "another speaker": lambda line: line | {"speaker": line["speaker"] + "2"},
    "no speaker": lambda line: line | {"speaker": ""},
}


def complaint(folder: Path) -> str:
    with pytest.raises(CorpusError) as caught:
        prepare("manifest", folder, folder.parent / "cache")
    return str(caught.value).partition("corpus.lock.json: ")[2].partition(". If this change")[0]


@pytest.mark.parametrize("change", AUDIO.values(), ids=AUDIO)
def test_changed_audio_is_named(locked: Path, change: Any) -> None:
    line = read(locked)["train"][3]
    changed_audio(locked, line, change)
    found, name = complaint(locked), Path(line["audio_filepath"]).stem
    assert found.startswith("train: ")
    assert found.endswith(f"1 changed (samples, sample rate, words or speaker): {name}")


@pytest.mark.parametrize("suffix", FORMATS)
def test_one_bit_is_named_in_every_format(locked: Path, suffix: str) -> None:
    line = next(line for line in read(locked)["test"] if line["audio_filepath"].endswith(suffix))
    changed_audio(locked, line, one_bit)
    name = Path(line["audio_filepath"]).stem
    assert complaint(locked) == f"test: 1 changed (samples, sample rate, words or speaker): {name}"


@pytest.mark.parametrize("change", LISTED.values(), ids=LISTED)
def test_changed_line_is_named(locked: Path, change: Callable[[Line], Line]) -> None:
    lines = read(locked)
    lines["test"][3] = change(lines["test"][3])
    write(locked, lines)
    name = Path(lines["test"][3]["audio_filepath"]).stem
    assert complaint(locked) == f"test: 1 changed (samples, sample rate, words or speaker): {name}"


def test_utterance_of_another_part_is_named(locked: Path) -> None:
    lines = read(locked)
    moved = lines["test"].pop(2)
    lines["train"].insert(5, moved)
    write(locked, lines)
    name = Path(moved["audio_filepath"]).stem
    found = complaint(locked)
    assert f"1 moved to train: {name}; train: 11 utterances instead of 10, " in found
    assert found.endswith(f"1 moved here from test: {name}")


def test_utterances_that_swapped_parts_are_named(locked: Path) -> None:
    lines = read(locked)
    lines["train"][0], lines["test"][0] = lines["test"][0], lines["train"][0]
    write(locked, lines)
    to_train, to_test = (Path(lines[split][0]["audio_filepath"]).stem for split in ("train", "test"))
    assert f"1 moved here from train: {to_test}, 1 moved to train: {to_train}" in complaint(locked)


def test_swapped_transcripts_are_named(locked: Path) -> None:
    """All words are still there, and said by the same speakers; two are beside the wrong audio."""
    lines = read(locked)
    part = lines["train"]
    first, second = part[0], next(line for line in part if line["text"] != part[0]["text"])
    first["text"], second["text"] = second["text"], first["text"]
    write(locked, lines)
    names = sorted(Path(line["audio_filepath"]).stem for line in (first, second))
    assert complaint(locked).endswith(
        f"2 changed (samples, sample rate, words or speaker): {', '.join(names)}"
    )


def test_missing_and_additional_are_named(locked: Path) -> None:
    lines = read(locked)
    gone = lines["train"].pop(4)
    twin = lines["train"][0] | {"id": "twin"}
    lines["train"].append(twin)
    write(locked, lines)
    found = complaint(locked)
    assert f"1 missing: {Path(gone['audio_filepath']).stem}" in found
    assert found.endswith("1 additional: twin")


def test_converted_copy_of_a_test_recording_is_a_leak(locked: Path) -> None:
    """Another format, name, text and speaker in training: the samples give it away."""
    lines = read(locked)
    victim = lines["test"][0]
    samples, rate = read_pcm16(locked / victim["audio_filepath"])
    soundfile.write(locked / "innocent.wav", samples, rate, subtype="PCM_16")
    lines["train"].append(
        {"audio_filepath": "innocent.wav", "duration": 0, "text": "SOMETHING ELSE", "speaker": "x"}
    )
    write(locked, lines)
    planted = prepare("manifest", locked, locked.parent / "cache", check=False)
    assert shared_audio(planted.splits) == {Path(victim["audio_filepath"]).stem: ("train",)}


def test_lock_of_a_subset_is_not_that_of_the_whole(corpus: PreparedCorpus) -> None:
    subset: dict[str, SplitLock] = {split: split_lock(part) for split, part in some_of(corpus).items()}
    for split, lock in subset.items():
        assert lock.identities is not None
        assert lock.identities.items() < dict(corpus.locks[split].identities or {}).items()
        assert lock.digest != corpus.locks[split].digest
