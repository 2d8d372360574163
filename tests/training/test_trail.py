"""The trail: which step was the first to differ, and in what."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from asr.batching import Batch, collate
from asr.model.acoustic import new_model
from asr.recipe import FrontEnd, Model, Train
from asr.runs.record import TrailEntry
from asr.training.checkpoint import Learner
from asr.training.cursor import DIGITS, Cursor
from asr.training.optimiser import WeightAverage, new_optimiser
from asr.training.trail import add_entry, entry, fingerprint, heard_in, of_numbers, short


def learner() -> Learner:
    """After one step: an optimiser has no moments before."""
    model = new_model(FrontEnd(mels=8), Model(projection=4, layers=1, hidden=3), 5, seed=1)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser = new_optimiser(model, Train(), torch.device("cpu"))
    optimiser.step()
    return Learner(model, optimiser, WeightAverage(model, 0.9))


def entry_of(learned: Learner, cursor: Cursor | None = None) -> dict[str, Any]:
    with ThreadPoolExecutor(2) as pool:
        return entry(learned, cursor or Cursor(total_steps=4, step=1, loss=0.5), pool)


def one_bit(tensor: Tensor) -> None:
    """Moves one value to the next float."""
    with torch.no_grad():
        first = tensor.view(-1)[:1]
        first.copy_(torch.nextafter(first, first + 1))


def moved(change: Callable[[Learner], None]) -> set[str]:
    """Which digests a change moves."""
    learned = learner()
    before = entry_of(learned)
    change(learned)
    after = entry_of(learned)
    return {key for key in before if before[key] != after[key]}


def moment(learned: Learner, kind: str) -> Tensor:
    state: Tensor = learned.optimiser.state[learned.model.output.bias][kind]
    return state


def test_one_bit_of_a_weight() -> None:
    assert moved(lambda learned: one_bit(learned.model.output.bias)) == {"weights"}


def test_one_bit_of_an_average() -> None:
    assert moved(lambda learned: one_bit(learned.average.model.output.bias)) == {"average"}


@pytest.mark.parametrize("kind", ["exp_avg", "exp_avg_sq", "step"])
def test_one_bit_of_the_optimiser(kind: str) -> None:
    assert moved(lambda learned: one_bit(moment(learned, kind))) == {"optimiser"}


def test_moments_of_two_parameters_exchanged() -> None:
    def exchange(learned: Learner) -> None:
        gain, bias = learned.model.norms[0].weight, learned.model.norms[0].bias
        states = learned.optimiser.state
        states[gain]["exp_avg"].mul_(2)
        states[gain], states[bias] = states[bias], states[gain]

    assert moved(exchange) == {"optimiser"}


def test_nothing_else_moves_a_digest() -> None:
    assert moved(lambda learned: learned.model.zero_grad()) == set()


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": 1},
        {"step": 2},
        {"loss": 0.5000000000000001},
        {"tokens": 1},
        {"clipped": 1},
        {"best_epoch": 0},
        {"best_errors": [3, 4]},
    ],
)
def test_each_part_of_the_place_counts(change: dict[str, Any]) -> None:
    learned, cursor = learner(), Cursor(total_steps=4, step=1, loss=0.5)
    assert entry_of(learned, cursor)["cursor"] != entry_of(learned, replace(cursor, **change))["cursor"]


def test_time_and_history_do_not_count() -> None:
    """They differ between two runs that learn the same."""
    learned, cursor = learner(), Cursor(total_steps=4, step=1, loss=0.5)
    later = replace(
        cursor, seconds=9.0, epochs=[{"seconds": 8.0}], trail=[{"step": 0}], squares={"output": 1.0}
    )
    assert entry_of(learned, cursor) == entry_of(learned, later)


def test_entry_is_one_of_the_record() -> None:
    cursor = Cursor(
        total_steps=4, step=1, loss=0.5, heard="00ff" * 3, losses="0001" * 3, gradients="0002" * 3
    )
    found = TrailEntry.model_validate(entry_of(learner(), cursor))
    assert (found.step, found.heard, found.loss, found.gradient) == (4, "00ff" * 3, "0001" * 3, "0002" * 3)
    place = (
        '{"best_epoch":-1,"best_errors":[],"clipped":0,"epoch":0,"loss":"0x1.0000000000000p-1","step":1,'
        '"tokens":0,"total_steps":4}'
    )
    assert found.cursor == hashlib.sha256(place.encode()).hexdigest()


def test_an_entry_is_added_once() -> None:
    learned, cursor = learner(), Cursor(total_steps=4, heard="00ff", losses="00ff", gradients="00ff")
    with ThreadPoolExecutor(1) as pool:
        for _ in range(2):
            add_entry(learned, cursor, pool)
            assert [note["heard"] for note in cursor.trail] == ["00ff"]
            assert (cursor.heard, cursor.losses, cursor.gradients) == ("", "", "")
        cursor.total_steps, cursor.heard = 5, "1234"
        add_entry(learned, cursor, pool)
    assert [(note["step"], note["heard"]) for note in cursor.trail] == [(4, "00ff"), (5, "1234")]


BATCH = collate(["a", "b"], [torch.arange(4.0).numpy(), torch.arange(3.0).numpy()], [(1, 2), (3,)])


@pytest.mark.parametrize(
    "other",
    [
        replace(BATCH, ids=("a", "c")),
        replace(BATCH, ids=("b", "a")),
        replace(BATCH, waveforms=BATCH.waveforms + torch.tensor([0, 0, 0, 1e-6])),
        replace(BATCH, waveforms=BATCH.waveforms.flip(0)),
        replace(BATCH, waveform_lengths=torch.tensor([4, 4])),
        replace(BATCH, targets=BATCH.targets + torch.tensor([[0, 0], [1, 0]])),
        replace(BATCH, target_lengths=torch.tensor([2, 2])),
    ],
)
def test_all_that_is_heard_counts(other: Batch) -> None:
    assert heard_in(other) != heard_in(BATCH)


def test_heard_is_the_same_for_the_same_numbers() -> None:
    """However they lie in memory."""
    turned = replace(BATCH, waveforms=BATCH.waveforms.T.contiguous().T)
    assert not turned.waveforms.is_contiguous()
    assert heard_in(turned) == heard_in(BATCH)


@given(st.lists(st.floats(), min_size=1, max_size=4), st.lists(st.floats(), min_size=1, max_size=4))
def test_numbers_count_to_the_last_bit(one: list[float], two: list[float]) -> None:
    """Compared as they are written in hexadecimal: minus zero is not zero, and NaN is NaN."""
    same = [number.hex() for number in one] == [number.hex() for number in two]
    assert (of_numbers(one) == of_numbers(two)) == same


@pytest.mark.parametrize(
    ("one", "two"),
    [([0.0], [-0.0]), ([1.0, 2.0], [2.0, 1.0]), ([1.0], [1.0000000000000002]), ([1.0], [1.0, 1.0])],
)
def test_numbers_that_are_nearly_the_same(one: list[float], two: list[float]) -> None:
    assert of_numbers(one) != of_numbers(two)


def test_fingerprint_by_hand() -> None:
    """The first 8 bytes of SHA-256, without the last bit; of "abc": FIPS 180-2, appendix B.1."""
    assert fingerprint([b"a", b"bc"]) == 0xBA7816BF8F01CFEA >> 1
    assert fingerprint([b"abc"]) < 2**63


def test_short_is_four_digits() -> None:
    assert DIGITS == 4
    assert short(0xABCDE12345) == "2345"
    assert short(5) == "0005"
    assert short(1, 2) == f"{fingerprint([b'1 ', b'2 ']):016x}"[-4:]
    assert len({short(1, 2), short(2, 1), short(12), short(1, 2, 0)}) == 4
