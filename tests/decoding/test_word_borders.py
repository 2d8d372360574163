"""Where words begin and end, on sound that is made so that the answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.decoding.word_borders import Sound, powers, word_borders
from asr.decoding.word_times import WordSpan

RATE, BLOCK, PERIOD = 8000, 80, 0.02  # Hz, samples, seconds


def sound(*parts: tuple[float, float]) -> Sound:
    """Noise of these (seconds, amplitudes)."""
    generator = np.random.default_rng(1)
    pieces = [amplitude * generator.standard_normal(round(seconds * RATE)) for seconds, amplitude in parts]
    return Sound(powers(np.concatenate(pieces).astype(np.float32), BLOCK), BLOCK / RATE)


def spike(seconds: float, word: str = "word") -> WordSpan:
    frame = round(seconds / PERIOD)
    return WordSpan(word, 0, 1, frame, frame + 1)


def test_between_pauses() -> None:
    """Spikes somewhere within two words; the pauses are 60 dB below them, or digital silence."""
    for quiet in (1e-4, 0.0):
        heard = sound((0.5, quiet), (0.4, 0.1), (0.3, quiet), (0.6, 0.1), (0.2, quiet))
        first, second = word_borders([spike(0.8), spike(1.3)], PERIOD, heard)
        assert first == pytest.approx((0.5, 0.9), abs=0.0201)
        assert second == pytest.approx((1.2, 1.8), abs=0.0201)


def test_without_a_pause_the_border_is_where_it_is_weak() -> None:
    heard = sound((0.3, 1e-4), (0.40, 0.1), (0.02, 0.03), (0.40, 0.1), (0.3, 1e-4))
    first, second = word_borders([spike(0.5), spike(0.9)], PERIOD, heard)
    assert first[1] == second[0] == pytest.approx(0.71, abs=0.025)


def test_without_a_pause_or_a_dip_words_reach_as_far_as_others() -> None:
    """Words begin 0.1 s before their spikes and end 0.3 s after them, as the edges show."""
    heard = sound((0.4, 1e-4), (0.8, 0.1), (0.4, 1e-4))
    first, second = word_borders([spike(0.5), spike(0.9)], PERIOD, heard)
    assert (first[0], second[1]) == pytest.approx((0.4, 1.2), abs=0.0201)
    assert first[1] == second[0] == pytest.approx(0.75, abs=0.05)  # halfway would be 0.7


def test_a_short_burst_in_a_pause_is_no_word() -> None:
    heard = sound((0.2, 1e-4), (0.3, 0.1), (0.2, 1e-4), (0.02, 0.05), (0.3, 1e-4), (0.3, 0.1), (0.2, 1e-4))
    first, second = word_borders([spike(0.4), spike(1.2)], PERIOD, heard)
    assert first[1] == pytest.approx(0.5, abs=0.03)
    assert second[0] == pytest.approx(1.02, abs=0.03)


def test_a_first_letter_in_a_pause_comes_with_the_sound() -> None:
    """Models say it as soon as they can; a word of one spike, which tells nothing else, is left where it is."""
    heard = sound((0.4, 1e-4), (0.3, 0.1), (0.4, 1e-4), (0.3, 0.1), (0.2, 1e-4))
    words = [WordSpan("a", 0, 2, 0, 25), WordSpan("b", 2, 4, 40, 60)]  # frames 0 and 40 lie in the pauses
    first, second = word_borders(words, PERIOD, heard)
    assert first == pytest.approx((0.4, 0.7), abs=0.0201)
    assert second == pytest.approx((1.1, 1.4), abs=0.0201)
    alone = word_borders([WordSpan("a", 0, 1, 0, 1)], PERIOD, heard)
    assert alone[0][0] == 0.0


def test_no_words_and_no_sound() -> None:
    assert word_borders([], PERIOD, sound((0.1, 0.1))) == []
    assert powers(np.zeros(0, np.float32), 80).shape == (0,)
    assert word_borders([spike(0.0)], PERIOD, Sound(np.zeros(0), 0.01)) == [(0.0, 0.0)]
    start, end = word_borders([spike(0.1)], PERIOD, Sound(np.zeros(30), 0.01))[0]  # silence
    assert 0.0 <= start <= 0.1 <= end <= 0.3


def test_the_last_block_may_be_short() -> None:
    found = powers(np.ones(5, np.float32), 2)
    assert found == pytest.approx(
        [(1 + 0.25) / 2, 0.25, 0.25]
    )  # a constant keeps half of itself but for its first


@settings(max_examples=60)
@given(st.lists(st.integers(0, 99), min_size=1, max_size=9, unique=True), st.integers(0, 2**32 - 1))
def test_words_never_overlap(frames: list[int], seed: int) -> None:
    """Nor do they leave the sound, whatever it is, and each holds its spike."""
    generator = np.random.default_rng(seed)
    heard = Sound(10 ** generator.uniform(-9, 0, 200), 0.01)
    words = [WordSpan("w", n, n + 1, frame, frame + 1) for n, frame in enumerate(sorted(frames))]
    borders = word_borders(words, PERIOD, heard)
    times = [time for border in borders for time in border]
    assert times == sorted(times)
    assert times[0] >= 0.0
    assert times[-1] <= 2.0
    for word, (start, end) in zip(words, borders, strict=True):
        assert start <= word.start * PERIOD + 0.01 and end >= word.start * PERIOD - 0.01


def test_frames_can_be_centred_later() -> None:
    """In silence nothing but the frames tells: the times move with their centre."""
    silence = Sound(np.zeros(300), 0.01)
    words = [spike(0.8), spike(1.6)]
    here, there = word_borders(words, PERIOD, silence), word_borders(words, PERIOD, silence, 0.05)
    np.testing.assert_allclose(np.array(there) - np.array(here), 0.05, atol=1e-9)
