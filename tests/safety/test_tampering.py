"""Every altered, missing or added byte of what was signed is found, and the file is named."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults_found import faults, files, flip, trust
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.claims.signing import verify_model
from asr.errors import AsrError
from asr.models import checking
from asr.safety.keys import SigningKey
from asr.safety.things import find_thing

OUTSIDE = b"something else\n"


def copies(folder: Path, parent: Path) -> Iterator[tuple[str, Path]]:
    """A copy for each file."""
    for number, name in enumerate(files(folder)):
        yield name, Path(shutil.copytree(folder, parent / str(number), symlinks=True))


def link(path: Path) -> None:
    """To the same bytes, outside."""
    path.rename(path.parents[2] / f"{path.name}.moved")
    path.symlink_to(path.parents[2] / f"{path.name}.moved")


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe_instead(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


TAMPERINGS: dict[str, tuple[Callable[[Path], object], str]] = {
    "one bit": (flip, "altered"),
    "the last byte cut off": (lambda path: os.truncate(path, path.stat().st_size - 1), "altered"),
    "a byte more": (lambda path: path.write_bytes(path.read_bytes() + b"\n"), "altered"),
    "empty": (lambda path: path.write_bytes(b""), "altered"),
    "other contents": (lambda path: path.write_bytes(OUTSIDE), "altered"),
    "removed": (Path.unlink, "missing"),
    "a link": (link, "not-a-file"),
    "a pipe": (pipe_instead, "not-a-file"),
    "a folder": (folder_instead, "missing"),
}


MAY_GO = ("checkpoints/", "manifests/")


@pytest.mark.parametrize("tampering", TAMPERINGS)
@pytest.mark.parametrize("what", ["bundle", "run"])
def test_every_file(
    what: str, tampering: str, tmp_path: Path, key: SigningKey, request: pytest.FixtureRequest
) -> None:
    spoil, code = TAMPERINGS[tampering]
    count = 0
    for name, copy in copies(request.getfixturevalue(what), tmp_path / "copies"):
        spoil(copy / name)
        gone_and_may = code == "missing" and name.startswith(MAY_GO) and what == "run"
        if name == "model.json" and not (copy / name).is_file():
            with pytest.raises(AsrError):  # no bundle any more
                find_thing(copy)
        else:
            assert faults(copy, key) == ({} if gone_and_may else {name: code}), (name, tampering)
        count += 1
    assert count >= (4 if what == "bundle" else 9)


@pytest.mark.parametrize("what", ["bundle", "run"])
def test_added_files(what: str, tmp_path: Path, key: SigningKey, request: pytest.FixtureRequest) -> None:
    copy = shutil.copytree(request.getfixturevalue(what), tmp_path / "copy")
    added = [
        "more",
        ".hidden",
        "deep/er/file",
        "model/extra.bin",
        "hypotheses/signatures.json",
        "tensorboards/x",
    ]
    for name in added:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(b"")
    (copy / "linked").symlink_to("nowhere")
    assert faults(copy, key) == dict.fromkeys([*added, "linked"], "unlisted")


def test_what_is_no_part_of_a_run_may_be_there(run: Path, tmp_path: Path, key: SigningKey) -> None:
    copy = shutil.copytree(run, tmp_path / "copy")
    (copy / "tensorboard").mkdir()
    (copy / "tensorboard" / "events.of-this-host").write_bytes(b"x")
    shutil.rmtree(copy / "manifests")
    assert faults(copy, key) == {}
    (copy / ".lock").write_bytes(b"x")  # no process writes into it
    assert faults(copy, key) == {".lock": "unlisted"}


@pytest.mark.parametrize("what", ["bundle", "run"])
def test_renamed_and_exchanged(
    what: str, tmp_path: Path, key: SigningKey, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(what)
    first, second = ("lexicon.txt", "decoder.json") if what == "bundle" else ("recipe.toml", "metrics.jsonl")
    renamed = shutil.copytree(folder, tmp_path / "renamed")
    (renamed / first).rename(renamed / "other.txt")
    assert faults(renamed, key) == {first: "missing", "other.txt": "unlisted"}
    swapped = shutil.copytree(folder, tmp_path / "swapped")
    one, two = (swapped / first).read_bytes(), (swapped / second).read_bytes()
    (swapped / first).write_bytes(two)
    (swapped / second).write_bytes(one)
    assert faults(swapped, key) == {first: "altered", second: "altered"}


def test_modes_and_times_do_not_matter(bundle: Path, tmp_path: Path, key: SigningKey) -> None:
    copy = shutil.copytree(bundle, tmp_path / "copy")
    for path in copy.iterdir():
        path.chmod(0o400)
        os.utime(path, (0, 0))
    assert faults(copy, key) == {}


def test_a_file_that_cannot_be_read(
    bundle: Path, tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Modes keep nobody out who is root, so the system is asked to refuse."""
    opened = os.open

    def refuse(path: object, *arguments: int, **options: object) -> int:
        if str(path).endswith("lexicon.txt"):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    assert faults(bundle, key) == {"lexicon.txt": "unreadable"}


@given(st.data())
@settings(max_examples=60)
def test_any_byte_of_a_bundle(bundle: Path, key: SigningKey, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([*files(bundle), "signatures.json"]))
    path = bundle / name
    before = path.read_bytes()
    place = data.draw(st.integers(0, len(before) - 1))
    changed = bytearray(before)
    changed[place] ^= data.draw(st.integers(1, 255))
    try:
        path.write_bytes(changed)
        found = faults(bundle, key)
    finally:
        path.write_bytes(before)
    if name == "signatures.json":
        assert found
    else:
        assert found == {name: "altered"}


@given(st.data())
@settings(max_examples=40)
def test_any_byte_of_a_packed_model(packed: tuple[Path, bytes], key: SigningKey, data: st.DataObject) -> None:
    path, before = packed
    changed = bytearray(before)
    changed[data.draw(st.integers(0, len(before) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    try:
        assert faults(path, key) == {"model.tar": "altered"}
    finally:
        path.write_bytes(before)


def test_a_bundle_beside_the_model_of_a_run(run: Path, bundle: Path, tmp_path: Path, key: SigningKey) -> None:
    """The run is still checked as a run: its model is what would be loaded."""
    copy = shutil.copytree(run, tmp_path / "copy")
    shutil.copy(bundle / "model.json", copy)
    assert faults(copy, key) == {"model.json": "unlisted"}


def test_folders_in_folders_without_end(bundle: Path, tmp_path: Path, key: SigningKey) -> None:
    copy = shutil.copytree(bundle, tmp_path / "copy")
    here = os.open(copy, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("a", dir_fd=here)
        inner = os.open("a", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("x", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    assert faults(copy, key) == {"a/" * 1200 + "x": "unlisted"}
    subprocess.run(["rm", "-rf", copy], check=True)


def test_a_pipe_in_the_place_of_signatures(bundle: Path, tmp_path: Path, key: SigningKey) -> None:
    """Nobody waits for its other end."""
    copy = shutil.copytree(bundle, tmp_path / "copy")
    pipe_instead(copy / "signatures.json")
    assert faults(copy, key) == {"signatures.json": "bad-signature"}


def test_what_is_not_as_it_was_signed_is_not_loaded(
    bundle: Path, tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(folder: Path) -> None:
        raise AssertionError("loaded")

    copy = shutil.copytree(bundle, tmp_path / "copy")
    flip(copy / "weights.safetensors")
    monkeypatch.setattr(checking, "check", load)
    report, _ = verify_model(copy, trust(key))
    assert [check.outcome for check in report.checks] == ["not checked", "failed"]
    assert verify_model(copy, ())[0].verdict == "failed"
