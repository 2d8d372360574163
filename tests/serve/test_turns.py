"""Whose turn it is: checked by hand, and by what fairness promises whatever comes."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from asr.serve.turns import Share, Turns
from asr.transcribe.reading import BATCH, BATCH_SECONDS

MODEL, OTHER = object(), object()


def test_a_short_recording_goes_before_the_rest_of_a_long_one() -> None:
    turns: Turns[str] = Turns()
    long, short = Share(), Share()
    for place in range(4):
        turns.put(long, 16.0, MODEL, f"long-{place}", batched=False)
    assert turns.take() == ["long-0"]
    turns.put(short, 3.0, MODEL, "short", batched=False)
    assert turns.take() == ["short"]
    assert turns.take() == ["long-1"]


def test_who_comes_late_does_not_get_what_others_had_before() -> None:
    """Its tag begins now, not at zero: the first one is not held up for as long as it has been heard."""
    turns: Turns[str] = Turns()
    first, late = Share(), Share()
    for place in range(3):
        turns.put(first, 10.0, MODEL, f"first-{place}", batched=False)
    turns.take(), turns.take()
    for place in range(3):
        turns.put(late, 10.0, MODEL, f"late-{place}", batched=False)
    assert [turns.take()[0] for _ in range(4)] == ["late-0", "first-2", "late-1", "late-2"]


def test_what_has_no_share_is_next() -> None:
    turns: Turns[str] = Turns()
    for name in "ab":
        turns.put(Share(), 1.0, MODEL, name, batched=False)
    turns.put(None, 5.0, MODEL, "live", batched=False)
    assert [turns.take() for _ in range(4)] == [["live"], ["a"], ["b"], []]


def test_recordings_of_like_length_are_one_batch_and_workers_share_them() -> None:
    turns: Turns[int] = Turns()
    for number in range(10):
        turns.put(Share(), 3.0, MODEL, number)
    assert [len(turns.take(idle)) for idle in (2, 1)] == [5, 5]
    assert not turns


def test_a_batch_is_of_one_model_and_of_like_length() -> None:
    turns: Turns[str] = Turns()
    turns.put(Share(), 3.0, MODEL, "a")
    turns.put(Share(), 3.0, OTHER, "x")
    turns.put(Share(), 60.0, MODEL, "long")
    turns.put(Share(), 3.1, MODEL, "b")
    assert [sorted(turns.take()) for _ in range(3)] == [["a", "b"], ["x"], ["long"]]


def test_what_is_dropped_does_not_come() -> None:
    turns: Turns[str] = Turns()
    for name in "abc":
        turns.put(Share(), 1.0, MODEL, name, batched=False)
    turns.drop(lambda what: what == "b")
    assert (turns.take(), turns.seconds, turns.take(), turns.take()) == (["a"], 1.0, ["c"], [])


@given(
    st.lists(st.lists(st.floats(0.1, 60.0), min_size=1, max_size=20), min_size=1, max_size=8),
    st.integers(1, 4),
    st.booleans(),
)
def test_all_pieces_come_once_in_order_and_batches_are_no_larger_than_may_be(
    recordings: list[list[float]], idle: int, batched: bool
) -> None:
    turns: Turns[tuple[int, int, float]] = Turns()
    for number, pieces in enumerate(recordings):
        share = Share()
        for place, seconds in enumerate(pieces):
            turns.put(share, seconds, MODEL, (number, place, seconds), batched=batched)
    taken = []
    while batch := turns.take(idle):
        lengths = [seconds for _, _, seconds in batch]
        assert len(batch) <= (BATCH if batched else 1)
        assert len(batch) == 1 or max(lengths) * len(batch) <= BATCH_SECONDS
        taken += batch
    wanted = [(n, p, s) for n, pieces in enumerate(recordings) for p, s in enumerate(pieces)]
    assert sorted(taken) == wanted
    if not batched:  # in batches a piece may come with a later one of its recording
        for number in range(len(recordings)):
            assert [p for n, p, _ in taken if n == number] == list(range(len(recordings[number])))


@given(st.lists(st.floats(0.5, 30.0), min_size=2, max_size=6))
def test_recordings_that_always_wait_get_the_same_time(lengths: list[float]) -> None:
    """Goyal, Vin and Cheng, theorem 1: two shares differ by no more than a piece of each."""
    turns: Turns[int] = Turns()
    had = [0.0] * len(lengths)
    for number, seconds in enumerate(lengths):
        share = Share()
        for _ in range(80):
            turns.put(share, seconds, MODEL, number, batched=False)
    for _ in range(60):
        (number,) = turns.take()
        had[number] += lengths[number]
        for one, other in itertools.combinations(range(len(lengths)), 2):
            assert abs(had[one] - had[other]) <= lengths[one] + lengths[other] + 1e-9
