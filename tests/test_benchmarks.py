"""The benchmarks still run, and what they compare still computes the same. How fast is for an idle machine to say."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from asr.recipe import FrontEnd, Model

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def test_strict_mode(tmp_path: Path) -> None:
    """One of its modes, few steps; each measurement is a process of its own."""
    few = ["--rounds", "1", "--steps", "2", "--warm-up", "1"]
    done = subprocess.run(
        [sys.executable, "-W", "error", BENCHMARKS / "strict_mode.py", *few, "--mode", "bare"],
        capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    times = json.loads(done.stdout.splitlines()[-1])
    assert len(times) == 2
    assert min(times) > 0


def test_recurrent_layer(tmp_path: Path) -> None:
    small = ["--utterances", "3", "--frames", "9", "--inputs", "5", "--hidden", "4", "--repeats", "3"]
    done = subprocess.run(
        [sys.executable, "-W", "error", BENCHMARKS / "recurrent_layer.py", *small, "--json", tmp_path / "times.json"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[-2:]] == ["training", "inference"]
    times = json.loads((tmp_path / "times.json").read_text(encoding="utf-8"))
    assert len(times["seconds"]["training"]["ours"]) == len(times["seconds"]["inference"]["packed"]) == 3
    assert times["largest_relative_differences"]["gradients"] < 1e-4


def test_processes() -> None:
    """The layout of one process, as the others are compared with it."""
    few = ["--steps", "1", "--warm-up", "1", "--sums", "1"]
    done = subprocess.run(
        [sys.executable, "-W", "error", BENCHMARKS / "processes.py", *few, "--place", "0", "1", "1", "0"],
        capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found["steps"]) == len(found["exchange"]) == 1
    assert 0 < found["exchange"][0] < found["steps"][0]
    assert found["numbers"] > 4_000_000
    assert len(found["weights"]) == 64


def test_multiply_adds_of_transcription() -> None:
    """By hand: 50 outputs a second; three layers of two directions, with 256 + 256, then 512 + 256 inputs a unit."""
    spec = importlib.util.spec_from_file_location(
        "transcription_parts", BENCHMARKS / "transcription_parts.py"
    )
    assert spec is not None
    assert spec.loader is not None
    parts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(parts)
    description = SimpleNamespace(front_end=FrontEnd(), model=Model(), tokenizer={"alphabet": ["x"] * 27})
    assert parts.multiply_adds(description) == {
        "mel filters": 100 * 257 * 80,
        "convolutions": 50 * (40 * 32 * 9 + 20 * 32 * 9 * 32),
        "projection": 50 * 640 * 256,
        "recurrent": 50 * 2 * 4 * 256 * (512 + 768 + 768),
        "output": 50 * 512 * 28,
    }


def test_beam_search(tmp_path: Path) -> None:
    small = ["--utterances", "2", "--frames", "60", "--beam", "10", "--rounds", "1"]
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "beam_search.py", *small, "--json", tmp_path / "times.json"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "times.json").read_text(encoding="utf-8"))["found"]
    assert {"greedy", "no model", "letters", "words, open", "lexicon", "lexicon, words"} == set(found)
    assert all(len(one["milliseconds"]) == 1 for each in found.values() for one in each.values())


def test_training_step(tmp_path: Path) -> None:
    """One of its modes, and its rates."""
    few = ["--utterances", "2", "--steps", "2", "--warm-up", "1", "--longest", "2.5"]
    for what in (["--mode", "packed, one core"], ["--profile"]):
        done = subprocess.run(
            [sys.executable, BENCHMARKS / "training_step.py", *few, *what],
            capture_output=True, text=True, timeout=280,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout.splitlines()[-1])
        if what == ["--profile"]:
            assert 0 < found["recurrent_share_of_time"] < 1
            assert 0 < found["loading_share_of_time"] < 1
            assert min(found["mkl"], found["onednn"], found["recurrent"], found["step"]) > 0
        else:
            assert len(found) == 2
            assert min(found) > 0
