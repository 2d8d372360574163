"""`asr serve` on an ONNX file, where torch cannot be imported."""

import json
import os
import urllib.request
from pathlib import Path

import exported_tones
import httpx
import pytest
from served import served

from asr import Transcriber


def test_it_serves_without_torch(
    run_folder: Path, recordings: list[Path], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    light = exported_tones.light(tmp_path_factory.getbasetemp())
    broken = tmp_path / "path"  # goes before what is installed
    for package in ("torch", "scipy", "safetensors", "jiwer"):
        (broken / package).mkdir(parents=True)
        text = f"raise ModuleNotFoundError('{package} was imported', name='{package}')\n"
        (broken / package / "__init__.py").write_text(text, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(broken)}
    expected = [Transcriber(run_folder)(recording).text for recording in recordings]
    with served([f"tones={light}"], "--workers", "2", environment=environment) as server:
        with urllib.request.urlopen(f"{server.url}/v1/models", timeout=200) as answer:
            assert json.load(answer)["data"][0]["engine"] == "onnx-int8"
        for recording, text in zip(recordings, expected, strict=True):
            found = httpx.post(
                f"{server.url}/v1/audio/transcriptions",
                files={"file": recording.read_bytes()},
                data={"model": "tones"},
                timeout=200,
            )
            assert found.json()["text"] == text
        assert server.memory < 300e6
