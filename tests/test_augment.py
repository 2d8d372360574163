"""Speed, edges, noise and joining: what they do to sound, and that they are drawn by epoch and utterance alone."""

import collections

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.augment import (
    add_noise,
    change_speed,
    joined_utterances,
    quiet_edges,
    shift_edges,
    speed_of,
)
from asr.recipe import Augment

RATE = 16_000
SPEEDS = Augment(speed=(0.9, 1.0, 1.1))
EDGES = Augment(edges=0.3)


def tone(hertz: float, seconds: float = 1.0, height: float = 0.3) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (height * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def pitch(samples: np.ndarray) -> float:
    """Hz of the strongest component."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * RATE / len(samples))


def noisy(low: float, high: float, probability: float = 1.0) -> Augment:
    return Augment(noise_probability=probability, noise_snr=(low, high))


def snr(clean: np.ndarray, mixed: np.ndarray) -> float:
    """dB."""
    noise = mixed.astype(np.float64) - clean
    return float(10 * np.log10(np.mean(clean.astype(np.float64) ** 2) / np.mean(noise**2)))


def test_every_speed_is_drawn_alike() -> None:
    drawn = collections.Counter(speed_of(SPEEDS, 1, 0, f"utterance-{n}") for n in range(3000))
    assert drawn.keys() == {0.9, 1.0, 1.1}
    assert all(abs(count - 1000) < 120 for count in drawn.values())  # 4.6 standard deviations


def test_speed_depends_on_seed_epoch_and_utterance() -> None:
    def drawn(seed: int, epoch: int, prefix: str) -> list[float]:
        return [speed_of(SPEEDS, seed, epoch, f"{prefix}{n}") for n in range(40)]

    assert drawn(1, 0, "a") == drawn(1, 0, "a")
    assert all(drawn(1, 0, "a") != other for other in (drawn(2, 0, "a"), drawn(1, 1, "a"), drawn(1, 0, "b")))


@pytest.mark.parametrize("factor", [0.9, 1.1, 1.25])
def test_faster_is_shorter_and_higher(factor: float) -> None:
    changed = change_speed(tone(440), RATE, factor)
    assert changed.dtype == np.float32
    assert abs(len(changed) - RATE / factor) <= 1
    assert pitch(changed) == pytest.approx(440 * factor, abs=1.5)


def test_speed_one_changes_nothing() -> None:
    samples = tone(440)
    assert change_speed(samples, RATE, 1.0) is samples


@pytest.mark.parametrize("ratio", [5.0, 20.0, 40.0])
@pytest.mark.parametrize("utterance", [f"u{n}" for n in range(6)])  # both kinds of noise are among them
def test_noise_is_as_loud_as_it_says(ratio: float, utterance: str) -> None:
    clean = tone(440, height=0.2)
    assert snr(clean, add_noise(clean, noisy(ratio, ratio), 1, 0, utterance)) == pytest.approx(
        ratio, abs=0.05
    )


def test_ratio_is_drawn_in_between() -> None:
    clean = tone(440, 0.2, height=0.2)
    ratios = [snr(clean, add_noise(clean, noisy(10, 30), 1, epoch, "u")) for epoch in range(200)]
    assert 9.9 < min(ratios) < 12
    assert 28 < max(ratios) < 30.1
    assert np.mean(ratios) == pytest.approx(20, abs=1.7)  # 4 standard deviations


def in_a_room(before: float, after: float, seconds: float = 1.0) -> np.ndarray:
    """A tone, and the faint noise of a room before, during and after it."""
    parts = [np.zeros(round(before * RATE)), tone(440, seconds), np.zeros(round(after * RATE))]
    clean = np.concatenate(parts)
    return (clean + 1e-3 * np.random.default_rng(1).standard_normal(len(clean))).astype(np.float32)


@pytest.mark.parametrize(("before", "after"), [(0.5, 0.3), (0.0, 0.4), (0.2, 0.0), (0.0, 0.0)])
def test_quiet_edges_are_those_of_the_room(before: float, after: float) -> None:
    """Less the twentieth of a second that a soft consonant may have; known to a hundredth."""
    found = quiet_edges(in_a_room(before, after), RATE)
    expected = [max(0.0, seconds - 0.05) for seconds in (before, after)]
    assert [samples / RATE for samples in found] == pytest.approx(expected, abs=0.011)


@pytest.mark.parametrize(("count", "height"), [(0, 0.0), (3, 0.0), (RATE, 0.0), (RATE, 1e-3)])
def test_sound_of_one_level_has_no_edges(count: int, height: float) -> None:
    samples = np.full(count, height, np.float32)
    assert quiet_edges(samples, RATE) == (0, 0)
    assert np.array_equal(shift_edges(samples, RATE, EDGES, 1, 0, "u", 0), samples)


def test_edges_move_both_ways_and_the_words_stay_whole() -> None:
    """Over many epochs: as early as the quiet lets it, as late as the settings do; the tone is always all there."""
    samples = in_a_room(0.5, 0.25)
    before, after = quiet_edges(samples, RATE)
    words = samples[before : len(samples) - after]
    begins, ends = [], []
    for epoch in range(300):
        shifted = shift_edges(samples, RATE, EDGES, 1, epoch, "u", 0)
        assert shifted.dtype == np.float32
        match = np.flatnonzero(shifted == words[0])
        begin = next(place for place in match if np.array_equal(shifted[place : place + len(words)], words))
        begins.append((begin - before) / RATE)
        ends.append((len(shifted) - begin - len(words) - after) / RATE)
    assert (min(begins), max(begins)) == pytest.approx((-0.3, 0.3), abs=0.01)
    assert (min(ends), max(ends)) == pytest.approx(
        (-after / RATE, 0.3), abs=0.01
    )  # all of the quiet, no more
    assert np.mean(begins) == pytest.approx(0, abs=0.04)  # 4 standard deviations


def test_what_is_added_is_the_room_louder_or_softer() -> None:
    samples = in_a_room(0.4, 0.4)
    levels = []
    for epoch in range(300):
        shifted = shift_edges(samples, RATE, EDGES, 1, epoch, "u", len(samples))  # nothing can be cut off
        added = len(shifted) - len(samples)
        assert added >= 0
        if shifted[:100].tolist() != samples[:100].tolist():  # at the beginning
            levels.append(20 * np.log10(np.std(shifted[:400]) / 1e-3))
    assert len(levels) == pytest.approx(150, abs=35)
    assert min(levels) == pytest.approx(-12, abs=1.5)
    assert max(levels) == pytest.approx(6, abs=1.5)


def test_so_much_is_left_that_the_words_fit() -> None:
    samples = in_a_room(0.5, 0.5, seconds=0.1)
    for least in (0, len(samples) // 2, len(samples) - 100, len(samples), 2 * len(samples)):
        shortest = min(len(shift_edges(samples, RATE, EDGES, 1, epoch, "u", least)) for epoch in range(50))
        assert shortest >= min(least, len(samples))


def test_edges_depend_on_seed_epoch_and_utterance() -> None:
    samples = in_a_room(0.5, 0.5)
    here = shift_edges(samples, RATE, EDGES, 1, 0, "a", 0)
    assert np.array_equal(shift_edges(samples, RATE, EDGES, 1, 0, "a", 0), here)
    for key in ((2, 0, "a"), (1, 1, "a"), (1, 0, "b")):
        assert not np.array_equal(shift_edges(samples, RATE, EDGES, *key, 0), here)
    assert shift_edges(samples, RATE, SPEEDS, 1, 0, "a", 0) is samples


def test_some_noise_falls_with_frequency_and_some_does_not() -> None:
    clean = tone(440, height=0.01)
    shares = []
    for number in range(40):
        noise = add_noise(clean, noisy(0, 0), 1, 0, f"u{number}") - clean
        power = np.abs(np.fft.rfft(noise)) ** 2
        shares.append(power[: len(power) // 8].sum() / power.sum())  # below 1 kHz of 8
    white = [share for share in shares if share < 0.2]
    brown = [share for share in shares if share > 0.9]
    assert len(white) + len(brown) == 40
    assert 8 <= len(white) <= 32


def test_share_of_utterances_with_noise() -> None:
    clean = tone(440, 0.05)
    settings = noisy(10, 30, probability=0.25)
    changed = sum(add_noise(clean, settings, 1, 0, f"u{n}") is not clean for n in range(1000))
    assert abs(changed - 250) < 65  # 4.7 standard deviations
    assert add_noise(clean, noisy(10, 30, probability=0.0), 1, 0, "u") is clean


def test_noise_depends_on_seed_epoch_and_utterance() -> None:
    clean, settings = tone(440, 0.1), noisy(10, 30)
    here = add_noise(clean, settings, 1, 0, "a")
    assert np.array_equal(add_noise(clean, settings, 1, 0, "a"), here)
    for key in ((2, 0, "a"), (1, 1, "a"), (1, 0, "b")):
        assert not np.array_equal(add_noise(clean, settings, *key), here)


def test_noise_stays_in_range_and_type() -> None:
    mixed = add_noise(tone(440, height=1.0), noisy(-5, -5), 1, 0, "u")
    assert mixed.dtype == np.float32
    assert np.abs(mixed).max() == 1.0


def test_silence_stays_silence() -> None:
    silence = np.zeros(1000, dtype=np.float32)
    assert np.array_equal(add_noise(silence, noisy(10, 10), 1, 0, "u"), silence)


@given(
    count=st.integers(0, 20),
    share=st.floats(0, 1),
    most=st.integers(2, 6),
    epoch=st.integers(0, 1000),
)
def test_what_is_joined_has_every_utterance_once(count: int, share: float, most: int, epoch: int) -> None:
    ids = [f"utterance-{n}" for n in range(count)]
    settings = Augment(joined=share, joined_utterances=most) if share else Augment()
    groups = joined_utterances(settings, 1, epoch, ids)
    if groups is None:
        assert share < 1 or count < 2
        return
    assert sorted(place for group in groups for place in group) == list(range(count))
    sizes = [len(group) for group in groups]
    assert max(sizes) - min(sizes) <= 1  # of utterances of like length: nothing is padded much
    assert 2 <= max(sizes) <= most


def test_share_of_micro_batches_that_are_joined() -> None:
    settings, ids = Augment(joined=0.25, joined_utterances=3), [f"utterance-{n}" for n in range(6)]
    found = [joined_utterances(settings, 1, epoch, ids) for epoch in range(2000)]
    sizes = collections.Counter(len(groups[0]) for groups in found if groups)
    assert abs(sum(sizes.values()) - 500) < 90  # 4.6 standard deviations
    assert sizes.keys() == {2, 3}
    firsts = {groups[0][0] for groups in found if groups}
    assert firsts == set(range(6))  # in any order
    assert all(joined_utterances(Augment(), 1, epoch, ids) is None for epoch in range(20))


def test_what_is_joined_depends_on_seed_epoch_and_utterances() -> None:
    settings, ids = Augment(joined=1.0), [f"utterance-{n}" for n in range(8)]
    assert joined_utterances(settings, 1, 0, ids) == joined_utterances(settings, 1, 0, ids)
    others = [(2, 0, ids), (1, 1, ids), (1, 0, [*ids[:-1], "another"])]
    assert all(
        joined_utterances(settings, 1, 0, ids) != joined_utterances(settings, seed, epoch, which)
        for seed, epoch, which in others
    )
