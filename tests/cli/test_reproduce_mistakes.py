"""What can be wrong with a call of `asr reproduce`: one clear line each, the right exit status, and nothing written."""

from collections.abc import Callable
from pathlib import Path

import pytest
from by_hand import record
from reproducing import KEPT

from asr.cli.main import main
from asr.runs.record import read_record

Complaint = Callable[..., str]
Files = Callable[..., list[Path]]


@pytest.fixture
def wrong(complaint: Complaint, again: list[str], tmp_path: Path) -> Complaint:
    """The error of the command with other or further words; a first one that is no option is the record."""

    def wrong(*more: object) -> str:
        line = list(again)
        if more and not str(more[0]).startswith("--"):
            line[1], *more = map(str, more)  # type: ignore[assignment]
        said = complaint(*line, *more)
        assert not (tmp_path / "again" / "verdict.json").exists()
        return said

    return wrong


def test_wrong_paths(wrong: Complaint, tmp_path: Path, home: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert f"{tmp_path / 'gone.json'}: no run here (no record.json)" in wrong(tmp_path / "gone.json")
    assert f"{empty}: no run here (no record.json)" in wrong(empty)
    assert f"{tmp_path / 'gone'}: no such file or folder" in wrong("--corpus", tmp_path / "gone")
    assert f"{empty}: an4 is not there (it is empty)" in wrong("--corpus", empty)
    gone = wrong("--steps", f"{KEPT}:8", "--checkpoint", tmp_path / "gone.safetensors")
    assert f"{tmp_path / 'gone.safetensors'}: " in gone


def test_no_record(wrong: Complaint, tmp_path: Path) -> None:
    path = tmp_path / "future.json"
    path.write_text('{"format": 3}')
    assert f"{path}: record format 3; this version of Attest reads formats 1 to 2" in wrong(path)
    path.write_text("{}")
    assert f"{path}: record format None" in wrong(path)


def test_steps(wrong: Complaint, home: Path, again: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "--steps 0:999999: expected FIRST:LAST with 0 <= FIRST < LAST <= 9" in wrong("--steps", "0:999999")
    assert "no checkpoint at or before step 5 is at hand" in wrong("--steps", "5:9")
    said = wrong("--steps", "6:9", "--set", "train.clip=2")
    assert "--steps from a checkpoint cannot change the recipe" in said
    for value in ("5:3", "3:3", "3", "a:b", "-1:3", "1:2:3", ":", "0:0"):
        with pytest.raises(SystemExit) as stopped:
            main([*again, f"--steps={value}"])
        assert stopped.value.code == 2
        assert "argument --steps: expected FIRST:LAST with FIRST < LAST" in capsys.readouterr().err


def test_a_checkpoint_goes_with_steps(wrong: Complaint, home: Path) -> None:
    """By itself it says nothing about where to begin: it is not passed over in silence."""
    kept = home / "run" / "checkpoints" / f"step-{KEPT:07d}.safetensors"
    for more in ([], ["--steps", "0:3"]):
        assert "--checkpoint" in wrong("--checkpoint", kept, *more)


def test_recipe_keys(wrong: Complaint) -> None:
    assert "unknown key train.epoch; allowed here: averaging" in wrong("--set", "train.epoch=3")
    assert "expected KEY=VALUE" in wrong("--set", "train.epochs")
    assert "train.epochs" in wrong("--set", "train.epochs=none")


def test_the_run_itself(complaint: Complaint, again: list[str], home: Path) -> None:
    for more in ([], ["--fresh"]):
        said = complaint(*again[:-1], home / "run", *more)
        assert "holds the run that is to be reproduced, or a copy of it; choose another --out" in said
    assert read_record(home / "run").status == "complete"
    assert not (home / "run" / "verdict.json").exists()


def test_a_folder_that_is_something_else(complaint: Complaint, again: list[str], tmp_path: Path) -> None:
    other = tmp_path / "photos"
    other.mkdir()
    (other / "cat.jpg").write_bytes(b"x")
    assert "photos: not empty (cat.jpg) and no run" in complaint(*again[:-1], other)
    assert (other / "cat.jpg").exists()


def test_a_folder_of_another_run(again: list[str], home: Path, tmp_path: Path, complaint: Complaint) -> None:
    assert main([*again, "--steps", "0:1"]) == 0
    assert "holds a run of other settings (recipe miniature, seed 1)" in complaint(*again, "--set", "seed=2")


def test_another_corpus_without_leave(wrong: Complaint, again: list[str]) -> None:
    again.remove("--any-corpus")
    assert "an4: not the corpus of an4.lock.json: " in wrong()


def test_an_unknown_device(wrong: Complaint) -> None:
    assert "--device tpu: expected auto, cpu, cuda or cuda:N" in wrong("--device", "tpu")


def test_a_record_that_tells_of_no_training(wrong: Complaint, files: Files) -> None:
    (path,) = files(record(trail=[], epochs=[]))
    assert "tells of no training; there is nothing to reproduce" in wrong(path)
