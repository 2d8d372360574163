"""`asr transcribe` as a user meets it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import miniature
import numpy as np
import pytest
import soundfile

from asr.cli.main import main

Complaint = Callable[..., str]


def test_one_file_gives_its_text_and_nothing_else(
    model: Path, speech: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["transcribe", str(speech), "--model", str(model)]) == 0
    assert capsys.readouterr() == ("yes go\n", "")
    assert main(["transcribe", str(speech), "--model", str(model / "model"), "--device", "cpu"]) == 0
    assert capsys.readouterr() == ("yes go\n", "")


def test_several_files_give_a_line_each_in_order(
    model: Path, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.flac"
    soundfile.write(other, miniature.speech("NO", "other"), miniature.RATE)
    files = [str(other), str(speech), str(other)]
    assert main(["transcribe", *files, "--model", str(model), "--workers", "3"]) == 0
    assert capsys.readouterr() == (f"{other}\tno\n{speech}\tyes go\n{other}\tno\n", "")


def test_as_a_process(model: Path, speech: Path) -> None:
    line = [sys.executable, "-m", "asr.cli.main", "transcribe", str(speech), "--model", str(model)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=200, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "yes go\n", "")


def broken(folder: Path, kind: str) -> Path:
    path = folder / "broken.wav"
    match kind:
        case "text":
            path.write_text("this is no sound")
        case "empty":
            path.write_bytes(b"")
        case "no samples":
            soundfile.write(path, np.zeros(0), 8000, subtype="PCM_16")
        case "cut off":
            soundfile.write(path, np.zeros(8000), 8000, subtype="PCM_16")
            path.write_bytes(path.read_bytes()[:9000])
        case "folder":
            path.mkdir()
        case "NaN":
            soundfile.write(path, np.full(100, np.nan), 8000, subtype="FLOAT")
    return path


KINDS = ["text", "empty", "no samples", "cut off", "folder", "NaN", "gone"]


@pytest.mark.parametrize("kind", KINDS)
def test_one_broken_file(model: Path, tmp_path: Path, complaint: Complaint, kind: str) -> None:
    path = broken(tmp_path, kind)
    assert complaint("transcribe", path, "--model", model).startswith(f"asr: {path}: ")


def test_broken_files_among_good_ones(
    model: Path, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, gone = broken(tmp_path, "text"), tmp_path / "gone.wav"
    files = [str(path) for path in (bad, speech, gone, speech)]
    assert main(["transcribe", *files, "--model", str(model)]) == 1
    out, error = capsys.readouterr()
    assert out == f"{speech}\tyes go\n" * 2
    first, second, last = error.splitlines()
    assert first.startswith(f"asr: {bad}: not audio")
    assert second == f"asr: {gone}: no such file; check the path"
    assert last == "asr: 2 of 4 files could not be transcribed"


def test_no_model_there(speech: Path, tmp_path: Path, complaint: Complaint) -> None:
    assert "no model here" in complaint("transcribe", speech, "--model", tmp_path / "gone")
    assert "no model here" in complaint("transcribe", speech, "--model", tmp_path)
    assert f"asr: {speech}: is a file" in complaint("transcribe", speech, "--model", speech)


def test_no_such_device(speech: Path, model: Path, complaint: Complaint) -> None:
    assert "--device cuda:99" in complaint("transcribe", speech, "--model", model, "--device", "cuda:99")
