"""Lock files: the same corpus in any format, another one after one change."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from asr.corpora import PreparedCorpus, lock_of, prepare, write_lock
from asr.corpora.digits import SETTINGS, load_settings, plan
from asr.corpora.lock import SplitLock, read_lock, split_lock, write_locks
from asr.corpora.reading import data_file
from asr.errors import CorpusError
from asr.manifest import Utterance

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
    assert json.loads((tmp_path / "x.lock.json").read_text()) == lock_of(prepared)
    assert lock_of(prepared)["corpus"] == "an4"
    assert read_lock(tmp_path / "none.lock.json") is None


def test_lock_file_has_identities_and_nothing_else_of_an_utterance(tmp_path: Path, mini_an4: Build) -> None:
    prepared = prepare("an4", mini_an4(tmp_path), tmp_path, check=False)
    write_lock(prepared, tmp_path / "x.lock.json")
    train = json.loads((tmp_path / "x.lock.json").read_text())["splits"]["train"]
    assert train["identities"] == {u.id: u.digest[:16] for u in prepared.splits["train"]}
    assert train.keys() == {"utterances", "seconds", "digest", "identities"}
    # A line each, without indentation.
    line = f'"an7-mwhw-b": "{train["identities"]["an7-mwhw-b"]}",'
    assert line in (tmp_path / "x.lock.json").read_text().split("\n")


def test_order_of_the_reader_does_not_show_in_the_file(tmp_path: Path) -> None:
    utterances = [Utterance(name, "x.wav", 1.0, "", digest=f"{n:064x}") for n, name in enumerate("bca")]
    for number, order in enumerate((utterances, utterances[::-1])):
        write_locks(tmp_path / f"{number}.json", "mine", {"train": split_lock(order)})
    assert (tmp_path / "0.json").read_bytes() == (tmp_path / "1.json").read_bytes()


def test_large_corpora_have_one_digest_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all splits together, so that a lock names either every utterance or none."""
    monkeypatch.setattr("asr.corpora.lock.MOST_NAMED", 3)

    def locks(count: int) -> dict[str, SplitLock]:
        utterances = [Utterance(f"u{n}", "x", 1.0, "", digest=f"{n:064x}") for n in range(count)]
        return {split: split_lock(utterances) for split in ("a", "b")}

    write_locks(tmp_path / "few", "mine", locks(1))
    write_locks(tmp_path / "many", "mine", locks(2))
    assert read_lock(tmp_path / "few") == locks(1)
    assert read_lock(tmp_path / "many") == {
        split: replace(whole, identities=None) for split, whole in locks(2).items()
    }


def test_format_1_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "x.lock.json"
    digest = "d8860a050e0b51c16479ff465d3da6d3453bd9ecb32cc176220ecdec062a74b2"
    path.write_text(
        f'{{"format": 1, "corpus": "an4", "splits": {{"test": '
        f'{{"utterances": 130, "seconds": 357.0, "digest": "{digest}"}}}}}}'
    )
    assert read_lock(path) == {"test": SplitLock(130, 357.0, digest)}


GOOD = {"utterances": 1, "seconds": 1.0, "digest": "a" * 64, "identities": {"u": "a" * 16}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 1, "splits": {"test": {"seconds": 3}}}',
        *(
            json.dumps({"format": 2, "splits": {"test": GOOD | change}})
            for change in (
                {"digest": "a" * 63},
                {"digest": 3},
                {"identities": {"u": "a" * 15}},
                {"identities": {"u": 3}},
                {"identities": []},
                {"utterances": 2},
                {"texts": {}},
            )
        ),
    ],
)
def test_damaged_lock_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.lock.json"
    path.write_text(text)
    with pytest.raises(CorpusError, match=r"x\.lock\.json: not a lock file"):
        read_lock(path)


def test_lock_file_of_another_format(tmp_path: Path) -> None:
    path = tmp_path / "x.lock.json"
    path.write_text('{"format": 3}')
    with pytest.raises(CorpusError, match="lock format 3; this version reads 1 and 2"):
        read_lock(path)


def test_committed_lock_of_digits_names_what_is_planned() -> None:
    """Whatever eSpeak NG makes of it on this machine."""
    expected: dict[str, set[str]] = {"train": set(), "test": set()}
    for item in plan(load_settings(data_file(SETTINGS))):
        expected[item.split].add(item.id)
    found = read_lock(data_file("digits.lock.json"))
    assert found is not None
    assert {split: set(lock.identities or {}) for split, lock in found.items()} == expected
