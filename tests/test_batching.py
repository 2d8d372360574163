"""The batch plan is a pure function that loses no utterance and wastes little on padding."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from planned_by_hand import cut_by_hand, plan_by_hand

from asr.batching import Step, batches_by_length, collate, plan_epoch

lengths = st.lists(st.floats(0.1, 30), max_size=60)


def plan(seconds: Sequence[float], **changes: Any) -> list[Step]:
    settings = {"utterances": 4, "padded_seconds": 40.0, "micro_batches": 2, "seed": 1, "epoch": 0}
    return list(plan_epoch(seconds, **settings | changes))


def check_limits(
    batches: Sequence[tuple[int, ...]], seconds: Sequence[float], utterances: int, most: float
) -> None:
    rows = [row for batch in batches for row in batch]
    assert sorted(rows) == list(range(len(seconds)))
    for batch in batches:
        assert 1 <= len(batch) <= utterances
        assert len(batch) == 1 or len(batch) * max(seconds[row] for row in batch) <= most


@given(lengths, st.integers(1, 9), st.floats(0.1, 100), st.integers(1, 4), st.integers(0, 3))
def test_plan_holds_every_row_once_within_the_limits(
    seconds: list[float], utterances: int, most: float, micro_batches: int, epoch: int
) -> None:
    steps = plan(
        seconds, utterances=utterances, padded_seconds=most, micro_batches=micro_batches, epoch=epoch
    )
    check_limits([batch for step in steps for batch in step], seconds, utterances, most)
    sizes = sorted(len(step) for step in steps)
    assert all(size == micro_batches for size in sizes[1:])  # at most one step has fewer
    assert not sizes or 1 <= sizes[0] <= micro_batches


@given(lengths, st.integers(1, 9), st.floats(0.1, 100), st.integers(1, 4), st.integers(0, 3))
def test_plan_is_the_one_by_hand(
    seconds: list[float], utterances: int, most: float, micro_batches: int, epoch: int
) -> None:
    settings: dict[str, Any] = {
        "utterances": utterances,
        "padded_seconds": most,
        "micro_batches": micro_batches,
        "seed": 5,
        "epoch": epoch,
    }
    assert plan(seconds, **settings) == plan_by_hand(seconds, **settings)
    in_order = sorted(range(len(seconds)), key=lambda row: (-seconds[row], row))
    batches = cut_by_hand(in_order, seconds, utterances, most, multiple_of=1)
    assert batches_by_length(seconds, utterances=utterances, padded_seconds=most) == batches


def test_large_plan_is_the_one_by_hand() -> None:
    """Lengths of read speech, some of them far too long, and many that are equal."""
    seconds = np.round(np.random.default_rng(2).lognormal(1.3, 0.8, 20_000), 1).tolist()
    settings: dict[str, Any] = {
        "utterances": 8,
        "padded_seconds": 60.0,
        "micro_batches": 3,
        "seed": 9,
        "epoch": 2,
    }
    assert plan(seconds, **settings) == plan_by_hand(seconds, **settings)


def test_steps_are_asked_for_by_number() -> None:
    planned = plan_epoch(
        [1.0, 2.0, 3.0] * 9, utterances=2, padded_seconds=99, micro_batches=2, seed=1, epoch=0
    )
    steps = list(planned)
    assert len(planned) == len(steps) == 7
    assert planned[-1] == steps[6]
    assert planned[2:5] == steps[2:5]
    with pytest.raises(IndexError):
        planned[7]
    assert all(isinstance(row, int) for step in steps for batch in step for row in batch)


@given(lengths, st.integers(1, 4))
def test_ordered_steps_are_those_of_the_shuffled_plan_from_short_to_long(
    seconds: list[float], micro_batches: int
) -> None:
    ordered = plan(seconds, micro_batches=micro_batches, ordered=True)
    assert sorted(ordered) == sorted(plan(seconds, micro_batches=micro_batches))
    longest = [max(seconds[row] for batch in step for row in batch) for step in ordered]
    shortest = [min(seconds[row] for batch in step for row in batch) for step in ordered]
    for before, after in zip(longest, shortest[1:], strict=False):
        assert before * 0.9 <= after * 1.1  # sorted by lengths that jitter by a tenth


def test_windows_have_plans_of_their_own() -> None:
    seconds = np.random.default_rng(1).uniform(1, 10, 40).tolist()
    assert plan(seconds, window=0) != plan(seconds)
    assert plan(seconds, window=0) != plan(seconds, window=1)


@given(lengths, st.integers(1, 9), st.floats(0.1, 100))
def test_evaluation_begins_with_the_longest(seconds: list[float], utterances: int, most: float) -> None:
    batches = batches_by_length(seconds, utterances=utterances, padded_seconds=most)
    check_limits(batches, seconds, utterances, most)
    in_order = [seconds[row] for batch in batches for row in batch]
    assert in_order == sorted(in_order, reverse=True)


def test_plan_is_a_pure_function() -> None:
    seconds = np.random.default_rng(1).uniform(1, 10, 50).tolist()
    np.random.seed(3)
    first = plan(seconds)
    np.random.random(7)
    assert plan(seconds) == first
    others = [plan(seconds, epoch=1), plan(seconds, seed=2)]
    assert first not in others
    assert others[0] != others[1]


def test_neighbours_and_order_change_with_the_epoch() -> None:
    seconds = np.random.default_rng(1).uniform(1, 10, 60).tolist()

    def neighbours(epoch: int) -> set[frozenset[int]]:
        return {frozenset(batch) for step in plan(seconds, epoch=epoch) for batch in step}

    assert len(neighbours(0) & neighbours(1)) < len(neighbours(0)) / 2


def test_steps_are_not_sorted_by_length() -> None:
    seconds = np.linspace(1, 10, 400).tolist()
    means = [float(np.mean([seconds[row] for batch in step for row in batch])) for step in plan(seconds)]
    assert abs(np.corrcoef(means, range(len(means)))[0, 1]) < 0.4


def test_utterances_of_like_length_are_together() -> None:
    seconds = np.random.default_rng(1).lognormal(1.0, 0.7, 500).tolist()
    batches = [batch for step in plan(seconds, utterances=8, padded_seconds=1e9) for batch in step]
    padded = sum(len(batch) * max(seconds[row] for row in batch) for batch in batches)
    assert sum(seconds) / padded > 0.85  # random batches of eight have 0.4


def test_pieces_are_nearly_equal() -> None:
    """Ten utterances in eights are 5 + 5, not 8 + 2: a tiny micro-batch would weigh a whole step."""
    assert sorted(len(batch) for step in plan([1.0] * 10, utterances=8) for batch in step) == [5, 5]
    assert [len(batch) for batch in batches_by_length([1.0] * 9, utterances=4, padded_seconds=99)] == [
        3,
        3,
        3,
    ]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_fewer_utterances_than_micro_batches(count: int) -> None:
    steps = plan([1.0] * count, micro_batches=4)
    assert len(steps) == 1
    assert sorted(steps[0]) == [(row,) for row in range(count)]


def test_nothing_to_plan() -> None:
    assert plan([]) == []
    assert batches_by_length([], utterances=4, padded_seconds=9) == []


def test_collate_pads_with_zeros() -> None:
    waveforms = [np.full(3, 0.5, np.float32), np.full(5, -1, np.float32)]
    batch = collate(["a", "b"], waveforms, [(7, 8), (9,)])
    assert batch.ids == ("a", "b")
    assert batch.waveforms.tolist() == [[0.5, 0.5, 0.5, 0, 0], [-1, -1, -1, -1, -1]]
    assert batch.waveforms.dtype == torch.float32
    assert batch.waveform_lengths.tolist() == [3, 5]
    assert batch.targets.tolist() == [[7, 8], [9, 0]]
    assert batch.target_lengths.tolist() == [2, 1]
    assert not batch.targets.is_floating_point()
    assert not batch.waveform_lengths.is_floating_point()  # whole counts, never fractions


def test_collate_copies() -> None:
    waveform = np.ones(4, np.float32)
    batch = collate(["a"], [waveform], [()])
    waveform[:] = 0
    assert batch.waveforms.tolist() == [[1, 1, 1, 1]]
    assert batch.targets.shape == (1, 0)


def test_collate_wants_one_target_each() -> None:
    with pytest.raises(ValueError, match="zip"):
        collate(["a", "b"], [np.ones(3, np.float32)] * 2, [(1,)])
