"""Silero's network on real speech, in blocks of any length, without a trace beside its answers."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from asr.audio import read_audio, resample
from asr.errors import AsrError
from asr.transcribe import voice_activity
from asr.transcribe.voice_activity import FRAME, VoiceActivity, installed


@pytest.fixture(scope="module")
def activity() -> VoiceActivity:
    return VoiceActivity()


@pytest.fixture(scope="module")
def speech(an4_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """A training utterance of AN4 with a second and a half of faint noise on either side, 16 kHz."""
    import tarfile

    with tarfile.open(an4_archive) as archive:
        member = next(each for each in archive if each.name.endswith("an4_clstk/fash/cen7-fash-b.sph"))
        archive.extract(member, tmp_path_factory.getbasetemp() / "vad", filter="data")
    said = read_audio(tmp_path_factory.getbasetemp() / "vad" / member.name, sample_rate=16_000).samples
    quiet = 0.0005 * np.random.default_rng(1).standard_normal(24_000)
    return np.concatenate([quiet, said, quiet]).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000])
def test_speech_and_silence(activity: VoiceActivity, speech: np.ndarray, rate: int) -> None:
    probabilities = activity.stream(rate)(resample(speech, 16_000, rate), last=True)
    assert len(probabilities) == -(-len(speech) // 512)
    assert (probabilities[: int(1.4 / FRAME)] < 0.3).all()
    assert (probabilities[-int(1.2 / FRAME) :] < 0.3).all()
    assert (probabilities > 0.5).mean() > 0.25
    assert probabilities.max() > 0.9


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050])
def test_blocks_do_not_matter(activity: VoiceActivity, speech: np.ndarray, rate: int) -> None:
    sound = resample(speech, 16_000, rate)
    whole = activity.stream(rate)(sound, last=True)
    stream, found, begin = activity.stream(rate), [], 0
    for size in np.random.default_rng(2).integers(0, 3000, size=200).tolist():
        found.append(stream(sound[begin : begin + size]))
        begin += size
    assert begin > len(sound)
    found.append(stream(sound[:0], last=True))
    np.testing.assert_array_equal(np.concatenate(found), whole)


def test_as_the_network_that_takes_all_frames_at_once(activity: VoiceActivity, speech: np.ndarray) -> None:
    """Another file of the package, for 16 kHz alone: each row has a frame and the 64 samples before it."""
    network = voice_activity._network()
    assert network is not None
    path = network.with_name("silero_vad_16k_sequence.onnx")
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    padded = np.concatenate([np.zeros(64, np.float32), speech])
    rows = np.lib.stride_tricks.sliding_window_view(padded, 576)[::512]
    state = np.zeros((1, 1, 128), np.float32)
    expected = session.run(None, {"input": rows, "h": state, "c": state})[0]
    np.testing.assert_allclose(activity.stream(16_000)(speech), expected.ravel(), atol=1e-4)


def test_streams_do_not_meet(activity: VoiceActivity, speech: np.ndarray) -> None:
    one, other = activity.stream(16_000), activity.stream(16_000)
    found = []
    for begin in range(0, len(speech), 4096):
        found.append(one(speech[begin : begin + 4096]))
        other(np.zeros(4096, np.float32))
    expected = activity.stream(16_000)(speech)
    np.testing.assert_array_equal(np.concatenate(found), expected)


LOOKS = """
import os, socket, sys

def refused(*arguments, **named):
    raise SystemExit("a socket was opened")

socket.socket.connect = socket.getaddrinfo = refused
from asr.transcribe.voice_activity import VoiceActivity
import numpy as np
activity = VoiceActivity()
activity.stream(16_000)(np.zeros(16_000, np.float32))
assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
paths = [f"/proc/self/fd/{each}" for each in os.listdir("/proc/self/fd")]
links = [os.readlink(path) for path in paths if os.path.islink(path)]
assert not [link for link in links if link.startswith("socket:")], links
for name in ("silero_vad", "torch", "torchaudio"):
    assert name not in sys.modules, name
"""


def test_nothing_is_written_or_sent(tmp_path: Path) -> None:
    """In a home and a temporary folder of its own: both stay empty, no socket is open, the package is not imported."""
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    own = {"HOME": str(home), "TMPDIR": str(temporary), "XDG_CACHE_HOME": str(home / "cache")}
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"} | own
    done = subprocess.run(
        [sys.executable, "-c", LOOKS], env=environment, cwd=home, capture_output=True, text=True, timeout=200
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(home.rglob("*")) == list(temporary.rglob("*")) == []


@pytest.mark.parametrize("missing", ["silero_vad", "onnxruntime"])
def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    find = importlib.util.find_spec

    def without(name: str) -> object:
        return None if name == missing else find(name)

    monkeypatch.setattr(voice_activity.importlib.util, "find_spec", without)
    assert not installed()
    with pytest.raises(AsrError, match=r"pip install 'attest-asr\[vad\]'"):
        VoiceActivity()
