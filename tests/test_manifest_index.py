"""The index beside a large manifest: the same columns, found again, and never those of another file."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr import manifest_index
from asr.errors import ManifestError
from asr.manifest import InMemory, Manifest, Utterance, read_manifest, table_of, write_manifest
from asr.manifest_index import index_path, read_index

MANY = [
    Utterance(
        f"ü-{n}", f"/s/train-{n // 4:06d}.tar#{n}+9" if n % 3 else "/a.wav", 0.1 * n + 0.05, f"text {n}"
    )
    for n in range(20)
]


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest_index, "LEAST", 5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """With its index."""
    write_manifest(tmp_path / "a.jsonl", MANY)
    return tmp_path / "a.jsonl"


def is_indexed(path: Path) -> bool:
    """Whether opening it finds an index that holds."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return read_index(path, descriptor) is not None
    finally:
        os.close(descriptor)


def check(manifest: Manifest, expected: list[Utterance]) -> None:
    assert list(manifest) == [manifest[row] for row in range(len(manifest))] == expected
    assert manifest.durations.tolist() == [utterance.duration for utterance in expected]
    assert list(manifest.id_keys()) == [json.dumps(utterance.id).encode() for utterance in expected]


def test_writing_leaves_an_index(path: Path) -> None:
    assert is_indexed(path)
    check(read_manifest(path), MANY)
    numbers = {"/a.wav": -1}
    for utterance in MANY:
        shard = utterance.audio_filepath.partition("#")[0]
        numbers.setdefault(shard, len(numbers) - 1)
    found = read_manifest(path).shards.tolist()
    assert found == [numbers[utterance.audio_filepath.partition("#")[0]] for utterance in MANY]


def test_asking_leaves_an_index(path: Path) -> None:
    before = read_manifest(path).columns
    index_path(path).unlink()
    opened = read_manifest(path)
    assert not index_path(path).exists()
    after = opened.columns
    assert is_indexed(path)
    for name, values in vars(before).items():
        np.testing.assert_array_equal(getattr(after, name), values)


def test_small_manifest_leaves_its_folder_alone(tmp_path: Path) -> None:
    write_manifest(tmp_path / "a.jsonl", MANY[:4])
    check(read_manifest(tmp_path / "a.jsonl"), MANY[:4])
    assert [item.name for item in tmp_path.iterdir()] == ["a.jsonl"]


def test_copied_or_touched_manifest_keeps_its_index(path: Path, tmp_path: Path) -> None:
    os.utime(path, (1, 1))
    assert is_indexed(path)
    other = tmp_path / "other"
    other.mkdir()
    for item in (path, index_path(path)):
        (other / item.name).write_bytes(item.read_bytes())
    assert is_indexed(other / "a.jsonl")
    check(read_manifest(other / "a.jsonl"), MANY)


def test_altered_manifest_has_no_index(path: Path) -> None:
    """Also one of the same size, whose time was set back."""
    state = path.stat()
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"duration": 0.05', '"duration": 0.06'), encoding="utf-8")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert path.stat().st_size == state.st_size
    assert not is_indexed(path)
    assert read_manifest(path).durations[0] == 0.06
    assert is_indexed(path)  # made again
    with path.open("a") as stream:
        stream.write(text.splitlines()[3] + "\n")
    check(read_manifest(path), [*list(read_manifest(path))[:20], MANY[3]])


@pytest.mark.parametrize("place", [0, 9, 40, 400, -1])
def test_damaged_index_is_passed_over(path: Path, place: int) -> None:
    contents = bytearray(index_path(path).read_bytes())
    contents[place] ^= 1
    index_path(path).write_bytes(contents)
    check(read_manifest(path), MANY)


@pytest.mark.parametrize("length", [0, 5, 100, -8])
def test_cut_off_index_is_passed_over(path: Path, length: int) -> None:
    index_path(path).write_bytes(index_path(path).read_bytes()[:length])
    check(read_manifest(path), MANY)


def test_folder_that_cannot_be_written_to(path: Path) -> None:
    """Something that cannot be replaced stands in the index's place: everything works, without an index."""
    index_path(path).unlink()
    index_path(path).mkdir()
    (index_path(path) / "x").touch()
    check(read_manifest(path), MANY)
    write_manifest(path, MANY[:9])
    check(read_manifest(path), MANY[:9])
    assert sorted(item.name for item in path.parent.iterdir()) == [".a.jsonl.index", "a.jsonl"]


def test_malformed_line_is_named_with_its_number(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines[:7], "", '{"text": 3}', *lines[7:]]), encoding="utf-8")
    with pytest.raises(ManifestError, match=r"a\.jsonl:9: key audio_filepath is missing"):
        _ = read_manifest(path).durations
    assert not is_indexed(path)


def test_nothing_is_left_open(path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        read_manifest(path)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


def test_ids_that_are_left_out_or_empty(tmp_path: Path) -> None:
    given_utterances = [Utterance("", f"/x/{n}.wav", 1, "") for n in range(6)]
    write_manifest(tmp_path / "a.jsonl", given_utterances)
    opened = read_manifest(tmp_path / "a.jsonl")
    assert is_indexed(tmp_path / "a.jsonl")
    assert [utterance.id for utterance in opened] == [str(n) for n in range(6)]
    assert list(opened.id_keys()) == [f'"{n}"'.encode() for n in range(6)]


rows = st.lists(st.integers(0, 19), max_size=12)


@given(rows, rows)
def test_some_of_some(tmp_path_factory: pytest.TempPathFactory, first: list[int], second: list[int]) -> None:
    path = tmp_path_factory.getbasetemp() / "some.jsonl"
    if not path.exists():
        write_manifest(path, MANY)
    second = [row % len(first) for row in second] if first else []
    expected = [MANY[first[row]] for row in second]
    for table in (read_manifest(path), InMemory(MANY)):
        chosen = table.choose(np.array(first, np.int64)).choose(np.array(second, np.int64))
        assert list(chosen) == chosen[:] == expected
        assert chosen.durations.tolist() == [utterance.duration for utterance in expected]
        assert list(chosen.id_keys()) == [json.dumps(utterance.id).encode() for utterance in expected]
        assert len(chosen.shards) == len(expected)
        assert table_of(chosen) is chosen


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), max_size=20), st.data())
def test_id_keys_of_some_rows(names: list[str], data: st.DataObject) -> None:
    table = InMemory([Utterance(name, "x.wav", 1.0, "") for name in names])
    chosen = data.draw(st.lists(st.integers(0, len(names) - 1), max_size=9)) if names else []
    expected = [json.dumps(names[row]).encode() for row in chosen]
    assert list(table.id_keys(np.array(chosen, np.int64))) == expected
