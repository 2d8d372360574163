"""`asr transcribe` with folders, lists and processes, on a terminal, and interrupted."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import miniature
import pytest
import soundfile

from asr.cli.main import main
from asr.cli.pace import Pace

Complaint = Callable[..., str]
ASR = [sys.executable, "-m", "asr.cli.main", "transcribe"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """a.wav says go, sub/b.flac no, notes.txt nothing."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for name, text in (("a.wav", "GO"), ("sub/b.flac", "NO")):
        soundfile.write(
            tmp_path / "in" / name, miniature.speech(text, name), miniature.RATE, subtype="PCM_16"
        )
    (tmp_path / "in" / "notes.txt").write_text("what was said")
    return tmp_path / "in"


def test_a_folder(model: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transcribe", str(folder), "--model", str(model)]) == 0
    assert capsys.readouterr() == (f"{folder}/a.wav\tgo\n{folder}/sub/b.flac\tno\n", "")
    assert main(["transcribe", str(folder / "sub"), "--model", str(model)]) == 0
    assert capsys.readouterr().out == f"{folder}/sub/b.flac\tno\n"  # a folder of one is a folder


def test_a_list_beside_files(
    model: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list").write_text(f"{folder}/gone.wav\n{folder}/a.wav\n")
    line = ["transcribe", str(folder / "sub/b.flac"), "--list", str(tmp_path / "list"), "--model", str(model)]
    assert main(line) == 1
    out, error = capsys.readouterr()
    assert out == f"{folder}/sub/b.flac\tno\n{folder}/a.wav\tgo\n"
    assert error.splitlines() == [
        f"asr: {folder}/gone.wav: no such file; check the path",
        "asr: 1 of 3 files could not be transcribed",
    ]


def test_nothing_named(model: Path, tmp_path: Path, complaint: Complaint) -> None:
    assert "nothing to transcribe" in complaint("transcribe", "--model", model)
    assert f"--list {tmp_path / 'gone'}: cannot be read" in complaint(
        "transcribe", "--list", tmp_path / "gone", "--model", model
    )


def test_processes_and_the_interrupt_of_a_terminal(model: Path, folder: Path) -> None:
    """Names come from standard input, transcripts at once, and Ctrl-C ends all processes."""
    # What begins in the background of a shell ignores this signal, and its children with it.
    line = ["env", "--default-signal=INT", *ASR, "--list", "-", "--model", str(model), "--processes", "1"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(line, text=True, start_new_session=True, **pipes) as process:  # type: ignore[call-overload]
        process.stdin.write(f"{folder}/a.wav\n{folder}/gone.wav\n")
        process.stdin.flush()
        assert process.stdout.readline() == f"{folder}/a.wav\tgo\n"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 1
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(200) == 130
        error = process.stderr.read().splitlines()
    assert error[-1] == "asr: interrupted"
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_pace_on_a_terminal(model: Path, folder: Path) -> None:
    """Only there, and what is printed to the other stream is not mixed with it."""
    lead, follow = pty.openpty()
    line = [*ASR, str(folder / "a.wav"), str(folder / "a.wav"), "--model", str(model)]
    done = subprocess.run(line, stdout=subprocess.PIPE, stderr=follow, timeout=200)
    os.close(follow)
    shown = os.read(lead, 1 << 16).decode()
    os.close(lead)
    assert done.returncode == 0
    assert done.stdout.decode() == f"{folder}/a.wav\tgo\n" * 2
    assert "1 of 2 files" in shown
    assert shown.endswith("\r\x1b[K")  # the line is cleared at the end


def test_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace(5_000)
    for _ in range(1_500):
        pace.show(2.0)
    assert pace.line(30.0) == "1,500 of 5,000 files, 50.0 files/s, real-time factor 0.0100, 1:10 left"
    pace = Pace(0)
    pace.show(0.0)
    assert pace.line(0.5) == "1 files, 2.0 files/s"


def test_pace_of_long_files() -> None:
    """By seconds of sound, also within files, where lengths are known: one of four is not, and taken for the mean."""
    pace = Pace(0)
    pace._measure([3600.0, 1800.0, None, 1800.0])
    pace.show(1800.0)
    assert pace.line(180.0) == "1 of 4 files, 0.0 files/s, real-time factor 0.1000, 13:00 left"
    pace.on = True
    pace._working = pace._last = float("inf")  # nothing is written
    pace.heard(1, 600.0)
    pace.heard(1, 1200.0)
    pace.heard(1, 900.0)  # threads come in any order
    pace.heard(0, 1800.0)  # is done
    assert pace.line(300.0) == "1 of 4 files, 0.0 files/s, real-time factor 0.1000, 11:00 left"
    pace.show(1200.0)
    assert "0.1000, 11:00 left" in pace.line(300.0)
    pace.seconds = 72_000.0
    assert pace.line(300.0).endswith(", 1:55:00 left")


def test_a_list_that_can_be_read_once(model: Path, folder: Path, tmp_path: Path) -> None:
    """A pipe (`--list <(find ...)`) is empty the second time."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(
        [*ASR, "--list", str(pipe), "--model", str(model)], stdout=subprocess.PIPE
    ) as process:
        pipe.write_text(f"{folder}/a.wav\n{folder}/a.wav\n")
        assert process.communicate(timeout=200)[0].decode() == f"{folder}/a.wav\tgo\n" * 2
    assert process.returncode == 0


def test_names_that_cannot_be(
    model: Path, folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "list").write_bytes(b"a\0b.wav\n" + f"{folder}/a.wav\n".encode())
    assert main(["transcribe", "--list", str(tmp_path / "list"), "--model", str(model)]) == 1
    out, error = capsys.readouterr()
    assert out == f"{folder}/a.wav\tgo\n"
    assert "a\\0b.wav: no file has a zero byte in its name" in error
    (tmp_path / "list").write_bytes(b"\n")
    assert main(["transcribe", "--list", str(tmp_path / "list"), "--model", str(model)]) == 1
    assert "no names in it; expected one a line" in capsys.readouterr().err
