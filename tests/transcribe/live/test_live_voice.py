"""Speech and pauses of a stream: the rules by hand, the gate on noise, Silero on real speech."""

import tarfile
from collections.abc import Sequence
from pathlib import Path

import miniature
import numpy as np
import pytest

from asr import Transcriber
from asr.audio import read_audio
from asr.transcribe.live.live import Final, Live
from asr.transcribe.live.voice import EnergyGate, Spoken
from asr.transcribe.voice_activity import FRAME

RATE = 16_000


def followed(
    probabilities: Sequence[float], pause: float = 0.32, longest: float = 16.0
) -> list[tuple[int, int, int]]:
    """(frame that ended it, first frame, frame after the last) of each utterance."""
    spoken, found = Spoken(1000, pause, longest), []
    for frame, probability in enumerate(probabilities):
        if spoken.step(probability):
            assert spoken.begun is not None
            found.append((frame, spoken.begun // 32, spoken.until // 32))
            spoken.end()
    return found


def test_hysteresis() -> None:
    """Speech begins at 0.5, goes on at 0.35, and is over after 10 frames without."""
    assert followed([0.1, 0.4, 0.6, 0.4, 0.36, 0.3, 0.4] + [0.1] * 20) == [(14, 2, 5)]
    assert followed([0.9, *[0.1] * 9, 0.9, *[0.1] * 9]) == []  # never 10 in a row
    assert followed([0.45] * 50) == []


def test_a_shorter_pause_ends_a_longer_utterance() -> None:
    """0.64 s at first and 0.2 s after 3.2 s of speech: 0.42 s after 2 s, the middle between a quarter and all."""
    frames = round(2.0 / FRAME)  # 62 or 63
    (ended, _, until), *_ = followed([0.9] * frames + [0.0] * 30, pause=0.64, longest=3.2)
    assert (ended + 1 - until) * FRAME == pytest.approx(0.42, abs=FRAME)
    (ended, _, until), *_ = followed([0.9] * 20 + [0.0] * 30, pause=0.64, longest=3.2)
    assert (ended + 1 - until) == 20
    (ended, _, until), *_ = followed([0.9] * 200 + [0.0] * 30, pause=0.64, longest=3.2)
    assert (ended + 1 - until) == 7


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000])
def test_the_gate_follows_the_room(rate: int) -> None:
    """A tone of -20 dB in noise of -60, and after that in noise of -35 dB."""
    generator = np.random.default_rng(1)

    def part(seconds: float, noise: float, tone: float) -> np.ndarray:
        count = round(seconds * rate)
        wave = 10 ** (tone / 20) * np.sqrt(2) * np.sin(2 * np.pi * 440 * np.arange(count) / rate)
        return np.asarray(wave + 10 ** (noise / 20) * generator.standard_normal(count), np.float32)

    off = -200.0
    samples = np.concatenate(
        [part(2, -60, off), part(1, -60, -20), part(12, -60, off), part(15, -35, off), part(1, -35, -20)]
    )
    found = EnergyGate().stream(rate)(samples)
    assert len(found) == int(31 / FRAME)

    def between(begin: float, end: float) -> np.ndarray:
        return found[round(begin / FRAME) + 1 : round(end / FRAME) - 1]

    assert between(0, 2).max() < 0.35
    assert between(2, 3).min() > 0.9
    assert between(3, 15).max() < 0.35
    assert between(15, 22).min() > 0.5  # a louder room is speech, until it is known
    assert between(24, 30).max() < 0.35
    assert between(30, 31).min() > 0.8


def test_the_gate_in_any_chunks() -> None:
    samples = np.random.default_rng(1).standard_normal(11_025 * 2).astype(np.float32)
    whole = EnergyGate().stream(11_025)(samples, last=True)
    gate = EnergyGate().stream(11_025)
    parts = [gate(samples[begin : begin + 100]) for begin in range(0, len(samples), 100)]
    assert np.array_equal(np.concatenate([*parts, gate(samples[:0], last=True)]), whole)


def test_silero_hears_utterances(
    an4_archive: Path, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Three utterances of AN4 with two seconds between, in a faint noise: three finals around what is loud in them."""
    wanted = 3
    with tarfile.open(an4_archive, "r|gz") as stream:
        for member in stream:
            if member.name.endswith(".sph"):
                stream.extract(member, tmp_path, filter="data")
                wanted -= 1
            if not wanted:
                break
    files = sorted(tmp_path.rglob("*.sph"))
    pause = np.zeros(2 * RATE, np.float32)
    parts, places = [pause], []
    for file in files:
        begin = sum(map(len, parts)) / RATE
        parts += [read_audio(file).samples, pause]
        places.append((begin, begin + len(parts[-2]) / RATE))
    noise = 1e-4 * np.random.default_rng(1).standard_normal(sum(map(len, parts)))
    samples = np.asarray(np.concatenate(parts) + noise, np.float32)
    transcriber = Transcriber(miniature.trained(tmp_path_factory.getbasetemp())[1], device="cpu")
    live = Live(transcriber, sample_rate=RATE)
    updates = [update for block in np.array_split(samples, 50) for update in live.feed(block)] + live.finish()
    found = [(update.start, update.end) for update in updates if isinstance(update, Final)]
    assert len(found) == len(places) == 3
    for (start, end), (begin, stop) in zip(found, places, strict=True):
        assert begin - 0.5 < start < begin + 1.0
        assert stop - 1.0 < end < stop + 0.7
