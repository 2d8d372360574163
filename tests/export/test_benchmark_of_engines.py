"""benchmarks/engines.py still runs, and finds no difference where there is none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "engines.py"


@pytest.mark.slow
def test_three_engines(exported: Path, light: Path, run_folder: Path, tmp_path: Path) -> None:
    models = ["--torch", run_folder, "--onnx", exported, "--int8", light]
    part = f"dev={run_folder / 'manifests' / 'dev.jsonl'}"
    done = subprocess.run(
        [sys.executable, SCRIPT, *models, "--part", part, "--rounds", "1", "--json", tmp_path / "found.json"],
        capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    engines = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["parts"]["dev"]["engines"]
    assert [each["rounds"][0]["engine"] for each in engines.values()] == ["torch", "onnx", "onnx-int8"]
    assert [each["rounds"][0]["torch_loaded"] for each in engines.values()] == [True, False, False]
    assert engines["onnx"]["differing"] == 0
    assert engines["onnx"]["against_torch"]["p"] == 1.0
    assert all(line.startswith("| ") for line in done.stdout.splitlines()[1:])
