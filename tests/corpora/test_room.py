"""Echoes, noise and levels."""

import math

import numpy as np
import pytest

from asr.corpora.room import PEAK, IntegerDraws, add_echoes, coloured_noise, mix


def draws(*key: str) -> IntegerDraws:
    return IntegerDraws(1, "test", *key)


def decibels(signal: np.ndarray) -> float:
    return 10 * math.log10(np.mean(np.square(signal, dtype=np.float64)))


def test_draws_are_keyed_and_stay_within_their_bounds() -> None:
    first, again, other = draws("a"), draws("a"), draws("b")
    numbers = [first.between((-3, 4)) for _ in range(500)]
    assert numbers == [again.between((-3, 4)) for _ in range(500)]
    assert numbers != [other.between((-3, 4)) for _ in range(500)]
    assert set(numbers) == set(range(-3, 5))
    assert first.between((5, 5)) == 5
    assert {first.one_of("xyz") for _ in range(50)} == set("xyz")


def test_draws_are_philox_own_output() -> None:
    """A NumPy release may change `Generator`'s methods, but not this: the corpus rests on it."""
    assert draws("a").between((0, 999)) == 135
    assert draws("a").white(4).tolist() == [-30625, -27470, -20078, -24281]


def test_white_noise_is_even_over_16_bits() -> None:
    noise = draws("w").white(100_001)
    assert noise.shape == (100_001,)
    assert noise.min() >= -32768
    assert noise.max() <= 32767
    assert abs(noise.mean()) < 200  # standard error 60
    assert noise.std() == pytest.approx(65536 / math.sqrt(12), rel=0.01)


def test_echoes_of_a_click() -> None:
    click = np.array([10_000, 0, 0], dtype=np.int64)
    heard = add_echoes(
        click, 1000, draws("e"), count=4, delay=(5, 20), first=(20, 20), decay=(60, 60)
    )  # fmt: skip
    assert len(heard) == 3 + 20
    assert heard[0] == 10_000
    assert not heard[1:5].any()
    late = np.flatnonzero(heard[5:]) + 5
    assert 1 <= len(late) <= 4
    for sample in late:  # 20 dB below, and 1 dB less each millisecond; two may fall on one sample
        single = 10_000 * 10 ** (-(20 + sample) / 20)
        assert abs(heard[sample]) < 4 * single + 3
    assert np.array_equal(heard, add_echoes(
        click, 1000, draws("e"), count=4, delay=(5, 20), first=(20, 20), decay=(60, 60)
    ))  # fmt: skip


def test_no_echoes_leave_the_speech_alone() -> None:
    speech = np.array([3, -2, 1], dtype=np.int64)
    heard = add_echoes(speech, 1000, draws("e"), count=0, delay=(1, 2), first=(6, 6), decay=(100, 100))
    assert heard.tolist() == [3, -2, 1, 0, 0]


@pytest.mark.parametrize("slope", [0, 3, 6])
def test_slope_of_noise(slope: int) -> None:
    """Power density in one-octave bands, well inside the range that nine octaves of held noise cover.

    A held noise has side lobes, and those of all octaves together make the steepest slope 0.8 dB flatter.
    """
    noise = coloured_noise(1 << 18, draws("n", str(slope)), slope=slope, octaves=9)
    power = np.abs(np.fft.rfft(noise.astype(np.float64))) ** 2
    size = len(power) - 1
    bands = [10 * math.log10(power[size >> k : size >> (k - 1)].mean()) for k in range(3, 8)]
    steps = np.diff(bands)
    assert steps.mean() == pytest.approx(slope, abs=1)


def test_mix_has_the_powers_that_were_asked_for() -> None:
    speech = np.round(9000 * np.sin(np.arange(4000) * 0.1)).astype(np.int64)
    noise = draws("m").white(16_000)
    mixed = mix(speech, noise, 2000, snr=20, level=-25).astype(np.float64)
    full_scale = 20 * math.log10(32768)
    assert decibels(mixed[:2000]) - full_scale == pytest.approx(-45, abs=0.2)
    assert decibels(mixed[2000:6000]) - full_scale == pytest.approx(-25, abs=0.2)
    assert decibels(mixed[6000:]) - full_scale == pytest.approx(-45, abs=0.2)


def test_mix_turns_down_what_is_too_loud() -> None:
    speech = np.zeros(1000, dtype=np.int64)
    speech[500] = 100  # a click: its peak is 30 dB above its mean power
    mixed = mix(speech, draws("m").white(1000), 0, snr=40, level=-10)
    assert mixed.dtype == np.int16
    assert np.abs(mixed.astype(int)).max() == PEAK


def test_long_brown_noise_does_not_overflow() -> None:
    """Found while the corpus was made: squares of unscaled brown noise exceeded 64 bits."""
    noise = coloured_noise(16_000 * 60, draws("b"), slope=6, octaves=9)
    mixed = mix(np.ones(1000, dtype=np.int64), noise, 0, snr=20, level=-20)
    assert decibels(mixed[1000:].astype(np.float64)) - 20 * math.log10(32768) == pytest.approx(-40, abs=0.5)
