"""Many generators at once give what numpy gives one at a time."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator, Philox

from asr.augment import speed_of, speeds_of
from asr.philox import BLOCK, first_words
from asr.randomness import draw_integers, keyed_seed, keyed_seeds
from asr.recipe import Augment

seeds = st.lists(st.integers(0, 2**63 - 1) | st.integers(0, 2**33), min_size=1, max_size=20)
SOME = np.random.default_rng(1).integers(0, 2**63, 2000, dtype=np.uint64)


@given(seeds)
def test_first_words_are_those_of_numpy(given_seeds: list[int]) -> None:
    found = first_words(np.array(given_seeds, np.uint64))
    assert found.tolist() == [int(Philox(seed).random_raw()) for seed in given_seeds]


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**32, 2**63 - 1, 2**64 - 1])
def test_seeds_of_one_word_and_of_two(seed: int) -> None:
    assert first_words(np.array([seed], np.uint64)).tolist() == [int(Philox(seed).random_raw())]


def test_blocks_join() -> None:
    many = np.arange(2 * BLOCK + 3, dtype=np.uint64)
    found = first_words(many)
    assert found.shape == many.shape
    for row in (0, BLOCK - 1, BLOCK, 2 * BLOCK, 2 * BLOCK + 2):
        assert found[row] == Philox(row).random_raw()
    assert first_words(np.empty(0, np.uint64)).shape == (0,)


@given(seeds, st.integers(1, 2**31))
def test_integers_are_those_of_numpy(given_seeds: list[int], count: int) -> None:
    found = draw_integers(np.array(given_seeds, np.uint64), count)
    assert found.tolist() == [int(Generator(Philox(seed)).integers(count)) for seed in given_seeds]


def test_what_numpy_draws_again_is_drawn_again() -> None:
    """Of 2^32 numbers, 2^31 - 1 leave 2 over: seldom. 3 * 2^29 leave a third of all, so many are drawn again."""
    for count in (3 << 29, 2**31 - 1, 2**31):
        expected = [int(Generator(Philox(int(seed))).integers(count)) for seed in SOME]
        assert draw_integers(SOME, count).tolist() == expected
    plain = (first_words(SOME) & np.uint64(0xFFFFFFFF)) * np.uint64(3 << 29) >> np.uint64(32)
    assert np.mean(plain.astype(np.int64) != draw_integers(SOME, 3 << 29)) > 0.1


@pytest.mark.parametrize("count", [0, -1, 2**31 + 1])
def test_counts_that_cannot_be(count: int) -> None:
    with pytest.raises(ValueError, match="count must be 1 to"):
        draw_integers(SOME, count)


ids = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=10)


@given(ids, st.integers(0, 2**40), st.integers(0, 300))
def test_keyed_seeds_are_those_of_one(names: list[str], seed: int, epoch: int) -> None:
    found = keyed_seeds(seed, "speed", epoch, last=[json.dumps(name).encode() for name in names])
    assert found.tolist() == [keyed_seed(seed, "speed", epoch, name) for name in names]


@given(ids, st.integers(0, 9), st.lists(st.sampled_from([0.8, 0.9, 1.0, 1.1]), min_size=1, max_size=5))
def test_speeds_are_those_of_one(names: list[str], epoch: int, speeds: list[float]) -> None:
    settings = Augment(speed=tuple(speeds))
    found = speeds_of(settings, 3, epoch, [json.dumps(name).encode() for name in names])
    assert found.tolist() == [speed_of(settings, 3, epoch, name) for name in names]
