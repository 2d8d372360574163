"""Files that appear whole or not at all."""

import hashlib
import json
import multiprocessing
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr.files import sha256_file, whole_file, write_json, write_text


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def test_writes_into_folders_that_are_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "text.txt"
    write_text(path, "größer\r\n")
    assert path.read_bytes() == "größer\r\n".encode()
    assert [item.name for item in path.parent.iterdir()] == ["text.txt"]


@pytest.mark.usefixtures("umask")
def test_rights_are_those_of_an_ordinary_file(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640
    assert os.umask(0o027) == 0o027  # looking at it did not change it


def test_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "old")
    with whole_file(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_error_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file"
    write_text(path, "old")
    with pytest.raises(error), whole_file(path) as part:
        part.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def _die_halfway(path: Path) -> None:
    with whole_file(path) as part:
        part.write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)


def test_killed_process_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "old")
    victim = multiprocessing.get_context("spawn").Process(target=_die_halfway, args=(path,))
    victim.start()
    victim.join()
    assert victim.exitcode == -signal.SIGKILL
    assert path.read_text() == "old"
    write_text(path, "new")  # what the dead left is in nobody's way
    assert path.read_text() == "new"


def test_bytes_are_on_disk_before_the_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def note_fsync(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        order.append("fsync folder" if folder else "fsync file")
        fsync(descriptor)

    def note_replace(self: Path, target: Path) -> Path:
        order.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", note_replace)
    write_text(tmp_path / "file", "text")
    assert order == ["fsync file", "rename", "fsync folder"]


def test_json_is_readable_and_strict(tmp_path: Path) -> None:
    path = tmp_path / "tree.json"
    write_json(path, {"wer": 0.125, "text": "größer"})
    assert path.read_text(encoding="utf-8") == '{\n  "wer": 0.125,\n  "text": "größer"\n}\n'
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON compliant"):
            write_json(path, {"wer": value})
    assert json.loads(path.read_text())["wer"] == 0.125


@pytest.mark.parametrize("size", [0, 3, 3_000_000])
def test_digest_of_a_file(tmp_path: Path, size: int) -> None:
    contents = (b"abc" * size)[:size]
    (tmp_path / "file").write_bytes(contents)
    assert sha256_file(tmp_path / "file") == hashlib.sha256(contents).hexdigest()
    if size == 3:  # FIPS 180-2, appendix B.1
        expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        assert sha256_file(tmp_path / "file") == expected


@pytest.mark.usefixtures("umask")
def test_weights_can_be_read_by_those_whom_the_umask_lets(tmp_path: Path) -> None:
    """safetensors puts a file of its own, for its owner alone, in the place of ours."""
    import torch

    from asr.model.tensors import write_tensors

    write_tensors(tmp_path / "weights.safetensors", {"a": torch.zeros(3)})
    assert (tmp_path / "weights.safetensors").stat().st_mode & 0o777 == 0o640
