"""Lock files: the same corpus in any format, another one after one change."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asr.corpora import PreparedCorpus, lock_of, prepare, write_lock
from asr.corpora.lock import SplitLock, check_lock, read_lock
from asr.corpora.reading import data_file
from asr.errors import CorpusError

Build = Callable[..., Path]


def locks(folder: Path, cache: Path) -> dict[str, SplitLock]:
    return prepare("an4", folder, cache, check=False).locks


@pytest.fixture
def original(tmp_path: Path, mini_an4: Build) -> dict[str, SplitLock]:
    return locks(mini_an4(tmp_path / "original"), tmp_path)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_format_does_not_matter(
    tmp_path: Path, mini_an4: Build, original: dict[str, SplitLock], suffix: str
) -> None:
    assert locks(mini_an4(tmp_path / "copy", suffix=suffix), tmp_path) == original


def test_order_and_names_do_not_matter(
    tmp_path: Path, mini_an4: Build, original: dict[str, SplitLock]
) -> None:
    root = mini_an4(tmp_path / "copy")
    ids = root / "etc/an4_train.fileids"
    ids.write_text("\n".join(reversed(ids.read_text().split())))
    assert locks(root, tmp_path) == original


def one_sample(name: str, samples: np.ndarray) -> np.ndarray:
    return samples + (np.arange(len(samples)) == 400) if name == "fash/cen1-fash-b" else samples


@pytest.mark.parametrize(
    "changed",
    [
        {"change": lambda name, samples: one_sample(name, samples).astype(np.int16)},
        {"train": {"fash/an251-fash-b": "YES", "fash/cen1-fash-b": "R U P", "mwhw/an7-mwhw-b": "GO ON"}},
        {"train": {"fash/an251-fash-b": "YES", "fash/cen1-fash-b": "R U B", "mwhw/an7-mwhw-b": "GO  ON "}},
    ],
    ids=["sample", "letter", "spaces"],
)
def test_one_change(
    tmp_path: Path,
    mini_an4: Build,
    original: dict[str, SplitLock],
    changed: dict[str, object],
    request: pytest.FixtureRequest,
) -> None:
    copy = locks(mini_an4(tmp_path / "copy", **changed), tmp_path)
    assert copy["test"] == original["test"]
    # Spaces between words are not words: the reader drops them.
    assert (copy["train"].digest == original["train"].digest) == ("spaces" in request.node.callspec.id)


def test_one_speaker(tmp_path: Path, mini_an4: Build, original: dict[str, SplitLock]) -> None:
    root = mini_an4(tmp_path / "copy")
    (root / "wav/an4_clstk/mwhw").rename(root / "wav/an4_clstk/mwhx")
    ids = root / "etc/an4_train.fileids"
    ids.write_text(ids.read_text().replace("mwhw/", "mwhx/"))
    copy = locks(root, tmp_path)
    assert copy["train"].digest != original["train"].digest
    assert copy["train"].seconds == original["train"].seconds


@pytest.mark.parametrize("name", ["an4", "fsdd", "yesno"])
def test_committed_locks_are_those_of_the_corpora(
    name: str, tmp_path: Path, real: Callable[[str], PreparedCorpus]
) -> None:
    write_lock(real(name), tmp_path / "lock.json")
    assert (tmp_path / "lock.json").read_text() == data_file(f"{name}.lock.json").read_text()


def test_lock_file_comes_back(tmp_path: Path, mini_an4: Build) -> None:
    prepared = prepare("an4", mini_an4(tmp_path), tmp_path, check=False)
    assert prepared.lock_state == "not checked"
    write_lock(prepared, tmp_path / "x.lock.json")
    assert read_lock(tmp_path / "x.lock.json") == prepared.locks
    assert lock_of(prepared)["corpus"] == "an4"
    assert read_lock(tmp_path / "none.lock.json") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1, "splits": {"test": {"seconds": 3}}}'])
def test_damaged_lock_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.lock.json"
    path.write_text(text)
    with pytest.raises(CorpusError, match=r"x\.lock\.json: not a lock file"):
        read_lock(path)


def test_lock_file_of_another_format(tmp_path: Path) -> None:
    path = tmp_path / "x.lock.json"
    path.write_text('{"format": 2}')
    with pytest.raises(CorpusError, match="lock format 2; this version reads 1"):
        read_lock(path)


def test_differences_are_named() -> None:
    expected = {
        "dev": SplitLock(1, 1.0, "d" * 64),
        "test": SplitLock(130, 357.0, "a" * 64),
        "train": SplitLock(948, 2546.3, "b" * 64),
    }
    found = {
        "extra": SplitLock(1, 1.0, "d" * 64),
        "test": SplitLock(130, 357.0, "c" * 64),
        "train": SplitLock(947, 2540.0, "e" * 64),
    }
    with pytest.raises(CorpusError) as caught:
        check_lock("an4", found, expected, Path("data/an4.lock.json"))
    assert str(caught.value).startswith(
        "an4: not the corpus of an4.lock.json: dev: missing; extra: not in the lock; "
        "test: as many utterances and seconds, but other samples, words or speakers "
        "(digest cccccccccccc instead of aaaaaaaaaaaa); "
        "train: 947 utterances instead of 948, 2540.000 seconds instead of 2546.300 "
        "(digest eeeeeeeeeeee instead of bbbbbbbbbbbb)."
    )
    check_lock("an4", expected, dict(expected), Path("data/an4.lock.json"))
