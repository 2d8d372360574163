"""Which engine computes, and that it says so; the ONNX one needs no torch, leaves no trace, always hears the same."""

import json
import os
import platform
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import exported_tones
import miniature
import numpy as np
import pytest

from asr import Transcriber
from asr.audio import read_audio
from asr.cli.main import main
from asr.engine import engine as engines
from asr.engine.engine import load_engine
from asr.errors import AsrError, BundleError, DeviceError
from asr.model.named import find_model
from asr.transcribe.processes import transcribe_in_processes

Loaded = tuple[Path, list[Path]]
CAPSYS = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return miniature.trained(tmp_path_factory.getbasetemp())[1]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    corpus = miniature.trained(tmp_path_factory.getbasetemp())[0]
    return sorted((corpus / "wav" / "an4test_clstk").rglob("*.wav"))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with weights and an ONNX file."""
    return exported_tones.both(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of 8 bits without weights."""
    return exported_tones.light(tmp_path_factory.getbasetemp())


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)  # find_spec then finds nothing, and importing fails


def test_which_one_it_is(
    run_folder: Path, both: Path, light: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def name(folder: Path, asked: Any = "auto", device: str = "auto") -> str:
        return load_engine(find_model(folder), asked, device)[1].name

    assert (name(run_folder), name(both), name(light)) == ("torch", "onnx", "onnx-int8")
    assert (name(both, "torch"), name(both, "onnx"), name(both, "auto", "cpu")) == ("torch", "onnx", "onnx")
    with pytest.raises(BundleError, match="carries no ONNX file; `asr export"):
        name(run_folder, "onnx")
    with pytest.raises(DeviceError, match="computed on the CPU"):
        name(light, "auto", "cuda")
    with pytest.raises(DeviceError, match="computed on the CPU"):
        name(both, "onnx", "cuda:1")
    with pytest.raises(ValueError, match="auto, torch, onnx"):
        name(both, "tpu")
    with monkeypatch.context() as patch:
        (tmp_path / "card").touch()
        patch.setattr(engines, "CARD", tmp_path / "card")
        assert (name(both), name(both, "auto", "cpu"), name(light)) == ("torch", "onnx", "onnx-int8")
    with monkeypatch.context() as patch:
        without(patch, "onnxruntime")
        assert name(both) == "torch"
        with pytest.raises(AsrError, match="onnxruntime is not installed"):
            name(light)


def test_without_torch_it_says_what_is_missing(
    run_folder: Path, both: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "installed", lambda package: package != "torch")
    with pytest.raises(AsrError, match="without an ONNX file .* needs torch, which is not installed"):
        load_engine(find_model(run_folder))
    with pytest.raises(AsrError, match="--engine torch needs torch"):
        load_engine(both, "torch")
    assert load_engine(both)[1].name == "onnx"


def test_same_bits_whatever_else_is_heard(both: Path, light: Path, recordings: list[Path]) -> None:
    waveforms = [read_audio(path, sample_rate=miniature.RATE).samples for path in recordings]
    for folder in (both, light):
        engine = load_engine(folder)[1]
        alone = [engine([waveform])[0] for waveform in waveforms]
        assert engine([]) == []
        with ThreadPoolExecutor(4) as pool:
            threads = list(pool.map(engine, [[waveform] for waveform in waveforms * 3]))
        for found in (engine(waveforms), engine(waveforms[::-1])[::-1], [one for (one,) in threads]):
            for place, log_probs in enumerate(found):
                np.testing.assert_array_equal(log_probs, alone[place % len(alone)])


def test_transcripts_and_who_made_them(
    run_folder: Path, both: Path, recordings: list[Path], capsys: CAPSYS
) -> None:
    expected = [Transcriber(run_folder)(recording).text for recording in recordings]
    transcriber = Transcriber(both)
    for workers in (1, 3):
        found = [one for _, one in transcriber.many(recordings, workers=workers)]
        assert [(one.text, one.engine) for one in found] == [(text, "onnx") for text in expected]
    again = [one for _, one in transcribe_in_processes(both, recordings[:2], processes=1)]
    assert [(one.text, one.engine) for one in again] == [(text, "onnx") for text in expected[:2]]
    for engine in ("auto", "torch"):
        files = [str(recording) for recording in recordings]
        assert main(["transcribe", *files, "--model", str(both), "--engine", engine, "--json"]) == 0
        trees = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [tree["text"] for tree in trees] == expected
        assert {tree["engine"] for tree in trees} == {"torch" if engine == "torch" else "onnx"}


BLOCKED = """
import sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchaudio", "scipy", "jiwer", "safetensors", "rich", "sentencepiece"):
            raise SystemExit(f"{name} was imported")

sys.meta_path.insert(0, Refused())
sys.modules["torch"] = None
"""

# The kernel ends the process if any thread makes a socket, whoever wrote its code: instructions of a seccomp filter
# (linux/filter.h) that load the number of the system call, compare it, and kill or allow.
NO_SOCKETS = """
import ctypes, platform, struct
call = {"x86_64": 41, "aarch64": 198}.get(platform.machine())
if call is not None:
    steps = ((0x20, 0, 0, 0), (0x15, 0, 1, call), (0x06, 0, 0, 0x80000000), (0x06, 0, 0, 0x7FFF0000))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = struct.pack("@HP", len(steps), ctypes.addressof(code))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    assert prctl(38, 1, 0, 0, 0) == 0, "no new privileges"
    assert prctl(22, 2, program, 0, 0) == 0, ctypes.get_errno()
"""

TRANSCRIBES = """
import os
from asr import Transcriber
from asr.cli.main import main
model, *files = sys.argv[1:]
for path, found in Transcriber(model, words=True).many(files, workers=2):
    print(found.engine, found.text, *(word.word for word in found.words), sep="|")
assert main(["transcribe", *files, "--model", model]) == 0
assert main(["models", "check", model]) == 0
assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
"""


def alone(code: str, *arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """In a home and a temporary folder of its own, which stay empty."""
    home, temporary = folder / "home", folder / "tmp"
    home.mkdir()
    temporary.mkdir()
    own = {"HOME": str(home), "TMPDIR": str(temporary), "XDG_CACHE_HOME": str(home / "cache")}
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"} | own
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=120)
    assert list(home.rglob("*")) == list(temporary.rglob("*")) == []
    return done


def test_no_torch_no_trace(light: Path, run_folder: Path, recordings: list[Path], tmp_path: Path) -> None:
    """Nothing heavy is imported, no socket is made, nothing is written: with its telemetry on, onnxruntime keeps a
    database in the home and a session among the temporary files, and sends from there."""
    done = alone(BLOCKED + NO_SOCKETS + TRANSCRIBES, light, *recordings[:3], folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    texts = [Transcriber(run_folder)(recording).text for recording in recordings[:3]]
    lines = done.stdout.splitlines()
    assert lines[:3] == ["|".join(["onnx-int8", text, *text.split()]) for text in texts]
    assert lines[3:6] == [f"{path}\t{text}" for path, text in zip(recordings, texts, strict=False)]
    assert "whole: 5 files" in lines[6]


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "aarch64"),
    reason="the filter knows x86-64 and ARM64 alone",
)
def test_a_socket_would_be_noticed(tmp_path: Path) -> None:
    done = alone(NO_SOCKETS + "import socket\nsocket.socket()", folder=tmp_path)
    assert done.returncode == -signal.SIGSYS


def test_what_needs_torch_says_so(light: Path, tmp_path: Path) -> None:
    code = BLOCKED + "from asr.cli.main import main\nsys.exit(main(sys.argv[1:]))"
    done = alone(code, "evaluate", light, folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "needs torch, which is not installed: a light installation only transcribes" in done.stderr
