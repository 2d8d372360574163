"""`asr tune` as a user meets it: what it refuses, and how it ends. Studies themselves: tests/tuning."""

import fcntl
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from asr.cli.main import main
from asr.training.reports import Interrupted
from asr.tuning import study as leading

Complaint = Callable[..., str]
STUDY = """
name = "x"
[corpus]
name = "an4"
dev_speakers = 7
[search]
trials = 4
[search.keys]
model.layers = [1, 2]
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    return path


def test_mistakes_have_one_line_each(study: Path, tmp_path: Path, complaint: Complaint) -> None:
    out = tmp_path / "out"
    assert "no table [search]" in complaint("tune", "recipes/digits.toml", "--out", out)
    assert "no such recipe" in complaint("tune", tmp_path / "none.toml", "--out", out)
    assert "unknown key search.trails" in complaint("tune", study, "--set", "search.trails=3", "--out", out)
    assert "unknown key train.epoch" in complaint("tune", study, "--set", "train.epoch=3", "--out", out)
    assert f"`asr tune {study}` is for that" in complaint("run", study, "--out", out)
    assert "no such file or folder" in complaint("tune", study, "--corpus", tmp_path / "no.tar", "--out", out)
    # What went wrong before anything was tried must not stand in the way.
    assert "no such file or folder" in complaint("tune", study, "--corpus", tmp_path / "no.tar", "--out", out)
    words = ("--corpus", tmp_path / "no.tar", "--set", "train.epochs=3", "--out", out)
    assert "no such file or folder" in complaint("tune", study, *words)
    assert f"{study}: not a readable JSON" in complaint("verify", study)
    assert "--decode is for runs" in complaint("verify", "--decode", out)


def test_two_at_once(study: Path, tmp_path: Path, complaint: Complaint) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with (out / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert "another process is working on this study" in complaint("tune", study, "--out", out)


def test_without_the_extra(
    study: Path, tmp_path: Path, complaint: Complaint, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asr.tuning.suggestion import optuna

    optuna.cache_clear()
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert complaint("tune", study, "--out", tmp_path / "out") == (
        "asr: tuning needs an extra: pip install 'attest-asr[tune]'"
    )
    optuna.cache_clear()


def test_interrupted(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(lead: leading.Lead) -> None:
        signal.raise_signal(signal.SIGINT)
        assert lead.should_stop()
        raise Interrupted(lead.folder.path)

    monkeypatch.setattr(leading.Lead, "run", stopped)
    assert main(["tune", str(study), "--out", str(tmp_path / "out")]) == 130
    assert "interrupted; the same command goes on" in capsys.readouterr().err
