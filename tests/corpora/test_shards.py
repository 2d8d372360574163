"""Corpora in shards: bit for bit the same audio, readable by others, whole or not there, proved when read."""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO

import miniature
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import read_audio, read_pcm16
from asr.corpora import PreparedCorpus, keep_lock, prepare
from asr.corpora.shard_samples import encode, key_of
from asr.corpora.shard_writer import PARTS, write_shards
from asr.corpora.shards import read_list
from asr.errors import AudioError, CorpusError
from asr.files import sha256_file
from asr.manifest import audio_digest, read_manifest

SIZE = 30_720  # bytes: three tape records, a few short utterances

WORDS = {
    "train": {f"{speaker}/an{n}-{speaker}-b": f"WORD {n}" for speaker in ("fash", "mwhw") for n in range(6)},
    "test": {"fcaw/an406-fcaw-b": "HELP", "mmxg/cen8-mmxg-b": "ÄH JA"},
}


def quiet(_what: str, _done: int, _total: int) -> None:
    pass


@pytest.fixture
def corpus(
    tmp_path: Path, mini_an4: Callable[..., Path], mini_noise: Callable[..., np.ndarray]
) -> PreparedCorpus:
    """Twelve and two utterances of a quarter of a second, SPHERE."""
    folder = mini_an4(tmp_path / "files", change=lambda name, _: mini_noise(name, 4000), **WORDS)
    return prepare("an4", folder, tmp_path / "cache", check=False)


@pytest.fixture
def shards(tmp_path: Path, corpus: PreparedCorpus) -> Path:
    write_shards(corpus, tmp_path / "shards", SIZE, progress=quiet)
    return tmp_path / "shards"


def get(folder: Path, cache: Path) -> PreparedCorpus:
    return prepare("shards", folder, cache)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def test_same_corpus(shards: Path, corpus: PreparedCorpus, tmp_path: Path) -> None:
    """Order, words, speakers, durations, every sample; and so the identity."""
    packed = get(shards, tmp_path / "cache")
    assert packed.locks == corpus.locks
    for split, utterances in corpus.splits.items():
        for ours, theirs in zip(packed.splits[split], utterances, strict=True):
            assert replace(ours, audio_filepath="") == replace(theirs, audio_filepath="")
            samples, rate = read_pcm16(ours.audio_filepath)
            assert audio_digest(samples, rate) == theirs.audio_digest
            np.testing.assert_array_equal(
                read_audio(ours.audio_filepath, offset=0.05, duration=0.1).samples,
                read_audio(theirs.audio_filepath, offset=0.05, duration=0.1).samples,
            )


def test_sizes(shards: Path) -> None:
    sizes = [path.stat().st_size for path in sorted(shards.glob("train-*.tar"))]
    assert len(sizes) > 2
    assert max(sizes) <= SIZE
    assert min(sizes[:-1]) > SIZE / 2
    listed = read_list(shards)
    assert sum(item["utterances"] for item in listed["shards"]) == 14
    assert [item["bytes"] for item in listed["shards"] if item["name"].startswith("train")] == sizes


def test_others_can_read_them(shards: Path, tmp_path: Path) -> None:
    """GNU tar unpacks them and sha256sum checks them; the members are what they are called."""
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=shards, check=True)
    for shard in sorted(shards.glob("*.tar")):
        subprocess.run(["tar", "--extract", "--file", shard, "--directory", tmp_path], check=True)
    tree = json.loads((tmp_path / "cen8-mmxg-b.json").read_text(encoding="utf-8"))
    assert (tree["id"], tree["text"], tree["speaker"], tree["duration"]) == (
        "cen8-mmxg-b",
        "ÄH JA",
        "mmxg",
        0.25,
    )
    assert (tmp_path / "cen8-mmxg-b.txt").read_text(encoding="utf-8") == "ÄH JA"
    samples, rate = soundfile.read(tmp_path / "cen8-mmxg-b.flac", dtype="int16", always_2d=True)
    assert audio_digest(samples, rate) == tree["audio_digest"]
    assert len(list(tmp_path.glob("*.flac"))) == 14


WEBDATASET = """
import glob, hashlib, io, json, soundfile, sys, webdataset
samples = webdataset.WebDataset(sorted(glob.glob(sys.argv[1] + "/train-*.tar")), shardshuffle=False)
found = []
for sample in samples:
    audio, rate = soundfile.read(io.BytesIO(sample["flac"]), dtype="int16")
    found.append([sample["__key__"], sample["txt"].decode(), rate, audio.tolist()])
print(json.dumps(found))
"""


@pytest.mark.slow
def test_webdataset_reads_them(shards: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", WEBDATASET, str(shards)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    expected = []
    for utterance in read_manifest(shards / "train.jsonl"):
        samples, rate = read_pcm16(utterance.audio_filepath)
        expected.append([utterance.id, utterance.text, rate, samples[:, 0].tolist()])
    assert found == expected


def test_places_are_those_of_the_members(shards: Path) -> None:
    for utterance in read_manifest(shards / "train.jsonl"):
        shard, _, where = utterance.audio_filepath.partition("#")
        with tarfile.open(shard) as tar:
            member = tar.getmember(f"{utterance.id}.flac")
        assert where == f"{member.offset_data}+{member.size}"


@pytest.mark.parametrize("workers", [1, 3])
def test_same_bytes_again(shards: Path, corpus: PreparedCorpus, tmp_path: Path, workers: int) -> None:
    write_shards(corpus, tmp_path / "again", SIZE, workers=workers, progress=quiet)
    assert contents(tmp_path / "again") == contents(shards)


class StopError(Exception):
    pass


@pytest.mark.parametrize("after", range(0, 13, 3))
def test_interrupted_it_goes_on(shards: Path, corpus: PreparedCorpus, tmp_path: Path, after: int) -> None:
    """Finished shards stay as they are; before the end there is no list, so nobody takes it for a corpus."""
    folder = tmp_path / "again"

    def stop(what: str, done: int, _total: int) -> None:
        if what == "pack train" and done >= after:
            raise StopError

    with pytest.raises(StopError):
        write_shards(corpus, folder, SIZE, progress=stop)
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.tar")}
    with pytest.raises(CorpusError, match="shards is not there"):
        get(folder, tmp_path / "cache")
    write_shards(corpus, folder, SIZE, progress=quiet)
    assert contents(folder) == contents(shards)
    assert {name: (folder / name).stat().st_mtime_ns for name in before} == before
    assert not (folder / PARTS).exists()


def test_what_a_killed_process_leaves_is_swept_away(
    shards: Path, corpus: PreparedCorpus, tmp_path: Path
) -> None:
    folder = tmp_path / "again"
    (folder / PARTS).mkdir(parents=True)
    for name in (".train-000000.tar.1a2b.part", f"{PARTS}/.train-000000.tar.json.1a2b.part"):
        (folder / name).write_text("half")
    (folder / "train-000000.tar").write_text("of another try")
    write_shards(corpus, folder, SIZE, progress=quiet)
    assert contents(folder) == contents(shards)


def test_one_at_a_time(corpus: PreparedCorpus, tmp_path: Path) -> None:
    def second(_what: str, done: int, _total: int) -> None:
        if done == 5:
            write_shards(corpus, tmp_path / "s", SIZE, progress=quiet)

    with pytest.raises(CorpusError, match="another process is packing shards into this folder"):
        write_shards(corpus, tmp_path / "s", SIZE, progress=second)


def test_what_has_changed_meanwhile_is_written_again(
    shards: Path, corpus: PreparedCorpus, tmp_path: Path
) -> None:
    folder = tmp_path / "again"
    write_shards(corpus, folder, SIZE, progress=quiet)
    (folder / "shards.json").unlink()
    (folder / PARTS).mkdir()
    train = list(corpus.splits["train"])
    other = replace(corpus, splits={**corpus.splits, "train": [replace(train[0], text="OTHER"), *train[1:]]})
    write_shards(other, folder, SIZE, progress=quiet)
    assert read_manifest(folder / "train.jsonl")[0].text == "OTHER"


def test_folders_that_hold_something(shards: Path, corpus: PreparedCorpus, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="holds finished shards; choose another folder"):
        write_shards(corpus, shards, SIZE, progress=quiet)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").touch()
    with pytest.raises(CorpusError, match=r"not empty \(letter\.txt\)"):
        write_shards(corpus, tmp_path / "mine", SIZE, progress=quiet)


def test_audio_that_changed_after_it_was_decoded(corpus: PreparedCorpus) -> None:
    utterance = corpus.splits["train"][0]
    with pytest.raises(CorpusError, match=f"utterance {utterance.id}: .* has other samples than when"):
        encode(replace(utterance, audio_filepath=corpus.splits["train"][1].audio_filepath))
    with pytest.raises(CorpusError, match=f"utterance {utterance.id}: .*no such file"):
        encode(replace(utterance, audio_filepath="/nowhere.wav"))


def test_stereo_and_24_bits(tmp_path: Path) -> None:
    """All channels are kept; what has more than 16 bits is rounded, as the identity is."""
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, (3000, 2))
    soundfile.write(tmp_path / "a.wav", samples, 44_100, subtype="PCM_24")
    (tmp_path / "train.jsonl").write_text('{"audio_filepath": "a.wav", "duration": 0, "text": "x"}\n')
    (tmp_path / "test.jsonl").write_text(
        '{"audio_filepath": "a.wav", "duration": 0, "text": "x", "id": "b"}\n'
    )
    corpus = prepare("manifest", tmp_path, tmp_path / "cache", check=False)
    write_shards(corpus, tmp_path / "shards", SIZE, progress=quiet)
    packed = get(tmp_path / "shards", tmp_path / "cache")
    assert packed.locks == corpus.locks
    found, rate = read_pcm16(packed.splits["train"][0].audio_filepath)
    assert (found.shape, rate) == ((3000, 2), 44_100)


def damage(path: Path, place: int = 5000) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        (damage, r"train-000000\.tar: this shard is damaged: its SHA-256 is .*copy this shard again"),
        (lambda path: path.unlink(), r"train-000000\.tar: this shard is missing; copy this shard again"),
        (lambda path: path.write_bytes(b""), r"train-000000\.tar: this shard has 0 bytes, shards\.json says"),
        (
            lambda path: (path.parent / "shards.json").unlink(),
            r"train-000000\.tar: there is no shards\.json beside this shard",
        ),
        (
            lambda path: (path.parent / "shards.json").write_text('{"shards": []}'),
            r"train-000000\.tar: shards\.json does not name this shard",
        ),
        (lambda path: (path.parent / "shards.json").write_text("[]"), r"shards\.json: not a list of shards"),
    ],
)
def test_broken_shard_is_named(shards: Path, what: Callable[[Path], object], complaint: str) -> None:
    """Before anything of it is heard, and also a part of it that nobody asked for."""
    first = read_manifest(shards / "train.jsonl")[0]
    what(shards / "train-000000.tar")
    for _ in range(2):
        with pytest.raises(AudioError, match=complaint):
            read_audio(first.audio_filepath)


def test_shard_that_changes_while_it_is_used(shards: Path) -> None:
    first, second = read_manifest(shards / "train.jsonl")[:2]
    read_audio(first.audio_filepath)
    damage(shards / "train-000000.tar")
    with pytest.raises(AudioError, match="this shard is damaged"):
        read_audio(second.audio_filepath)


def test_places_that_are_not_there(shards: Path) -> None:
    with pytest.raises(AudioError, match="the shard ends before that"):
        read_audio(f"{shards}/train-000000.tar#{SIZE - 10}+100")
    with pytest.raises(AudioError, match=r"#0\+512: not audio in a format that can be read"):
        read_audio(f"{shards}/train-000000.tar#0+512")
    (shards / "song.tar#1").write_text("x")
    with pytest.raises(AudioError, match=r"song\.tar#1: not audio"):  # only a file's name
        read_audio(shards / "song.tar#1")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            lambda f: (f / "train.jsonl").unlink(),
            r"train\.jsonl: missing; expected shards\.json, train\.jsonl",
        ),
        (lambda f: damage(f / "train.jsonl", 20), r"train\.jsonl: altered \(its SHA-256"),
        (
            lambda f: (f / "shards.json").write_text("{"),
            r"shards\.json: not a list of shards \(JSONDecodeError",
        ),
        (
            lambda f: (f / "shards.json").write_text('{"format": 2}'),
            r"shards\.json: format 2; this version reads 1",
        ),
        (lambda f: (f / "shards.json").write_text('{"format": 1}'), r"not a list of shards \(KeyError"),
        (
            lambda f: (f / "shards.json").write_text(
                '{"format": 1, "shards": [{"name": "../x.tar"}], "splits": {}}'
            ),
            r"'\.\./x\.tar' is not the name of a file in this folder",
        ),
        (
            lambda f: (f / "shards.json").write_text('{"format": 1, "shards": [], "splits": {}}'),
            "no split test and train",
        ),
    ],
)
def test_broken_lists(shards: Path, tmp_path: Path, change: Callable[[Path], object], complaint: str) -> None:
    change(shards)
    with pytest.raises(CorpusError, match=complaint):
        get(shards, tmp_path / "cache")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            '{"audio_filepath": "/etc/x.wav", "duration": 1, "text": "", "id": "u7"}',
            r"1 utterances are in no shard, .* u7",
        ),
        ('{"audio_filepath": "x.tar"}', r"train\.jsonl:1: key duration is missing"),
    ],
)
def test_manifests_by_hand(shards: Path, tmp_path: Path, line: str, complaint: str) -> None:
    """Another program may have made them, and all digests be right."""
    (shards / "train.jsonl").write_text(line)
    tree = json.loads((shards / "shards.json").read_text())
    tree["splits"]["train"]["sha256"] = sha256_file(shards / "train.jsonl")
    (shards / "shards.json").write_text(json.dumps(tree))
    with pytest.raises(CorpusError, match=complaint):
        get(shards, tmp_path / "cache")


def test_shards_are_locked_as_own_recordings_are(
    shards: Path, corpus: PreparedCorpus, tmp_path: Path
) -> None:
    _, told = keep_lock(get(shards, tmp_path / "cache"))
    assert "corpus.lock.json" in told
    assert get(shards, tmp_path / "cache").lock_state == "matches"
    lock = (shards / "corpus.lock.json").read_bytes()
    shutil.rmtree(shards)
    train = list(corpus.splits["train"])
    fewer = replace(corpus, splits={**corpus.splits, "train": train[1:]})
    write_shards(fewer, shards, SIZE, progress=quiet)
    (shards / "corpus.lock.json").write_bytes(lock)
    with pytest.raises(CorpusError, match=f"train: .* 1 missing: {train[0].id}"):
        get(shards, tmp_path / "cache")


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@given(names, names)
def test_keys_are_fit_for_tar_and_tell_ids_apart(first: str, second: str) -> None:
    key = key_of(first)
    assert len(key) <= 90
    assert key.isascii()
    assert not set(key) & set("./~ \0")
    assert (key == key_of(second)) == (first == second)
    assert key_of("an251-fash_b") == "an251-fash_b"


def test_long_ids(tmp_path: Path, corpus: PreparedCorpus) -> None:
    long = "very/long." * 30
    train = [replace(u, id=f"{long}{n}") for n, u in enumerate(corpus.splits["train"])]
    write_shards(
        replace(corpus, splits={**corpus.splits, "train": train}), tmp_path / "s", SIZE, progress=quiet
    )
    packed = get(tmp_path / "s", tmp_path / "cache")
    assert [u.id for u in packed.splits["train"]] == [u.id for u in train]


def test_a_shard_is_checked_once(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many threads begin with it."""
    digested: list[str] = []
    file_digest = hashlib.file_digest

    def counted(stream: IO[bytes], name: str) -> object:
        digested.append(name)
        time.sleep(0.05)
        return file_digest(stream, name)  # type: ignore[arg-type]

    places = [utterance.audio_filepath for utterance in read_manifest(shards / "train.jsonl")[:2]]
    monkeypatch.setattr("asr.shard_file.hashlib.file_digest", counted)
    threads = [threading.Thread(target=read_audio, args=(places[number % 2],)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert digested == ["sha256"]


def test_what_an_interrupted_try_left_is_not_found_by_a_pattern(tmp_path: Path) -> None:
    """With smaller shards there were more of them; who reads *.tar would hear those utterances twice."""
    folder = tmp_path / "an4-shards"
    corpus = prepare("an4", miniature.write_corpus(tmp_path, train=60), tmp_path / "cache", check=False)

    def stop(what: str, done: int, total: int) -> None:
        if what == "pack train" and done >= 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(corpus, folder, 100_000, progress=stop)
    before = len(list(folder.glob("*.tar")))
    write_shards(corpus, folder, 300_000, progress=lambda what, done, total: None)
    listed = {shard["name"] for shard in json.loads((folder / "shards.json").read_text())["shards"]}
    assert {path.name for path in folder.glob("*.tar")} == listed
    assert before > len([name for name in listed if name.startswith("train")])


def test_overlapping_stretches_are_refused(tmp_path: Path) -> None:
    """Found while both are places in one file; in shards nobody could see it."""
    soundfile.write(tmp_path / "long.wav", miniature.speech("GO GO GO GO", "long"), miniature.RATE)
    for split, offset in (("train", 0.0), ("test", 0.5)):
        line = {"audio_filepath": "long.wav", "offset": offset, "duration": 0.8, "text": "go", "id": split}
        (tmp_path / f"{split}.jsonl").write_text(json.dumps(line) + "\n")
    corpus = prepare("manifest", tmp_path, tmp_path / "cache", check=False)
    with pytest.raises(
        CorpusError, match="1 utterances of test overlap with audio of another split, such as test"
    ):
        write_shards(corpus, tmp_path / "out", 10**6, progress=lambda what, done, total: None)


def test_a_stretch_between_two_samples(tmp_path: Path) -> None:
    """Where it begins half-way, reading it again gave one sample more than it was known by."""
    rate, lines = 22_050, []
    soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(1).standard_normal(rate * 20), rate)
    for number in range(8):
        offset = 0.25 + 2 * number + 0.25 * (number % 2)
        lines.append(
            {"audio_filepath": "a.wav", "offset": offset, "duration": 1.25, "text": "go", "id": str(number)}
        )
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines[:6]))
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines[6:]))
    corpus = prepare("manifest", tmp_path, tmp_path / "cache", check=False)
    for utterance in (*corpus.splits["train"], *corpus.splits["test"]):
        samples, rate = read_pcm16(
            utterance.audio_filepath, offset=utterance.offset, duration=utterance.duration
        )
        assert audio_digest(samples, rate) == utterance.audio_digest
    assert write_shards(corpus, tmp_path / "out", 10**7, progress=lambda what, done, total: None).shards == 2


def test_shards_are_no_recordings(tmp_path: Path) -> None:
    """Their lists look like those of recordings, whose files would all be missing."""
    corpus = prepare("an4", miniature.write_corpus(tmp_path), tmp_path / "cache", check=False)
    write_shards(corpus, tmp_path / "shards", 10**7, progress=lambda what, done, total: None)
    with pytest.raises(
        CorpusError, match='these are shards, and the recipe asks for manifest; say corpus.name = "shards"'
    ):
        prepare("manifest", tmp_path / "shards", tmp_path / "cache", check=False)
