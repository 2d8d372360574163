"""The measurement of what `asr check` finds still runs, and counts what it says."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.manifest import write_manifest
from asr.utterance import Utterance

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.slow
def test_copies_are_counted(tmp_path: Path) -> None:
    utterances = []
    for number in range(4):
        noise = 0.1 * np.random.default_rng(number).standard_normal(24_000)
        path = tmp_path / f"u{number}.wav"
        soundfile.write(
            path, noise * np.where(np.arange(24_000) % 4000 > 1600, 1.0, 0.01), 16_000, subtype="PCM_16"
        )
        utterances.append(Utterance(f"u{number}", str(path), 1.5, "some words"))
    write_manifest(tmp_path / "train.jsonl", utterances)
    few = [
        "--manifest",
        f"noise={tmp_path / 'train.jsonl'}",
        "--copies",
        "2",
        "--json",
        tmp_path / "found.json",
    ]
    done = subprocess.run(
        [sys.executable, "-W", "error", BENCHMARKS / "cleaning.py", *few],
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["as_it_is"]["noise"]["utterances"] == 4
    copies = found["copies"]["noise"]
    assert copies["wrong"] == []
    assert [
        copies["found"][way] for way in ("20 dB weaker", "edges trimmed", "to 11025 Hz", "other polarity")
    ] == [2] * 4
