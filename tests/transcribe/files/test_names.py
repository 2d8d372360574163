"""Names of files: as they are, from folders, from lists."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from asr.errors import AsrError
from asr.transcribe.files.names import Named, count_listed, listed, named


def test_folders_and_files(tmp_path: Path) -> None:
    for name in ("b.wav", "a.FLAC", "notes.txt", "sub/c.mp3", "sub/deeper/d.sph", "also/e.opus", ".x/f.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    expected = ["a.FLAC", "b.wav", ".x/f.wav", "also/e.opus", "sub/c.mp3", "sub/deeper/d.sph"]
    assert list(named([str(tmp_path)])) == [Named(str(tmp_path / name), str(tmp_path)) for name in expected]
    assert list(named(["gone.xyz", "gone.xyz"])) == [Named("gone.xyz")] * 2
    (tmp_path / "empty").mkdir()
    empty = str(tmp_path / "empty")
    assert list(named([empty])) == [Named(empty)]  # reading it says that it is a folder


def test_globs_that_the_shell_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.wav", "a.mp4", "notes.txt", "sub/c.wav", "sub/deeper/d.wav", "odd[1].wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)

    def found(*patterns: str) -> list[str]:
        return [each.path for each in named(patterns)]

    assert found("*.wav") == ["b.wav", "odd[1].wav"]
    assert found("**/*.wav") == ["b.wav", "odd[1].wav", "sub/c.wav", "sub/deeper/d.wav"]
    assert found("sub/*") == ["sub/c.wav", "sub/deeper/d.wav"]  # of a folder the sound in it
    assert found("[ab].*") == ["a.mp4", "b.wav"]
    assert found("odd[1].wav") == ["odd[1].wav"]  # a file is called so
    assert found("*.xyz") == ["*.xyz"]
    assert [str(each.place) for each in named([f"{tmp_path}/sub/**/*.wav"])] == ["sub/c", "sub/deeper/d"]


def test_lists(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"a.wav\n\nwith space.wav\r\n\xff\xfe.wav\nlast.wav")
    assert list(listed(str(path))) == ["a.wav", "with space.wav", os.fsdecode(b"\xff\xfe.wav"), "last.wav"]
    assert count_listed(str(path)) == 4
    assert count_listed("-") is None


def test_a_list_from_notepad(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"\xef\xbb\xbfa.wav\r\n\xef\xbb\xbfb.wav\r\n")
    assert list(listed(str(path))) == ["a.wav", "\ufeffb.wav"]


def test_names_that_are_too_long() -> None:
    """Whoever opens them says so."""
    name = "n" * 300
    assert list(named([name, f"*/{name}"])) == [Named(name), Named(f"*/{name}")]
    with pytest.raises(AsrError, match="cannot be read .File name too long"):
        count_listed(name)


@pytest.mark.parametrize("kind", ["gone", "folder"])
def test_no_list_there(tmp_path: Path, kind: str) -> None:
    path = tmp_path if kind == "folder" else tmp_path / "gone"
    for function in (lambda: list(listed(str(path))), lambda: count_listed(str(path))):
        with pytest.raises(AsrError, match=f"--list {path}: cannot be read"):
            function()


def test_names_from_standard_input() -> None:
    """As they come; a None where there is none for a while."""
    code = "from asr.transcribe.files.names import listed\nfor name in listed('-'): print(repr(name), flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("a.wav\nb")
        process.stdin.flush()
        said = [process.stdout.readline().strip()]
        while said[-1] != "None" or "'a.wav'" not in said:
            said.append(process.stdout.readline().strip())
        process.stdin.write(".wav\n\nc.wav")
        process.stdin.close()
        said += process.stdout.read().split()
    assert [name for name in said if name != "None"] == ["'a.wav'", "'b.wav'", "'c.wav'"]
    assert "None" in said
