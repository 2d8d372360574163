"""The benchmarks still run, and what they compare still computes the same. How fast is for an idle machine to say."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


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
