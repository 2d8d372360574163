"""Steps as on a device, here on the CPU: the same bits as the CPU's own steps, and trouble is named though late."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import miniature
import pytest
import torch
from device_training import RECIPE, Lesson, left_behind, lesson
from hypothesis import given, settings
from hypothesis import strategies as st
from thread_ranks import Meeting, ThreadRanks
from torch import Tensor

from asr.errors import AudioError, TrainingError
from asr.model import loss
from asr.model.forward_backward import ctc_by_frames
from asr.model.recurrent import LstmLayer
from asr.training import device_steps, micro_batch, windows
from asr.training.checkpoint import read_cursor, read_tensors
from asr.training.micro_batch import Losses
from asr.training.plan import plan_training
from asr.training.reports import Interrupted, StepReport, Watcher
from asr.training.trainer import Trainer

NOW_AND_THEN = miniature.recipe(train__epochs=2, train__utterances=1, train__checkpoint_seconds=1e-9)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    return lesson(tmp_path_factory.mktemp("audio"))


@pytest.fixture(scope="module")
def plain(taught: Lesson, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ...]:
    """What the CPU's own steps leave behind."""
    trainer = taught.trainer(tmp_path_factory.mktemp("plain"))
    trainer.train()
    return left_behind(trainer)


@pytest.fixture(autouse=True)
def reads_every_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch has five: so the last reading of each is of one step."""
    monkeypatch.setattr(device_steps, "READ_EVERY", 2)


class Told(Watcher):
    def __init__(self) -> None:
        self.steps: list[StepReport] = []

    def on_step(self, report: StepReport) -> None:
        self.steps.append(report)


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "loss of the middle layer": {"model__intermediate_loss": 0.3},
    "attention decoder": {"model__attention_decoder": {"layers": 1, "hidden": 8, "heads": 2}},
    "two maskings": {"train__consistency": 0.2, "model__intermediate_loss": 0.3},
    "always clipped": {"train__clip": 0.01},
    "sometimes clipped": {"train__clip": 3.0},
    "sums of floats": {"numerics__determinism": "off"},
    "digests of every step": {"train__digest_every": 1},
    "three micro-batches": {"train__micro_batches": 3},
    "joined utterances": {"train__utterances": 3, "augment__joined": 0.7, "augment__joined_utterances": 2},
}


@pytest.mark.parametrize("case", CASES)
def test_same_bits_as_on_the_cpu(taught: Lesson, tmp_path: Path, case: str) -> None:
    """Weights, average, fingerprints of what was heard, of losses and norms, share of clipped steps: everything."""
    recipe = miniature.recipe(**{"train__epochs": 2, "train__utterances": 1} | CASES[case])
    plain = taught.trainer(tmp_path / "cpu", recipe)
    plain.train()
    # Without strict determinism, workers on the CPU would be threads of one that computes.
    device = taught.on_device(tmp_path / "device", recipe, workers=1 if case == "sums of floats" else 2)
    device.train()
    assert left_behind(device) == left_behind(plain)
    if "clipped" in case:
        shares = [epoch["clipped"] for epoch in plain.cursor.epochs]
        assert max(shares) > 0
        assert case == "always clipped" or min(shares) < 1


@pytest.mark.parametrize("every", [1, 100])
def test_when_it_reads_changes_nothing(
    taught: Lesson, plain: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    monkeypatch.setattr(device_steps, "READ_EVERY", every)
    other = taught.on_device(tmp_path)
    other.train()
    assert left_behind(other) == plain


@settings(max_examples=3)
@given(st.lists(st.tuples(st.integers(2, 5), st.booleans()), min_size=1, max_size=2))
def test_stopped_and_resumed_here_and_there(
    taught: Lesson,
    plain: tuple[Any, ...],
    tmp_path_factory: pytest.TempPathFactory,
    stops: list[tuple[int, bool]],
) -> None:
    """Sessions of so many steps each, some as on a device, some not: as if uninterrupted."""
    folder = tmp_path_factory.mktemp("stopped")
    for steps, device in stops:
        make = taught.on_device if device else taught.trainer
        trainer = make(folder, should_stop=miniature.on_step(steps))
        with pytest.raises(Interrupted):
            trainer.train()
    end = taught.on_device(folder)
    end.train()
    assert left_behind(end) == plain


def test_stops_after_the_step_in_which_it_was_asked(taught: Lesson, tmp_path: Path) -> None:
    trainer = taught.on_device(tmp_path, should_stop=miniature.on_step(3))  # asked once before the first step
    with pytest.raises(Interrupted):
        trainer.train()
    _, notes = read_tensors(trainer.checkpoint)
    assert read_cursor(trainer.checkpoint, notes).total_steps == 2


def test_reports_come_with_the_readings(taught: Lesson, tmp_path: Path) -> None:
    told, each = Told(), Told()
    taught.on_device(tmp_path / "device", watcher=told).train()
    taught.trainer(tmp_path / "cpu", watcher=each).train()
    assert [(report.step, report.taken) for report in told.steps] == [(2, 2), (4, 2), (5, 1)] * 2
    assert {report.taken for report in each.steps} == {1}
    of_step = {(report.epoch, report.step): report for report in each.steps}
    for report in told.steps:
        assert report.loss == of_step[report.epoch, report.step].loss
    heard = [sum(report.audio_seconds for report in reports) for reports in (told.steps, each.steps)]
    assert heard[0] == pytest.approx(heard[1])


def raised(trainer: Trainer) -> str:
    with pytest.raises(TrainingError) as caught:
        trainer.train()
    return str(caught.value)


def spoil(monkeypatch: pytest.MonkeyPatch, module: Any, what: str, step: int, factor: float) -> None:
    """Losses or gradients of a step of the first epoch are multiplied, in its second micro-batch."""
    losses_of, differentiate = micro_batch.losses_of, micro_batch.differentiate
    here = [(0, 0, 0)]

    def changed_losses(*arguments: Any) -> Losses:
        draws = arguments[4]
        here[0] = (draws.epoch, draws.step, draws.micro_batch)
        found = losses_of(*arguments)
        if here[0] != (0, step, 1) or what == "gradient":
            return found
        return Losses(found.each * factor, found.middle) if what == "loss" else middle_changed(found, factor)

    def changed_gradients(*arguments: Any) -> tuple[Tensor, ...]:
        found = differentiate(*arguments)
        bad = what == "gradient" and here[0] == (0, step, 1)
        return tuple(part * factor for part in found) if bad else found

    monkeypatch.setattr(module, "losses_of", changed_losses)
    monkeypatch.setattr(module, "differentiate", changed_gradients)


def middle_changed(found: Losses, factor: float) -> Losses:
    assert found.middle is not None
    return Losses(found.each, found.middle * factor)


@pytest.mark.parametrize(
    ("what", "factor", "says"),
    [
        ("loss", float("inf"), "epoch 0, step 2: loss is inf on u"),
        ("loss", float("nan"), "epoch 0, step 2: loss is nan on u"),
        ("middle", float("inf"), "epoch 0, step 2: loss is inf on u"),
        ("gradient", 1e12, "a gradient is not finite or above"),
        ("gradient", float("nan"), "a gradient is not finite or above"),
    ],
)
def test_trouble_is_told_as_on_the_cpu_but_later(
    taught: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, factor: float, says: str
) -> None:
    """In the same words; by then another step was taken, and nothing of them is kept."""
    changes = {"model__intermediate_loss": 0.3} if what == "middle" else {}
    recipe = miniature.recipe(train__epochs=2, train__utterances=1, train__checkpoint_seconds=1e-9, **changes)
    spoil(monkeypatch, device_steps, what, 2, factor)
    device = taught.on_device(tmp_path / "device", recipe)
    told = raised(device)
    assert says in told
    spoil(monkeypatch, micro_batch, what, 2, factor)
    assert raised(taught.trainer(tmp_path / "cpu", recipe)) == told
    assert device.cursor.total_steps == 4
    _, notes = read_tensors(device.checkpoint)
    assert read_cursor(device.checkpoint, notes).total_steps == 2
    assert [note["step"] for note in device.cursor.trail] == [0]


def test_audio_that_is_gone_is_named(taught: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loaded ahead of its time, and told when its time has come."""
    really, loaded = device_steps.load, []

    def load(*arguments: Any) -> Any:
        loaded.append(arguments)
        if len(loaded) == 5:  # first micro-batch of step 2
            raise AudioError("u.wav: gone")
        return really(*arguments)

    monkeypatch.setattr(device_steps, "load", load)
    device = taught.on_device(tmp_path, NOW_AND_THEN)
    with pytest.raises(AudioError, match=r"u\.wav: gone"):
        device.train()
    assert device.cursor.total_steps == 3  # it was begun
    _, notes = read_tensors(device.checkpoint)
    assert read_cursor(device.checkpoint, notes).total_steps == 2


def test_of_two_troubles_the_first_in_the_plan_is_told(
    taught: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss of step 2 is infinite, and step 3 cannot be loaded, which is noticed first."""
    spoil(monkeypatch, device_steps, "loss", 2, float("inf"))
    really, loaded = device_steps.load, []

    def load(*arguments: Any) -> Any:
        loaded.append(arguments)
        if len(loaded) == 7:
            raise AudioError("u.wav: gone")
        return really(*arguments)

    monkeypatch.setattr(device_steps, "load", load)
    assert "step 2: loss is inf" in raised(taught.on_device(tmp_path))


def test_no_memory_on_the_device(taught: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def losses_of(*_: Any) -> Any:
        raise torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity of 79.10 GiB of which 12.00 "
            "MiB is free."
        )

    monkeypatch.setattr(device_steps, "losses_of", losses_of)
    told = raised(taught.on_device(tmp_path, miniature.recipe(train__utterances=3)))
    assert told.startswith("epoch 0, step 0, utterances u")
    assert "out of memory (1.50 GiB more were asked for)" in told
    assert "Lower train.utterances (now 3) or train.seconds (now 120)" in told


def of_ranks(taught: Lesson, folder: Path, size: int) -> list[Trainer]:
    """Made one after the other: fresh weights come from a generator that threads share."""
    meeting = Meeting(size)
    ranks = [ThreadRanks(rank, size, meeting=meeting) for rank in range(size)]
    return [taught.on_device(folder / str(each.rank), ranks=each) for each in ranks]


def test_no_memory_for_the_audio(taught: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_steps, "load", lambda *_: torch.empty(2**55, dtype=torch.uint8))
    assert "out of memory (32 PiB more were asked for)" in raised(taught.on_device(tmp_path))


def test_no_memory_for_the_update(taught: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_steps, "update", lambda *_: torch.empty(2**55, dtype=torch.uint8))
    told = raised(taught.on_device(tmp_path))
    assert re.match(r"epoch 0, step 0, utterances u\d: out of memory \(32 PiB more were asked for\)", told)


@pytest.mark.parametrize("size", [2, 3])
def test_ranks_share_the_steps(taught: Lesson, plain: tuple[Any, ...], tmp_path: Path, size: int) -> None:
    """They meet in every sum of gradients and in every reading, and end with the same bits."""
    trainers = of_ranks(taught, tmp_path, size)

    def work(trainer: Trainer) -> tuple[Any, ...]:
        trainer.train()
        return left_behind(trainer)

    with ThreadPoolExecutor(size) as pool:
        found = list(pool.map(work, trainers))
    assert found[0] == plain
    assert {weights for weights, *_ in found} == {found[0][0]}


def test_a_failing_rank_goes_on_until_all_read(
    taught: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rank 1 cannot load its part of step 3: it says why, rank 0 that it is rank 1; nobody waits for ever."""
    really = device_steps.load

    def load(*arguments: Any) -> Any:
        batch = really(*arguments)
        if batch.ids == failing:
            raise AudioError("u.wav: gone")
        return batch

    rows = plan_training(taught.examples, RECIPE, 0)[3][1]
    failing = tuple(taught.examples[row].utterance.id for row in rows)
    monkeypatch.setattr(device_steps, "load", load)

    def work(trainer: Trainer) -> str:
        try:
            trainer.train()
        except (AudioError, TrainingError) as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(work, of_ranks(taught, tmp_path, 2)))
    assert found == ["rank 1 of 2 has failed; it says why", "u.wav: gone"]


def packed_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> list[LstmLayer]:
    """The recurrent layer goes the way that it goes on CUDA; the layers that have gone it."""
    gone = []

    def packed(layer: LstmLayer, values: Tensor, lengths: Tensor) -> Tensor:
        gone.append(layer)
        with torch.autocast("cpu", enabled=False):
            return layer.packed(values.float(), lengths, lengths.tolist())

    monkeypatch.setattr(LstmLayer, "_both_ways", packed)
    return gone


def losses_and_gradients(taught: Lesson, folder: Path) -> tuple[list[float], list[Tensor]]:
    """Of the first two steps."""
    trainer = taught.on_device(folder, miniature.recipe(train__utterances=1), last_step=2)
    with pytest.raises(Interrupted):
        trainer.train()
    gradients = [parameter.grad for parameter in trainer.learner.model.parameters()]
    assert all(gradient is not None for gradient in gradients)
    return [trainer.cursor.loss], [gradient for gradient in gradients if gradient is not None]


@pytest.mark.parametrize(("half", "tolerance"), [(False, 1e-4), (True, 0.1)])
def test_packed_sequences_and_bf16_are_near(
    taught: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, half: bool, tolerance: float
) -> None:
    """What CUDA takes otherwise than the CPU, on the CPU: packed sequences, our CTC, and bf16 around them."""
    losses, gradients = losses_and_gradients(taught, tmp_path / "plain")
    gone = packed_on_the_cpu(monkeypatch)
    monkeypatch.setattr(loss, "ctc_loss", ctc_by_frames)
    monkeypatch.setattr(windows, "bfloat16", lambda _: half)
    other_losses, other_gradients = losses_and_gradients(taught, tmp_path / "other")
    assert other_losses == pytest.approx(losses, rel=tolerance / 10)
    assert gone
    assert other_losses != losses
    for one, two in zip(gradients, other_gradients, strict=True):
        assert (one - two).norm() <= tolerance * one.norm()
