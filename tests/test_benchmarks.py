"""The benchmarks still run, and what they compare still computes the same. How fast is for an idle machine to say."""

import json
import subprocess
import sys
from pathlib import Path

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
