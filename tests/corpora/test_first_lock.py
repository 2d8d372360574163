"""A corpus without a lock file gets one when it is first used, and is compared with it from then on."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.corpora import PreparedCorpus, keep_lock, prepare, write_lock
from asr.errors import CorpusError, StorageError

Get = Callable[..., PreparedCorpus]
Noise = Callable[..., np.ndarray]


def line(name: str, text: str = "yes", speaker: str = "") -> dict[str, object]:
    return {"audio_filepath": f"wav/{name}.wav", "duration": 0, "text": text, "speaker": speaker}


def write(folder: Path, **splits: list[dict[str, object]]) -> None:
    for split, lines in splits.items():
        (folder / f"{split}.jsonl").write_text("".join(f"{json.dumps(item)}\n" for item in lines))


@pytest.fixture
def mine(tmp_path: Path, mini_noise: Noise) -> Path:
    """Own recordings: a and b in train, c in test."""
    folder = tmp_path / "home" / "mine"
    (folder / "wav").mkdir(parents=True)
    for name in "abc":
        soundfile.write(folder / "wav" / f"{name}.wav", mini_noise(name), 8000)
    write(folder, train=[line("a"), line("b", "no")], test=[line("c")])
    return folder


@pytest.fixture
def own(mine: Path, tmp_path: Path) -> Get:
    return lambda source=mine, **settings: prepare("manifest", source, tmp_path / "cache", **settings)


def test_first_use_writes_and_later_ones_compare(mine: Path, own: Get) -> None:
    first = own()
    assert first.lock_state == "no lock"
    assert not (mine / "corpus.lock.json").exists()  # nobody has used it yet
    kept, told = keep_lock(first)
    assert (kept.lock_state, kept.splits) == ("written", first.splits)
    assert (
        told == f"corpus manifest: locked as it is now in {mine}/corpus.lock.json; a later change is noticed"
    )
    assert keep_lock(kept) == (kept, "")
    before = (mine / "corpus.lock.json").read_bytes()
    second = own()
    assert (second.lock_state, second.locks) == ("matches", first.locks)
    assert keep_lock(second) == (second, "")
    assert (mine / "corpus.lock.json").read_bytes() == before


def test_changes_are_named_and_can_be_accepted(mine: Path, own: Get, mini_noise: Noise) -> None:
    keep_lock(own())
    soundfile.write(mine / "wav/d.wav", mini_noise("d"), 8000)
    write(mine, train=[line("a", "yes!"), line("c")], test=[line("d")])
    with pytest.raises(CorpusError) as caught:
        own()
    assert str(caught.value) == (
        f"manifest: not the corpus of {mine}/corpus.lock.json: test: 1 additional: d, 1 moved to train: c; "
        "train: 1 changed (samples, sample rate, words or speaker): a, 1 missing: b, 1 moved here from test: c. "
        f"If this change is meant, delete {mine}/corpus.lock.json, and the next run writes a new one; results from "
        "before and after it are not comparable"
    )
    (mine / "corpus.lock.json").unlink()
    assert keep_lock(own())[0].lock_state == "written"
    assert own().lock_state == "matches"


def test_lock_is_named_as_the_folder_was_given(mine: Path, own: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative to where the user is, and below a folder above the manifests."""
    monkeypatch.chdir(mine.parents[1])
    told = keep_lock(own(Path("home")))[1]
    assert " in home/mine/corpus.lock.json;" in told
    write(mine, train=[line("a")])
    with pytest.raises(CorpusError, match="delete home/mine/corpus.lock.json, and the next"):
        own(Path("home"))
    with pytest.raises(CorpusError, match="delete mine/corpus.lock.json, and the next"):
        monkeypatch.chdir(mine.parent)
        own(Path("mine"))


def test_link_to_the_recordings(mine: Path, own: Get, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "speech").symlink_to(mine)
    told = keep_lock(own(tmp_path / "links"))[1]
    assert f" in {mine}/corpus.lock.json;" in told
    assert own().lock_state == "matches"


def test_renaming_and_reordering_are_no_change(mine: Path, own: Get) -> None:
    keep_lock(own())
    (mine / "wav/a.wav").rename(mine / "wav/other.wav")
    write(mine, train=[line("b", "no"), line("other")])
    assert own().lock_state == "matches"


def test_any_corpus_neither_compares_nor_writes(mine: Path, own: Get) -> None:
    corpus = own(check=False)
    assert (corpus.lock_state, keep_lock(corpus)) == ("not checked", (corpus, ""))
    assert not (mine / "corpus.lock.json").exists()
    keep_lock(own())
    write(mine, train=[line("a")])
    before = (mine / "corpus.lock.json").read_bytes()
    corpus = own(check=False)
    assert (corpus.lock_state, keep_lock(corpus)) == ("not checked", (corpus, ""))
    assert (mine / "corpus.lock.json").read_bytes() == before


def test_what_is_broken_from_the_first_stays_left_out(mine: Path, own: Get) -> None:
    """A lock is of what was used; it does not make an error of what was only a warning."""
    (mine / "wav/b.wav").write_text("no sound")
    for state in ("no lock", "matches"):
        corpus = own()
        assert (corpus.lock_state, [item.id for item in corpus.broken]) == (state, ["b"])
        keep_lock(corpus)


def test_what_breaks_later_is_named_with_the_reason(mine: Path, own: Get) -> None:
    keep_lock(own())
    (mine / "wav/b.wav").write_text("no sound")
    with pytest.raises(
        CorpusError,
        match=r"1 missing: b\. Left out, as their audio is broken: b: wav/b\.wav: not audio .* If this change",
    ):
        own()


def test_folder_that_cannot_be_written_to(mine: Path, own: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, text: str) -> None:
        raise StorageError(f"{path}: cannot be written: Read-only file system")

    monkeypatch.setattr("asr.corpora.lock.write_text", refuse)
    corpus = own()
    kept, told = keep_lock(corpus)
    assert kept == corpus
    assert told == (
        "corpus manifest: no lock file, so nothing notices when it changes: "
        f"{mine}/corpus.lock.json: cannot be written: Read-only file system"
    )


def test_other_corpora_are_locked_in_the_cache(root: Path, get: Get, tmp_path: Path, archive: Path) -> None:
    """Wherever a copy lies, it is the same corpus."""
    place = tmp_path / "cache/locks/an4.lock.json"
    kept, told = keep_lock(get(root))
    assert kept.lock_state == "written"
    assert f" in {place};" in told
    assert get(archive).lock_state == "matches"
    words = root / "etc/an4_test.transcription"
    words.write_text(words.read_text().replace("HELP", "YELP"))
    with pytest.raises(
        CorpusError, match=r"test: 1 changed .*: an406-fcaw-b\. If this .* delete .*an4\.lock"
    ):
        get(root)
    place.unlink()
    assert get(root).lock_state == "no lock"


def test_cache_where_no_lock_can_be(root: Path, get: Get, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/locks").symlink_to("nowhere")
    kept, told = keep_lock(get(root))
    assert kept.lock_state == "no lock"
    assert told.startswith("corpus an4: no lock file, so nothing notices when it changes: ")


def test_lock_of_the_project_comes_first(root: Path, get: Get, locks: Path, tmp_path: Path) -> None:
    keep_lock(get(root))
    words = root / "etc/an4_test.transcription"
    words.write_text(words.read_text().replace("HELP", "YELP"))
    write_lock(get(root, check=False), locks / "an4.lock.json")
    assert get(root).lock_state == "matches"


def test_damaged_lock_is_not_taken_for_none(mine: Path, own: Get) -> None:
    (mine / "corpus.lock.json").write_text('{"format": 2}')
    with pytest.raises(CorpusError, match=r"corpus\.lock\.json: not a lock file"):
        own()
