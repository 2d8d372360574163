"""On what a run was computed: enough to repeat it, nothing about whose machine it was."""

import getpass
import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from asr.runs import environment
from asr.runs.environment import (
    available_cores,
    describe_device,
    peak_memory,
    read_code,
    read_environment,
)


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("MKL_CBWR", "AVX2,STRICT")
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    found = read_environment()
    assert found.python == platform.python_version()
    assert torch.__version__.startswith(found.packages["torch"].partition("+")[0])
    assert {"torch", "numpy", "soundfile", "safetensors", "jiwer"} <= found.packages.keys()
    assert found.variables["OMP_NUM_THREADS"] == "1"
    assert found.variables["MKL_CBWR"] == "AVX2,STRICT"
    assert found.cores == available_cores() >= 1
    assert found.memory > 2**28
    assert found.instructions
    assert found.processor
    assert "hush" not in found.model_dump_json()


def test_nobody_can_be_told_from_it() -> None:
    text = read_environment().model_dump_json() + read_code().model_dump_json()
    private = {platform.node(), str(Path.home()), str(Path.cwd()), sys.prefix}
    if getpass.getuser() != "root":
        private.add(getpass.getuser())
    assert not [word for word in private if len(word) > 3 and word in text]


def test_code_is_named_by_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "asr" / "runs"
    package.mkdir(parents=True)
    (package / "environment.py").write_text("a = 1\n")
    (tmp_path / "asr" / "x.py").write_text("b = 1\n")
    monkeypatch.setattr(environment, "__file__", str(package / "environment.py"))
    first = read_code()
    assert (first.commit, first.changed) == ("", None)  # no git here, so nobody knows
    (tmp_path / "asr" / "notes.txt").write_text("not code")
    assert read_code() == first
    (tmp_path / "asr" / "x.py").write_text("b = 2\n")
    assert read_code().digest != first.digest
    (tmp_path / "asr" / "x.py").rename(tmp_path / "asr" / "y.py")
    assert read_code().digest != first.digest


def test_changes_to_the_commit_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "asr" / "runs"
    package.mkdir(parents=True)
    (package / "environment.py").write_text("a = 1\n")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    try:
        subprocess.run([*git, "init", "-q"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git")
    subprocess.run([*git, "add", "asr"], check=True, capture_output=True)
    subprocess.run([*git, "commit", "-q", "-m", "first"], check=True, capture_output=True)
    monkeypatch.setattr(environment, "__file__", str(package / "environment.py"))
    clean = read_code()
    assert (len(clean.commit), clean.changed) == (40, False)
    (tmp_path / "README.md").write_text("outside the package")
    assert not read_code().changed
    (package / "new.py").write_text("c = 1\n")
    assert read_code().changed
    assert read_code().commit == clean.commit


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert read_code().commit == ""
    assert len(read_code().digest) == 64


def test_memory_and_device() -> None:
    before = peak_memory()
    assert before > 2**24
    assert before < 2**45  # bytes, not something else
    assert describe_device(torch.device("cpu")) == "cpu"


def test_all_of_it_is_json() -> None:
    json.dumps(read_environment().model_dump(mode="json"), allow_nan=False)
