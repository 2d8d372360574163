"""The trail: which step was the first to differ, and in what."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import miniature
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from asr.batching import Batch, collate
from asr.model.acoustic import AcousticModel, new_model
from asr.recipe import FrontEnd, Model, Recipe, Train
from asr.runs.record import TrailEntry
from asr.scoring import ErrorCounts, Score
from asr.tokenizer import build_tokenizer
from asr.training import step as computing
from asr.training.checkpoint import Learner
from asr.training.cursor import DIGITS, Cursor
from asr.training.optimiser import WeightAverage, new_optimiser
from asr.training.selection import select
from asr.training.trail import add_entry, entry, fingerprint, heard_in, of_numbers, short
from asr.training.trainer import Trainer

STATE = ("weights", "average", "optimiser", "cursor")
RECIPE = miniature.recipe(train__epochs=2, train__digest_every=1, train__learning_rate=0.05)


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


def probe(model: AcousticModel) -> Score:
    counts = ErrorCounts(hits=99, substitutions=1)
    return Score(counts, counts, sentences=10, wrong_sentences=1, interval=(0.0, 1.0))


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[dict[str, Any]]]:
    """The trail of a training of six steps."""
    texts = [miniature.words_of(f"trail-{number}") for number in range(14)]
    utterances = miniature.write_utterances(tmp_path_factory.mktemp("audio"), texts)
    tokenizer = build_tokenizer(RECIPE.tokenizer, [text.lower() for text in texts])
    model = new_model(RECIPE.front_end, RECIPE.model, tokenizer.size, seed=1)
    examples, _ = select(utterances, tokenizer, model, RECIPE)

    def of(settings: Recipe = RECIPE) -> list[dict[str, Any]]:
        trainer = Trainer(
            new_model(settings.front_end, settings.model, tokenizer.size, settings.seed),
            examples,
            settings,
            tmp_path_factory.mktemp("trail"),
            evaluate=probe,
            settings="digest",
        )
        return trainer.train().trail

    return of


@pytest.fixture(scope="module")
def unchanged(trail: Callable[..., list[dict[str, Any]]]) -> list[dict[str, Any]]:
    found = trail()
    assert [note["step"] for note in found] == list(range(len(found)))
    assert len(found) > 5
    return found


def first_difference(one: list[dict[str, Any]], two: list[dict[str, Any]]) -> tuple[int, set[str]]:
    """The first entry that differs, and the keys of it that do."""
    return next(
        (note["step"], {key for key in note if note[key] != other[key]})
        for note, other in zip(one, two, strict=True)
        if note != other
    )


# A step's parts in the order of their making: what differs first drags all that comes after it along.
AFTER_LOSS = {"loss", "gradient", "weights", "average", "optimiser", "cursor"}
CHANGES = {
    "audio": {"heard", *AFTER_LOSS},
    "loss": {"loss", "cursor"},
    "gradient": {"gradient", "weights", "average", "optimiser"},
    "update": {"weights", "average"},
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_first_difference_says_where_to_look(
    trail: Callable[..., list[dict[str, Any]]],
    unchanged: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    """Something is a little different from step 4 on, and nothing before."""
    calls = {"load": 0, "gradients": 0, "step": 0}
    load, gradients, step = computing.load, computing.gradients, torch.optim.AdamW.step
    per_step = RECIPE.train.micro_batches

    def is_time(call: str, each: int) -> bool:
        calls[call] += 1
        return (calls[call] - 1) // each + 1 == 4

    def changed_load(*arguments: Any) -> Batch:
        batch = load(*arguments)
        if is_time("load", per_step) and what == "audio":
            batch.waveforms[0, 100] += 1e-3
        return batch

    def changed_gradients(*arguments: Any) -> Any:
        losses, parts = gradients(*arguments)
        if is_time("gradients", per_step) and what in ("loss", "gradient"):
            factor = 1 + 1e-5
            return (losses * factor, parts) if what == "loss" else (losses, [part * factor for part in parts])
        return losses, parts

    def changed_step(self: torch.optim.AdamW, *arguments: Any) -> Any:
        if is_time("step", 1) and what == "update":
            self.param_groups[0]["lr"] *= 1 + 1e-5
        return step(self, *arguments)

    monkeypatch.setattr(computing, "load", changed_load)
    monkeypatch.setattr(computing, "gradients", changed_gradients)
    monkeypatch.setattr(torch.optim.AdamW, "step", changed_step)
    assert first_difference(trail(), unchanged) == (4, CHANGES[what])


def test_another_seed_differs_before_the_first_step(
    trail: Callable[..., list[dict[str, Any]]], unchanged: list[dict[str, Any]]
) -> None:
    assert first_difference(trail(miniature.recipe(**KEYS, seed=2)), unchanged) == (0, {"weights", "average"})


KEYS = {"train__epochs": 2, "train__digest_every": 1, "train__learning_rate": 0.05}


@pytest.mark.parametrize("every", [2, 4, 100])
def test_fewer_entries_tell_the_same(
    trail: Callable[..., list[dict[str, Any]]], unchanged: list[dict[str, Any]], every: int
) -> None:
    """Entries at multiples and at ends of epochs; the digits of the steps between are not lost."""
    found = trail(miniature.recipe(**KEYS | {"train__digest_every": every}))
    steps = len(unchanged) - 1
    ends = {0, steps // 2, steps}
    assert [note["step"] for note in found] == [n for n in range(steps + 1) if n in ends or n % every == 0]
    for note in found:
        assert {key: note[key] for key in STATE} == {key: unchanged[note["step"]][key] for key in STATE}
    for key in ("heard", "loss", "gradient"):
        assert "".join(note[key] for note in found) == "".join(note[key] for note in unchanged)


def test_a_learner_without_a_step_has_a_trail(
    trail: Callable[..., list[dict[str, Any]]], unchanged: list[dict[str, Any]]
) -> None:
    first = unchanged[0]
    assert first["weights"] == first["average"]
    assert first["optimiser"] == hashlib.sha256().hexdigest()  # no moments yet
    assert (first["heard"], first["loss"], first["gradient"]) == ("", "", "")
