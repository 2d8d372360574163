"""One step's gradient: all micro-batches are in it, whoever computes them, and all ranks end together."""

import itertools
import math
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import miniature
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from thread_ranks import Meeting, ThreadRanks
from torch import Tensor

from asr.batching import Step
from asr.errors import TrainingError
from asr.model.acoustic import AcousticModel, new_model
from asr.randomness import Draws
from asr.recipe import Recipe
from asr.tokenizer import build_tokenizer
from asr.training import step as computing
from asr.training.examples import Example
from asr.training.gradients import ExactSum, FloatSum
from asr.training.heard import Heard
from asr.training.micro_batch import gradients, load
from asr.training.ranks import Ranks
from asr.training.selection import select
from asr.training.step import StepComputer, StepSum
from asr.training.trail import heard_in, of_numbers

RECIPE = miniature.recipe()
TEXTS = [miniature.words_of(f"step-{number}") for number in range(6)]
STEP: Step = ((0, 4), (1,), (2, 3, 5))
integers = st.integers(-(2**63), 2**63 - 1)
small = st.integers(0, 2**62)


@dataclass(frozen=True)
class Setting:
    model: AcousticModel
    examples: Sequence[Example]

    def compute(
        self, size: int = 1, workers: int = 1, asked: Sequence[int] = (), recipe: Recipe = RECIPE
    ) -> list[StepSum | BaseException]:
        """What each of `size` ranks gets of the step; `asked` are those who were asked to stop."""
        meeting = Meeting(size)

        def work(rank: int) -> StepSum:
            torch.set_num_threads(1)
            computer = StepComputer(
                self.model, self.examples, recipe, ThreadRanks(rank, size, meeting=meeting)
            )
            with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                return computer.compute(pool, STEP, 3, 7, rank in asked)

        with ThreadPoolExecutor(size) as pool:
            jobs: list[Future[StepSum]] = [pool.submit(work, rank) for rank in range(size)]
        return [job.exception() or job.result() for job in jobs]


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    utterances = miniature.write_utterances(tmp_path_factory.mktemp("audio"), TEXTS)
    tokenizer = build_tokenizer(RECIPE.tokenizer, [text.lower() for text in TEXTS])
    model = new_model(RECIPE.front_end, RECIPE.model, tokenizer.size, seed=1).train()
    examples, left_out = select(utterances, tokenizer, model, RECIPE)
    assert not left_out
    return Setting(model, examples)


@pytest.fixture(scope="module")
def by_hand(setting: Setting) -> tuple[list[Tensor], list[Heard]]:
    """The step without workers and ranks: micro-batch after micro-batch."""
    tokens = sum(len(example.target) for example in setting.examples)
    total = ExactSum(setting.model.parameters())
    heard = []
    for index, rows in enumerate(STEP):
        batch = load(setting.examples, rows, RECIPE, 3)
        draws = Draws(RECIPE.seed, 3, 7, index, batch.ids)
        losses, parts = gradients(setting.model, batch, draws, RECIPE, tokens)
        total.add(parts, len(STEP), "all")
        heard.append(
            Heard(
                loss=float(losses.each.detach().double().sum()),
                tokens=sum(len(setting.examples[row].target) for row in rows),
                seconds=int(batch.waveform_lengths.sum()) / miniature.RATE,
                input_print=heard_in(batch),
                loss_print=of_numbers(losses.each.tolist()),
            )
        )
    return total.gradients(), heard


def the_same(one: Sequence[Tensor], two: Sequence[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize(("size", "workers"), list(itertools.product((1, 2, 3, 5), (1, 2))))
def test_every_rank_gets_the_whole_step(
    setting: Setting, by_hand: tuple[list[Tensor], list[Heard]], size: int, workers: int
) -> None:
    """Gradients, and what was heard in the order of the plan; also with more ranks than micro-batches."""
    for found in setting.compute(size, workers):
        assert isinstance(found, StepSum), found
        assert the_same(found.gradients, by_hand[0])
        assert found.heard == by_hand[1]
        assert not found.stop


def test_sums_do_not_pile_up(setting: Setting, by_hand: tuple[list[Tensor], list[Heard]]) -> None:
    computer = StepComputer(setting.model, setting.examples, RECIPE, Ranks())
    with ThreadPoolExecutor(1) as pool:
        for _ in range(2):
            found = computer.compute(pool, STEP, 3, 7, False)
    assert the_same(found.gradients, by_hand[0])


@pytest.mark.parametrize(("asked", "stop"), [([], False), ([0], True), ([0, 1, 2], True), ([1, 2], True)])
def test_whoever_is_asked_to_stop_all_hear_of_it(setting: Setting, asked: list[int], stop: bool) -> None:
    assert [found.stop for found in setting.compute(3, asked=asked) if isinstance(found, StepSum)] == [
        stop
    ] * 3


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_failure_ends_all_ranks_and_one_of_them_says_why(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """The second micro-batch fails; whoever computes it says so, the others name the rank."""
    really = computing.gradients

    def failing(model: AcousticModel, batch: Any, draws: Draws, *others: Any) -> Any:
        if draws.micro_batch == 1:
            raise TrainingError("u1 is too loud")
        return really(model, batch, draws, *others)

    monkeypatch.setattr(computing, "gradients", failing)
    found = setting.compute(size, workers=2)
    failed = 1 % size
    for rank, error in enumerate(found):
        assert isinstance(error, TrainingError)
        expected = "u1 is too loud" if rank == failed else f"rank {failed} of {size} has failed; it says why"
        assert str(error) == expected


def test_of_several_failures_the_first_in_the_plan_is_told(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(model: AcousticModel, batch: Any, draws: Draws, *others: Any) -> Any:
        raise TrainingError(f"micro-batch {draws.micro_batch}")

    monkeypatch.setattr(computing, "gradients", failing)
    (error,) = setting.compute(workers=3)
    assert str(error) == "micro-batch 0"


def test_place_in_the_plan_decides_what_is_drawn(setting: Setting) -> None:
    """Another epoch, another step: other dropout and other speeds."""
    computer = StepComputer(setting.model, setting.examples, RECIPE, Ranks())
    with ThreadPoolExecutor(1) as pool:
        found = [computer.compute(pool, STEP, *place, False) for place in ((3, 7), (3, 8), (4, 7))]
    prints = [[(note.input_print, note.loss_print) for note in one.heard] for one in found]
    assert prints[0] != prints[1]
    assert [heard for heard, _ in prints[0]] == [
        heard for heard, _ in prints[1]
    ]  # audio is drawn by epoch alone
    assert [heard for heard, _ in prints[0]] != [heard for heard, _ in prints[2]]


def test_determinism_off_adds_floats(setting: Setting, by_hand: tuple[list[Tensor], list[Heard]]) -> None:
    off = miniature.recipe(numerics__determinism="off")
    computer = StepComputer(setting.model, setting.examples, off, Ranks())
    assert isinstance(computer.sum, FloatSum)
    assert isinstance(StepComputer(setting.model, setting.examples, RECIPE, Ranks()).sum, ExactSum)
    with ThreadPoolExecutor(1) as pool:
        found = computer.compute(pool, STEP, 3, 7, False)
    assert not the_same(found.gradients, by_hand[0])
    for one, two in zip(found.gradients, by_hand[0], strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-7)


@given(st.floats(), small, st.floats(), small, small, st.floats(), small)
def test_what_was_heard_travels_unchanged(
    loss: float, tokens: int, seconds: float, one: int, two: int, errors: float, units: int
) -> None:
    """NaN with its bits, minus zero, denormal numbers: nothing is rounded on the way."""
    heard = Heard(loss, tokens, seconds, one, two, errors, units)
    numbers = heard.as_integers()
    assert all(-(2**63) <= number < 2**63 for number in numbers)
    back = Heard.from_integers(numbers)
    assert (back.tokens, back.input_print, back.loss_print, back.units) == (tokens, one, two, units)
    for found, given_ in ((back.loss, loss), (back.seconds, seconds), (back.errors, errors)):
        assert found.hex() == given_.hex()
        assert math.copysign(1, found) == math.copysign(1, given_)


@given(st.lists(integers, min_size=7, max_size=7), st.integers(1, 4))
def test_zeros_of_other_ranks_change_nothing(numbers: list[int], others: int) -> None:
    """Heard() is what a rank gives for micro-batches that are not its own."""
    silence = torch.tensor(Heard().as_integers())
    assert not silence.any()
    assert (torch.tensor(numbers) + silence * others).tolist() == numbers


def test_exchanged_before_it_is_raised(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A rank that raised at once would leave the others waiting for it."""
    told: list[list[int]] = []

    class Listening(Ranks):
        def add(self, numbers: Tensor) -> None:
            told.append(numbers.tolist())

    monkeypatch.setattr(computing, "load", lambda *_: (_ for _ in ()).throw(TrainingError("no such file")))
    computer = StepComputer(setting.model, setting.examples, RECIPE, Listening(1, 3))
    with ThreadPoolExecutor(1) as pool, pytest.raises(TrainingError, match="no such file"):
        computer.compute(pool, STEP, 0, 0, True)
    assert told == [[0, 1, 0, 1, *[0] * 7 * len(STEP)]]  # failed: rank 1; it was asked to stop; nothing heard


def test_audio_of_the_next_step_is_loaded_beside_this_one(
    setting: Setting, by_hand: tuple[list[Tensor], list[Heard]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, after that of this step; and the next step finds it."""
    really, loaded = computing.load, []

    def load(examples: Any, rows: Any, recipe: Recipe, epoch: int) -> Any:
        loaded.append((epoch, rows))
        return really(examples, rows, recipe, epoch)

    monkeypatch.setattr(computing, "load", load)
    computer = StepComputer(setting.model, setting.examples, RECIPE, Ranks())
    first: Step = ((5,), (1, 2))
    with ThreadPoolExecutor(1) as pool:
        computer.compute(pool, first, 3, 6, False, STEP)
        found = computer.compute(pool, STEP, 3, 7, False)
        assert loaded == [(3, rows) for rows in (*first, *STEP)]
        assert (the_same(found.gradients, by_hand[0]), found.heard) == (True, by_hand[1])
        computer.compute(pool, first, 3, 6, False, STEP)
        computer.compute(pool, STEP, 4, 7, False)  # of another epoch: sounds differ
        assert loaded[-3:] == [(4, rows) for rows in STEP]


def test_audio_that_is_gone_is_told_when_its_step_has_come(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(_: Any, rows: Any, *others: Any) -> Any:
        if rows == STEP[1]:
            raise TrainingError("no such file")
        return really(_, rows, *others)

    really = computing.load
    monkeypatch.setattr(computing, "load", load)
    computer = StepComputer(setting.model, setting.examples, RECIPE, Ranks())
    with ThreadPoolExecutor(2) as pool:
        computer.compute(pool, ((0,),), 3, 6, False, STEP)
        with pytest.raises(TrainingError, match="no such file"):
            computer.compute(pool, STEP, 3, 7, False)


def test_out_of_memory_names_the_batch(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Really, though for more than any machine has."""

    def greedy(_: AcousticModel, batch: Any, draws: Draws, *__: Any) -> Any:
        return (
            torch.empty(2**55, dtype=torch.uint8)
            if draws.micro_batch == 2
            else gradients(_, batch, draws, *__)
        )

    monkeypatch.setattr(computing, "gradients", greedy)
    (error,) = setting.compute(workers=2)
    assert isinstance(error, TrainingError)
    said = "epoch 3, step 7, utterances u2, u3, u5: out of memory (32 PiB more were asked for). The batch has 3 utt"
    assert str(error).startswith(said)
