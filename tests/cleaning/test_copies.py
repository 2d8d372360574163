"""The same recording, changed; and other recordings, which are never taken for one."""

from collections.abc import Sequence

import numpy as np
import pytest

from asr.audio import resample
from asr.cleaning.copies import Copy, compare, find_copies
from asr.cleaning.prints import RATE, prints_of

Sound = np.ndarray


def voice(seed: int, seconds: float = 1.2, rate: int = RATE) -> Sound:
    """Something like speech: noise shaped by bands and syllables that are drawn by the seed."""
    draw = np.random.default_rng(seed)
    size = round(seconds * rate)
    frames = np.arange(size) / rate
    whole = np.zeros(size)
    for low in range(150, 3400, 250):
        band = np.fft.irfft(
            np.where(
                np.abs(np.fft.rfftfreq(size, 1 / rate) - low) < 200,
                np.fft.rfft(draw.standard_normal(size)),
                0,
            ),
            size,
        )
        knots = draw.uniform(-3, 1, max(2, round(seconds / 0.12)))
        whole += band * np.exp(np.interp(frames, np.linspace(0, seconds, len(knots)), knots))
    return (0.1 * whole / np.abs(whole).max()).astype(np.float32)


def found(sounds: Sequence[Sound]) -> list[Copy]:
    prints = [prints_of(one, RATE) for one in sounds]
    return list(find_copies(prints, lambda first, second, near: compare(sounds[first], sounds[second], near)))


@pytest.fixture(scope="module")
def others() -> list[Sound]:
    return [voice(seed) for seed in range(100, 140)]


def test_other_recordings_are_none(others: list[Sound]) -> None:
    assert found(others) == []


@pytest.mark.parametrize(
    ("change", "later", "louder"),
    [
        (lambda x: 0.1 * x, 0.0, -20.0),
        (lambda x: -2 * x, 0.0, 6.02),
        (lambda x: x[800:-400], 0.1, 0.0),
        (lambda x: np.concatenate([np.zeros(1234, np.float32), x]), -1234 / RATE, 0.0),
        (lambda x: resample(resample(x, 8000, 11025), 11025, 8000), 0.0, 0.0),
        (lambda x: x + 0.002 * np.random.default_rng(9).standard_normal(len(x)).astype(np.float32), 0.0, 0.0),
    ],
)
def test_a_changed_copy_is_found(others: list[Sound], change: object, later: float, louder: float) -> None:
    assert callable(change)
    copies = found([*others, change(others[7])])
    assert [(copy.first, copy.second) for copy in copies] == [(7, len(others))]
    assert copies[0].how.alike > 0.9
    assert copies[0].how.later == pytest.approx(later, abs=0.001)
    assert copies[0].how.louder == pytest.approx(louder, abs=0.3)


def test_a_part_of_a_longer_recording_is_found(others: list[Sound]) -> None:
    long = np.concatenate([others[0], others[1], others[2]])
    copies = found([others[1], long])
    assert [(copy.first, copy.second) for copy in copies] == [(0, 1)]
    assert copies[0].how.later == pytest.approx(-len(others[0]) / RATE, abs=0.001)


def test_likeness_of_a_shift_is_that_of_the_shifted_samples() -> None:
    """Against the plain sum over what both have."""
    one = voice(1)
    alike = compare(one, one[500:], 480)
    assert alike is not None
    assert alike.alike == pytest.approx(1.0, abs=0.01)
    assert alike.later == 500 / RATE
    assert compare(one, voice(2), 0) is None


def test_silence_has_no_copies() -> None:
    assert found([np.zeros(RATE, np.float32), np.zeros(RATE, np.float32), np.zeros(0, np.float32)]) == []
