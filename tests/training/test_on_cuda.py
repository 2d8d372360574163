"""On a CUDA device: the same training as on the CPU within float tolerance, the same bits twice, no waiting.

Run by hand: python -m pytest -m gpu
"""

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import miniature
import pytest
import torch
from device_training import Lesson, left_behind, lesson
from torch import Tensor

from asr.errors import TrainingError
from asr.model.forward_backward import ctc_by_frames
from asr.model.loss import ctc_loss
from asr.numerics import choose_device
from asr.training import windows
from asr.training.checkpoint import read_cursor, read_tensors
from asr.training.device_steps import DeviceSteps
from asr.training.plan import plan_training
from asr.training.reports import Interrupted
from asr.training.steps import Turn

pytestmark = pytest.mark.gpu

# CUDA draws other numbers for dropout. What is clipped would carry a difference in one gradient into all.
QUIET = miniature.recipe(train__utterances=1, model__dropout=0.0, train__clip=1e6)


@pytest.fixture(autouse=True)
def strict() -> None:
    choose_device("cuda", "strict")


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    return lesson(tmp_path_factory.mktemp("audio"))


@contextmanager
def no_waiting() -> Iterator[None]:
    """CUDA itself raises an error where the host would wait for the device."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Synchronization debug mode is a prototype feature")
            torch.cuda.set_sync_debug_mode("error")
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_step_is_that_of_the_cpu(taught: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "bfloat16", lambda _: False)
    losses, gradients = [], []
    for device in ("cpu", "cuda"):
        trainer = taught.trainer(tmp_path / device, QUIET, device, last_step=1)
        with pytest.raises(Interrupted):
            trainer.train()
        losses.append(trainer.cursor.loss)
        gradients.append([p.grad.cpu() for p in trainer.learner.model.parameters() if p.grad is not None])
        assert isinstance(trainer.steps, DeviceSteps) is (device == "cuda")
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    for one, two in zip(*gradients, strict=True):
        assert (one - two).norm() <= 1e-3 * one.norm()


def test_the_same_audio_is_heard(taught: Lesson, tmp_path: Path) -> None:
    heard = []
    for device in ("cpu", "cuda"):
        trainer = taught.trainer(tmp_path / device, QUIET, device)
        trainer.train()
        heard.append([note["heard"] for note in trainer.cursor.trail])
    assert heard[0] == heard[1]


def test_twice_the_same_bits(taught: Lesson, tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        trainer = taught.trainer(tmp_path / name, device="cuda", workers=1 + (name == "two"))
        trainer.train()
        found.append(left_behind(trainer))
    assert found[0] == found[1]


def test_stopped_and_resumed(taught: Lesson, tmp_path: Path) -> None:
    whole = taught.trainer(tmp_path / "whole", device="cuda")
    whole.train()
    with pytest.raises(Interrupted):
        taught.trainer(tmp_path / "parts", device="cuda", should_stop=miniature.on_step(3)).train()
    parts = taught.trainer(tmp_path / "parts", device="cuda")
    _, notes = read_tensors(parts.checkpoint)
    assert read_cursor(parts.checkpoint, notes).total_steps == 2
    parts.train()
    assert left_behind(parts) == left_behind(whole)


def test_nothing_waits(taught: Lesson, tmp_path: Path) -> None:
    """From the second step on: in the first, libraries set themselves up."""
    trainer = taught.trainer(tmp_path, device="cuda")
    steps = trainer.steps
    trainer.learner.model.train()
    with ThreadPoolExecutor(2) as pool:
        steps.begin(pool, plan_training(taught.examples, trainer.recipe, 0), Turn(0, 0, 1, 1e-3))
        steps.take(Turn(0, 0, 1, 1e-3), asked_to_stop=False)
        torch.cuda.synchronize()
        with no_waiting():
            for number in (1, 2, 3):
                steps.take(Turn(0, number, number + 1, 1e-3), asked_to_stop=False)
            with pytest.raises(RuntimeError, match="synchronizing"):
                steps.read()
        steps.end()


def test_out_of_memory_names_the_batch(taught: Lesson, tmp_path: Path) -> None:
    """The device has a mebibyte left when the model is there."""
    trainer = taught.trainer(tmp_path, device="cuda")
    torch.cuda.empty_cache()
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**20) / total)
    try:
        with pytest.raises(
            TrainingError, match=r"step 0, utterances u.*: out of memory \(.* more were asked for\)"
        ):
            trainer.train()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ctc_is_that_of_the_cpu(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(8, 200, 29, generator=generator, dtype=dtype)
    targets = torch.randint(1, 29, (8, 40), generator=generator)
    lengths = torch.randint(150, 201, (8,), generator=generator)
    counts = torch.randint(1, 41, (8,), generator=generator)
    targets *= torch.arange(40) < counts[:, None]
    arguments = (lengths, targets, counts)

    def computed(loss: Any, device: str) -> tuple[Tensor, Tensor]:
        values = logits.to(device).requires_grad_()
        losses = loss(values.log_softmax(-1), *(argument.to(device) for argument in arguments))
        return losses.detach().cpu(), torch.autograd.grad(losses.sum(), values)[0].cpu()

    for one, two in zip(computed(ctc_loss, "cuda"), computed(ctc_by_frames, "cpu"), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-5)
    assert torch.equal(computed(ctc_loss, "cuda")[1], computed(ctc_loss, "cuda")[1])
