"""The committed records of this project, of format 1, run again from their files alone."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from asr import numerics
from asr.runs.environment import read_environment
from asr.runs.record import read_record

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"


def reproduced(record: Path, folder: Path, *more: object, status: tuple[int, ...]) -> dict[str, Any]:
    """`asr reproduce` in a process of its own: what it pins must be set before torch is imported."""
    inherited = {name: value for name, value in os.environ.items() if name not in numerics.DECIDING}
    line = [sys.executable, "-m", "asr.cli.main", "reproduce", record, "--out", folder / "again", "--json"]
    done = subprocess.run(
        [*map(str, [*line, "--cache", folder.parent / "cache", "--device", "cpu", *more])],
        capture_output=True,
        text=True,
        check=False,
        env=inherited,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in status, done.stderr
    if done.returncode in (1, 2):
        return {"error": done.stderr.splitlines()[-1]}
    tree: dict[str, Any] = json.loads(done.stdout)
    assert tree["verdict"]["exit_status"] == done.returncode
    return tree


def same_machine(record: Path) -> bool:
    """The same processor and libraries: the same bits are promised."""
    there, here = read_record(record).environment, read_environment()
    keys = ("processor", "packages", "torch_build", "libsndfile", "machine")
    return all(getattr(there, key) == getattr(here, key) for key in keys)


@pytest.fixture
def yesno(yesno_archive: Path) -> list[object]:
    return ["--corpus", yesno_archive]


def test_first_epoch_of_yesno(yesno: list[object], tmp_path: Path) -> None:
    """Seven steps: all that the record tells of them is compared to the last bit."""
    record = RESULTS / "yesno" / "seed1.json"
    found = reproduced(record, tmp_path, *yesno, "--steps", "0:7", status=(0, 4))
    verdict = found["verdict"]
    assert verdict["steps"] == found["computed_steps"] == 7
    if same_machine(record):
        assert verdict["name"] == "bit-identical"
    if verdict["name"] == "bit-identical":
        assert verdict["reason"] == (
            "steps 1 to 7 of 280 have the same losses, gradient norms and development results, to the last bit; the "
            "others were not run again"
        )


def test_first_epoch_of_yesno_with_another_seed(yesno: list[object], tmp_path: Path) -> None:
    more = ["--steps", "0:7", "--set", "seed=2"]
    found = reproduced(RESULTS / "yesno" / "seed1.json", tmp_path, *yesno, *more, status=(4,))
    assert found["verdict"]["parting"] == {"step": 7, "after": 0, "place": "epoch", "epoch": 1}
    assert (found["causes"][0]["what"], found["causes"][0]["likely"]) == ("recipe key seed", True)


def test_part_of_an_epoch_proves_nothing(yesno: list[object], tmp_path: Path) -> None:
    """A record of format 1 has no trail; a few steps of its first epoch have nothing to be compared with."""
    more = ["--steps", "0:5", "--set", "seed=2"]
    found = reproduced(RESULTS / "yesno" / "seed1.json", tmp_path, *yesno, *more, status=(1,))
    assert "tells of whole epochs; the first one is --steps 0:7" in found["error"]
    assert not (tmp_path / "again").exists()


@pytest.mark.slow
def test_all_of_yesno(yesno: list[object], tmp_path: Path) -> None:
    record = RESULTS / "yesno" / "seed1.json"
    found = reproduced(record, tmp_path, *yesno, status=(0, 3, 4))
    verdict = found["verdict"]
    if same_machine(record):
        assert verdict["reason"] == "all 280 steps, the weights and every transcript are the same"
    else:
        assert verdict["name"] != "different"  # two trainings of one recipe, on thirty utterances


@pytest.mark.slow
def test_first_epoch_of_the_digits(tmp_path: Path) -> None:
    """Synthetic speech is made anew here; what its lock file says of it decides whether it is the same."""
    record = RESULTS / "digits" / "seed1.json"
    found = reproduced(record, tmp_path, "--steps", "0:112", status=(0, 4))
    assert found["verdict"]["steps"] == 112
    corpus = read_record(tmp_path / "again").corpus
    assert corpus is not None
    if same_machine(record) and corpus.lock == "matches":
        assert found["verdict"]["name"] == "bit-identical"
