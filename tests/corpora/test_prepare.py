"""From a name to a proven corpus, and everything that can be wrong on the way."""

import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.corpora import PreparedCorpus, prepare, write_lock
from asr.errors import CorpusError
from asr.manifest import audio_digest, digest_of

Build = Callable[..., Path]


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are decoded from now on."""
    import asr.audio

    decode, names = asr.audio.read_pcm16, []

    def counted(path: str, **part: object) -> tuple[np.ndarray, int]:
        names.append(Path(path).name)
        return decode(path, **part)

    monkeypatch.setattr(asr.audio, "read_pcm16", counted)
    return names


def test_folder(
    root: Path, get: Callable[..., PreparedCorpus], mini_noise: Callable[..., np.ndarray]
) -> None:
    told: list[tuple[str, int, int]] = []
    corpus = get(root, progress=lambda *news: told.append(news))
    assert (corpus.name, corpus.source_name, corpus.source_sha256) == ("an4", "an4", "")
    assert corpus.lock_state == "no lock"
    assert told[-1] == ("decode an4", 5, 5)
    first = corpus.splits["train"][0]
    assert first.duration == 800 / 16_000
    samples = mini_noise("fash/an251-fash-b")[:, None]
    assert first.digest == digest_of(audio_digest(samples, 16_000), "YES", "fash")
    assert (corpus.locks["train"].utterances, corpus.locks["train"].seconds) == (3, 0.15)


def test_archive(archive: Path, root: Path, get: Callable[..., PreparedCorpus], tmp_path: Path) -> None:
    corpus = get(archive)
    assert corpus.source_name == "an4_mini.tar.gz"
    assert len(corpus.source_sha256) == 64
    assert corpus.locks == get(root).locks
    unpacked = tmp_path / "cache" / f"an4-{corpus.source_sha256[:12]}"
    assert all(Path(u.audio_filepath).is_relative_to(unpacked) for u in corpus.splits["test"])


def test_parent_of_the_folder(root: Path, get: Callable[..., PreparedCorpus]) -> None:
    assert get(root.parent).locks == get(root).locks


def test_second_time_decodes_nothing(
    archive: Path, get: Callable[..., PreparedCorpus], decodings: list[str]
) -> None:
    first = get(archive)
    assert len(decodings) == 5
    assert get(archive) == first
    assert len(decodings) == 5


def test_another_decoder_decodes_again(
    root: Path, get: Callable[..., PreparedCorpus], decodings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = get(root)
    decodings.clear()
    monkeypatch.setattr(soundfile, "__libsndfile_version__", "99.0")
    assert get(root) == first
    assert len(decodings) == 5


def test_stop_does_not_wait_for_the_rest(
    tmp_path: Path, mini_an4: Build, get: Callable[..., PreparedCorpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []

    def slow(path: str, **_: object) -> tuple[np.ndarray, int]:
        names.append(path)
        time.sleep(0.02)
        return np.zeros((1, 1), np.int16), 16_000

    def stop(what: str, done: int, _total: int) -> None:
        if what == "decode an4" and done == 50:
            raise KeyboardInterrupt

    monkeypatch.setattr("asr.audio.read_pcm16", slow)
    root = mini_an4(tmp_path / "many", train={f"fash/an{i}-fash-b": "YES" for i in range(600)})
    with pytest.raises(KeyboardInterrupt):
        get(root, progress=stop)
    assert len(names) < 602  # all of them would take six seconds


def test_changed_file_is_decoded_again(
    root: Path, get: Callable[..., PreparedCorpus], decodings: list[str], mini_audio: Callable[..., None]
) -> None:
    before = get(root).locks
    decodings.clear()
    mini_audio(root / "wav/an4_clstk/fash/cen1-fash-b.sph", np.zeros(800, np.int16))
    after = get(root).locks
    assert decodings == ["cen1-fash-b.sph"]
    assert after["train"].digest != before["train"].digest
    assert after["test"] == before["test"]


def test_changed_word_is_noticed_without_decoding(
    root: Path, get: Callable[..., PreparedCorpus], decodings: list[str]
) -> None:
    before = get(root).locks
    decodings.clear()
    path = root / "etc/an4_test.transcription"
    path.write_text(path.read_text().replace("HELP", "YELP"))
    assert get(root).locks["test"].digest != before["test"].digest
    assert decodings == []


def test_damaged_memory_costs_only_time(
    root: Path, get: Callable[..., PreparedCorpus], decodings: list[str], tmp_path: Path
) -> None:
    first = get(root)
    for text in ("", "[]", '{"format": 0}', '{"format": 1, "files": {"x": {"size": 1}}}'):
        (memory,) = (tmp_path / "cache/decoded").glob("an4-*.json")
        memory.write_text(text)
        decodings.clear()
        assert get(root) == first
        assert len(decodings) == 5


def test_lock(root: Path, get: Callable[..., PreparedCorpus], locks: Path) -> None:
    write_lock(get(root), locks / "an4.lock.json")
    assert get(root).lock_state == "matches"
    words = root / "etc/an4_train.transcription"
    words.write_text(words.read_text().replace("R U B", "R U P"))
    with pytest.raises(CorpusError) as caught:
        get(root)
    assert str(caught.value) == (
        "an4: not the corpus of an4.lock.json: train: 1 changed (samples, sample rate, words or speaker): cen1-fash-b. "
        "Fetch the original again; or use this one with --any-corpus, but results on another corpus are not comparable"
    )
    assert get(root, check=False).lock_state == "not checked"


TRAIN = ("fash/an251-fash-b", "fash/cen1-fash-b", "mwhw/an7-mwhw-b")


def spoil(root: Path, *names: str) -> None:
    """The first becomes empty, the second half, the third a text."""
    empty, cut, text = (root / "wav/an4_clstk" / f"{name}.sph" for name in TRAIN)
    if TRAIN[0] in names:
        empty.write_bytes(b"")
    if TRAIN[1] in names:
        cut.write_bytes(cut.read_bytes()[:1800])
    if TRAIN[2] in names:
        text.write_text("These are only words.")


def test_broken_audio_is_refused_where_a_lock_is_matched(
    root: Path, get: Callable[..., PreparedCorpus], locks: Path
) -> None:
    write_lock(get(root), locks / "an4.lock.json")
    spoil(root, *TRAIN)
    with pytest.raises(CorpusError) as caught:
        get(root)
    message = str(caught.value)
    assert message.startswith("an4: 3 of 5 audio files cannot be used; fetch the corpus again or mend them: ")
    for name in TRAIN:
        assert f"{root}/wav/an4_clstk/{name}.sph: " in message


@pytest.mark.parametrize("lock", [False, True])
def test_broken_training_audio_is_left_out_where_no_lock_is_matched(
    root: Path, get: Callable[..., PreparedCorpus], locks: Path, lock: bool
) -> None:
    """One bad file of ten thousand need not stop a run, but nothing is left out silently."""
    if lock:
        write_lock(get(root), locks / "an4.lock.json")
    spoil(root, *TRAIN[:2])
    for _ in range(2):  # what is broken is not remembered as whole
        corpus = get(root, check=not lock)
        assert [utterance.id for utterance in corpus.splits["train"]] == ["an7-mwhw-b"]
        assert len(corpus.splits["test"]) == 2
        assert [(item.id, item.split) for item in corpus.broken] == [
            ("an251-fash-b", "train"),
            ("cen1-fash-b", "train"),
        ]
        empty, cut = (item.reason for item in corpus.broken)
        # For a record, so without the place of the corpus on this machine.
        assert empty.startswith("wav/an4_clstk/fash/an251-fash-b.sph: ")
        assert cut.startswith("wav/an4_clstk/fash/cen1-fash-b.sph: cut off")
        assert corpus.locks["train"].utterances == 1
        assert corpus.lock_state == ("not checked" if lock else "no lock")


def test_whole_corpus_has_nothing_broken(root: Path, get: Callable[..., PreparedCorpus]) -> None:
    assert get(root).broken == ()


def test_broken_test_audio_is_always_refused(root: Path, get: Callable[..., PreparedCorpus]) -> None:
    spoil(root, TRAIN[0])
    (root / "wav/an4test_clstk/fcaw/an406-fcaw-b.sph").write_bytes(b"")
    with pytest.raises(
        CorpusError, match=r"1 of 5 audio files cannot be used; .*an406-fcaw-b\.sph"
    ) as caught:
        get(root, check=False)
    assert TRAIN[0] not in str(caught.value)


def test_nothing_left_to_learn_from(root: Path, get: Callable[..., PreparedCorpus]) -> None:
    spoil(root, *TRAIN)
    with pytest.raises(CorpusError, match="3 of 5 audio files cannot be used"):
        get(root)


def test_many_broken_files_are_counted(
    tmp_path: Path, mini_an4: Build, get: Callable[..., PreparedCorpus]
) -> None:
    root = mini_an4(tmp_path / "many", train={f"fash/an{i}-fash-b": "YES" for i in range(10, 25)})
    for path in (root / "wav/an4_clstk").rglob("*.sph"):
        path.write_bytes(b"")
    with pytest.raises(CorpusError, match=r"15 of 17 audio files .*an19-fash-b\.sph.* and 5 more$"):
        get(root)


def test_empty_split(root: Path, get: Callable[..., PreparedCorpus]) -> None:
    (root / "etc/an4_test.fileids").write_text("\n")
    with pytest.raises(CorpusError, match="the test split of an4 is empty"):
        get(root)


def test_id_in_both_splits(root: Path, get: Callable[..., PreparedCorpus]) -> None:
    shutil.copytree(root / "wav/an4_clstk/mwhw", root / "wav/an4test_clstk/mwhw")
    with (
        (root / "etc/an4_test.fileids").open("a") as ids,
        (root / "etc/an4_test.transcription").open("a") as words,
    ):
        ids.write("an4test_clstk/mwhw/an7-mwhw-b\n")
        words.write("\nGO ON (an7-mwhw-b)\n")
    with pytest.raises(CorpusError, match="an7-mwhw-b is in train and again in test"):
        get(root)


def test_cut_off_archive(archive: Path, get: Callable[..., PreparedCorpus], tmp_path: Path) -> None:
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorpusError, match=r"an4_mini\.tar\.gz: cut off or damaged after \d files .*; fetch"):
        get(archive)
    assert not list((tmp_path / "cache").glob("an4-*"))
    archive.write_bytes(whole)
    get(archive)


def test_damaged_folder_in_the_cache(archive: Path, get: Callable[..., PreparedCorpus]) -> None:
    (path,) = [Path(u.audio_filepath) for u in get(archive).splits["test"] if u.speaker == "mmxg"]
    path.unlink()
    with pytest.raises(
        CorpusError, match=r"1 of 2 missing: .*mmxg.*delete .*cache/an4-\w{12} to unpack it again"
    ):
        get(archive)


def test_unknown_corpus(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no corpus is called 'wsj'; known are aishell, an4, .*, yesno"):
        prepare("wsj", None, tmp_path)


def test_no_such_path(tmp_path: Path, get: Callable[..., PreparedCorpus]) -> None:
    with pytest.raises(
        CorpusError, match=r"nowhere\.tar\.gz: no such file or folder; --corpus takes an archive"
    ):
        get(tmp_path / "nowhere.tar.gz")


def test_file_that_is_no_archive(tmp_path: Path, get: Callable[..., PreparedCorpus]) -> None:
    (tmp_path / "words.tar.gz").write_text("These are only words.\n")
    with pytest.raises(CorpusError, match=r"words\.tar\.gz: not an archive"):
        get(tmp_path / "words.tar.gz")


def test_wrong_folder(tmp_path: Path, get: Callable[..., PreparedCorpus]) -> None:
    (tmp_path / "wrong" / "photos").mkdir(parents=True)
    (tmp_path / "wrong" / "notes.txt").touch()
    with pytest.raises(CorpusError, match="wrong: an4 is not there") as caught:
        get(tmp_path / "wrong")
    assert "(found notes.txt, photos/); expected wav/{an4_clstk,an4test_clstk}/SPEAKER/ID.sph" in str(
        caught.value
    )


@pytest.mark.parametrize("name", ["an4", "fsdd", "manifest", "yesno"])
def test_empty_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match=r"empty: .*\(it is empty\); expected "):
        prepare(name, tmp_path / "empty", tmp_path / "cache")


def test_two_copies_in_one_folder(root: Path, get: Callable[..., PreparedCorpus]) -> None:
    shutil.copytree(root, root.parent / "an4-copy")
    with pytest.raises(CorpusError, match=r"2 folders look like an4 .*name one of them"):
        get(root.parent)


def test_cache_that_is_a_file(tmp_path: Path, root: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CorpusError, match=r"an4 cannot be prepared: .*file: File exists"):
        prepare("an4", root, tmp_path / "file")


def test_suffixes_in_upper_case(
    tmp_path: Path, mini_an4: Build, get: Callable[..., PreparedCorpus], root: Path
) -> None:
    """As they come from DOS and from some CDs."""
    loud = mini_an4(tmp_path / "loud")
    for path in list(loud.rglob("*.sph")):
        path.rename(path.with_suffix(".SPH"))
    assert get(loud).locks == get(root).locks


def test_unpacked_folder_heeds_the_umask(archive: Path, get: Callable[..., PreparedCorpus]) -> None:
    before = os.umask(0o077)
    try:
        corpus = get(archive)
    finally:
        os.umask(before)
    path = Path(corpus.splits["test"][0].audio_filepath)
    folders = [folder for folder in path.parents if folder.is_relative_to(archive.parent / "cache")]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
