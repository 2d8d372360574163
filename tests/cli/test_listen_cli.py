"""`asr listen`: files that are played, pipes, and a microphone that is made up."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import miniature
import numpy as np
import pytest
import soundfile

from asr.cli import live_lines
from asr.cli.main import main
from asr.transcribe.live import microphone, source
from asr.transcribe.live.live import Final, Partial
from asr.transcribe.live.source import Piped, Played
from asr.transcribe.transcript import Word

RATE = miniature.RATE
NEVER: Callable[[], bool] = lambda: False  # noqa: E731


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """Says "yes go", and after a second "no see"."""
    quiet = np.zeros(RATE)
    parts = [miniature.speech("YES GO", "one"), quiet, miniature.speech("NO SEE", "two"), quiet[: RATE // 2]]
    noise = 0.003 * np.random.default_rng(1).standard_normal(sum(map(len, parts)))
    path = tmp_path / "talk.wav"
    soundfile.write(path, np.concatenate(parts) + noise, RATE, subtype="PCM_16")
    return path


def listen(model: Path, *words: object) -> int:
    return main(["listen", "--model", str(model), "--voice", "energy", *map(str, words)])


def test_a_file_gives_a_line_an_utterance(
    model: Path, talk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listen(model, talk, "--speed", "0") == 0
    out, error = capsys.readouterr()
    assert out == "yes go\nno see\n"
    assert error.startswith(f"listening to {talk}, 8000 Hz; final 0.5 s after")


def test_json_has_each_update(model: Path, talk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert listen(model, talk, "--speed", "0", "--json") == 0
    updates = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    finals = [update for update in updates if update["type"] == "final"]
    assert [final["text"] for final in finals] == ["yes go", "no see"]
    assert updates[0]["type"] == "partial"
    assert [word["word"] for word in finals[1]["words"]] == ["no", "see"]
    seconds = [
        finals[1]["start"],
        *(finals[1]["words"][0][key] for key in ("start", "end")),
        finals[1]["end"],
    ]
    assert seconds == sorted(seconds)
    assert seconds[0] > finals[0]["end"]


def test_raw_samples_on_standard_input(
    model: Path, talk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, _ = soundfile.read(talk, dtype="int16")
    path = talk.with_suffix(".raw")
    path.write_bytes(samples.astype("<i2").tobytes() + b"x")  # and half a sample
    with path.open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert listen(model, "-", "--rate", RATE) == 0
    assert capsys.readouterr().out == "yes go\nno see\n"


def test_ctrl_c_finishes_what_was_said(model: Path, talk: Path) -> None:
    """The pipe stays open after the first words; the utterance is not over when the signal comes."""
    rest = ("--model", str(model), "--voice", "energy")
    process = subprocess.Popen(
        [sys.executable, "-m", "asr.cli.main", "listen", "-", "--json", "--rate", str(RATE), *rest],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    assert b"listening" in process.stderr.readline()
    samples = (32767 * miniature.speech("YES GO", "one")).astype("<i2")
    process.stdin.write(samples.tobytes())
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["type"] == "partial"
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=200)
    assert (json.loads(out.splitlines()[-1])["text"], process.returncode, error) == ("yes go", 0, b"")


def test_a_terminal_shows_what_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setenv("COLUMNS", "10")
        lines = live_lines.TextLines()
        lines.show([Partial("yes", (), 0.0), Partial("yes go on and on", (), 0.0)])
        lines.show([Final("yes go", (), 0.0, 1.0, True), Final("", (), 0.0, 1.0, True)])
        lines.close()
    shown = "".join(iter(lambda: _read(ours), ""))
    os.close(ours)
    assert shown == "\r\x1b[Kyes\r\x1b[K…n and on\r\x1b[Kyes go\r\n\r\x1b[K\r\x1b[K"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("yes go on", "yes go on"),  # nine columns
        ("yes go on.", "…s go on."),
        ("我们去吧", "我们去吧"),  # two columns each
        ("我们去吧啊", "…们去吧啊"),
        ("a我们去吧啊", "…们去吧啊"),
        ("cafe\u0301 olé!", "cafe\u0301 olé!"),  # an accent over the letter before it takes none
    ],
)
def test_a_line_never_takes_more_columns_than_there_are(text: str, shown: str) -> None:
    assert live_lines._fitting(text, 9) == shown


def test_a_line_of_json() -> None:
    word = Word("go", 1.23456, 1.5, 0.87654321)
    final = live_lines.json_of(Final("go", (word,), 1.0, 2.0, False))
    assert final == {
        "type": "final",
        "text": "go",
        "start": 1.0,
        "end": 2.0,
        "pause": False,
        "words": [{"word": "go", "start": 1.235, "end": 1.5, "confidence": 0.8765}],
    }


@pytest.mark.parametrize("rest", [[], ["gone.wav"], ["-"]])
def test_mistakes(
    rest: list[str],
    model: Path,
    complaint: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(microphone, "importlib", SimpleNamespace(import_module=_no_library))
    (tmp_path / "talk").write_bytes(b"RIFF1234")
    with (tmp_path / "talk").open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        said = complaint("listen", "--model", model, "--voice", "energy", *rest)
    says = {
        "": "asr: the microphone: PortAudio library not found; install the system's PortAudio",
        "gone.wav": "asr: gone.wav: no such file",
        "-": "asr: standard input: WAV, where raw 16-bit samples are expected",
    }
    assert said.startswith(says[" ".join(rest)])


def test_a_model_is_needed(complaint: Callable[..., str]) -> None:
    assert "needs --model" in complaint("listen", "x.wav")


def test_standard_input_that_is_closed(
    model: Path, complaint: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert complaint("listen", "-", "--model", model).startswith("asr: standard input: it is closed")


def test_a_pause_that_cannot_be(model: Path, talk: Path, complaint: Callable[..., str]) -> None:
    assert "pause must be" in complaint("listen", talk, "--model", model, "--voice", "energy", "--pause", "0")


# Sources.


class Clock:
    """Time that passes by sleeping, and by what is done between."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(("speed", "expected"), [(1.0, 3.0), (2.0, 1.5), (0.0, 0.0)])
def test_a_file_is_played_in_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speed: float, expected: float
) -> None:
    clock = Clock()
    monkeypatch.setattr(source, "time", clock)
    samples = np.linspace(-0.5, 0.5, 3 * RATE, dtype=np.float32)
    soundfile.write(tmp_path / "x.wav", samples, RATE, subtype="FLOAT")
    blocks = list(Played(tmp_path / "x.wav", speed).blocks(NEVER))
    assert np.array_equal(np.concatenate(blocks), samples)
    assert clock.now == pytest.approx(expected)


def test_whoever_computes_slowly_gets_more_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(source, "time", clock)
    samples = np.linspace(-0.5, 0.5, 4 * RATE, dtype=np.float32)
    soundfile.write(tmp_path / "x.wav", samples, RATE, subtype="FLOAT")
    lengths, blocks = [], []
    for block in Played(tmp_path / "x.wav").blocks(NEVER):
        blocks.append(block)
        lengths.append(round(len(block) / RATE, 1))
        clock.now += 0.45
    assert np.array_equal(np.concatenate(blocks), samples)
    assert lengths[:3] == [0.1, 0.4, 0.5]
    assert clock.now < 5.0


def test_a_file_stops_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(source, "time", clock)
    soundfile.write(tmp_path / "x.wav", np.zeros(60 * RATE), RATE)
    heard = sum(map(len, Played(tmp_path / "x.wav").blocks(lambda: clock.now > 2)))
    assert 2.0 * RATE <= heard <= 2.1 * RATE  # what has been played, and no more


def test_a_pipe_in_any_chunks() -> None:
    read, write = os.pipe()
    samples = np.arange(-3000, 3000, dtype="<i2")

    def send() -> None:
        raw = samples.tobytes()
        for begin in range(0, len(raw), 777):
            os.write(write, raw[begin : begin + 777])
        os.close(write)

    thread = threading.Thread(target=send)
    thread.start()
    found = np.concatenate(list(Piped(read, 8000).blocks(NEVER)))
    thread.join()
    os.close(read)
    assert np.array_equal(found * 32768, samples)


# A microphone.


class PortAudioError(Exception):
    pass


class Stream:
    """Records what it is told to, in a thread, as PortAudio does."""

    sound: np.ndarray
    busy = False

    def __init__(
        self, *, samplerate: int, blocksize: int, device: int, channels: int, dtype: str, callback: Any
    ) -> None:
        assert (channels, dtype, device) == (1, "float32", 2)
        if self.busy:
            raise PortAudioError("Device unavailable [PaErrorCode -9985]")
        self._size, self._callback, self.active = blocksize, callback, True
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._thread.join()

    def close(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        for begin in range(0, len(self.sound), self._size):
            block = self.sound[begin : begin + self._size, None].copy()
            self._callback(block, len(block), None, SimpleNamespace(input_overflow=begin == 0))
            block[:] = 9  # PortAudio uses its memory again
        self.active = False


DEVICES: list[dict[str, Any]] = [
    {"name": "Speakers", "max_input_channels": 0, "default_samplerate": 48000.0},
    {"name": "Monitor", "max_input_channels": 2, "default_samplerate": 44100.0},
    {"name": "USB microphone", "max_input_channels": 1, "default_samplerate": float(RATE)},
]


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    found = [*DEVICES]
    module = SimpleNamespace(
        query_devices=lambda: found,
        default=SimpleNamespace(device=[2, 0]),
        InputStream=Stream,
        PortAudioError=PortAudioError,
    )
    monkeypatch.setattr(microphone, "importlib", SimpleNamespace(import_module=lambda name: module))
    monkeypatch.setattr(microphone, "GONE", 0.3)
    yield found


def test_devices_are_listed(devices: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["listen", "--list-devices"]) == 0
    assert capsys.readouterr().out == (
        "1\tMonitor (2 in, 44100 Hz)\n2\tUSB microphone (1 in, 8000 Hz, default)\n"
    )


def test_no_device(devices: list[dict[str, Any]], complaint: Callable[..., str], model: Path) -> None:
    del devices[1:]
    assert "finds no input device; connect one" in complaint("listen", "--model", model)
    assert "finds no input device" in complaint("listen", "--list-devices")


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("7", "--microphone 7: no such input device; choose one of 1 (Monitor), 2 (USB microphone)"),
        ("0", "no such input device"),
        ("o", "several are called so"),
    ],
)
def test_choosing_one(devices: list[dict[str, Any]], wanted: str, says: str) -> None:
    with pytest.raises(microphone.DeviceError) as error:
        microphone.find_device(wanted)
    assert says in str(error.value)


def test_a_part_of_a_name_is_enough(devices: list[dict[str, Any]]) -> None:
    assert [microphone.find_device(wanted).number for wanted in ("", "MONI", "usb", "1")] == [2, 1, 2, 1]


def test_the_microphone(
    devices: list[dict[str, Any]],
    model: Path,
    talk: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Until it is unplugged: what was said is not lost."""
    sound, _ = soundfile.read(talk, dtype="float32")
    monkeypatch.setattr(Stream, "sound", sound, raising=False)
    assert listen(model, "--microphone", "usb") == 1
    out, error = capsys.readouterr()
    assert out == "yes go\nno see\n"
    assert error.splitlines()[0].startswith("listening to USB microphone, 8000 Hz")
    assert error.splitlines()[1:] == [
        "asr: the system lost sound 1 times; is the machine too busy?",
        "asr: USB microphone: no sound for 0.3 s; was it unplugged?",
    ]


def test_a_microphone_that_is_taken(
    devices: list[dict[str, Any]], model: Path, complaint: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stream, "busy", True)
    said = complaint("listen", "--model", model, "--voice", "energy")
    assert "USB microphone cannot be opened (Device unavailable" in said


def test_what_was_recorded_before_the_stop_comes(
    devices: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stream, "sound", np.linspace(0, 1, RATE, dtype=np.float32), raising=False)
    recorded = microphone.Microphone(microphone.find_device(""))
    with recorded:
        time.sleep(0.05)
        blocks = list(recorded.blocks(lambda: True))
    assert np.array_equal(np.concatenate(blocks), Stream.sound)


def test_without_sounddevice(complaint: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(microphone, "importlib", SimpleNamespace(import_module=missing))
    assert "pip install 'attest-asr[microphone]'" in complaint("listen", "--list-devices")


def _no_library(name: str) -> Any:
    raise OSError("PortAudio library not found")


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 1000).decode()
    except OSError:  # what the other side has written is read
        return ""
