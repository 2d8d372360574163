"""Nothing within a step on a device waits for it: shown on a device without values, of which one cannot ask any."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import miniature
import pytest
import torch
from device_training import Lesson, lesson
from families import VGG
from torch import Tensor
from waiting import Watch, watching

from asr.model import acoustic, loss, self_attention
from asr.model.padding import valid
from asr.training import device_steps, micro_batch
from asr.training.device_steps import READ_EVERY
from asr.training.device_sum import DeviceSum
from asr.training.micro_batch import Losses
from asr.training.plan import plan_training
from asr.training.steps import Steps, Turn
from asr.training.transfer import Transfer

FRONT_END = {"sample_rate": miniature.RATE, "mels": 20, "hop": 0.02}  # few frames: `meta` is slow
CASES: dict[str, dict[str, Any]] = {
    "plain": {"model__layers": 2},
    "loss of the middle layer": {"model__intermediate_loss": 0.3},
    "attention decoder": {"model__attention_decoder": {"layers": 1, "hidden": 8, "heads": 2}},
    "in windows": {"train__window_seconds": 0.3, "train__overlap_seconds": 0.1},
    "sums of floats": {"numerics__determinism": "off"},
    "cepstra, one direction": {
        "front_end": FRONT_END | {"kind": "mfcc", "coefficients": 13},
        "model__bidirectional": False,
    },
    "another family": {
        "model": miniature.TREE["model"]
        | {"cell": "gru", "layers": 3, "pyramid": 1, "residual": True, "convolutions": VGG}
        | {"self_attention": {"place": "between", "reach": 2}, "intermediate_loss": 0.3}
    },
    "nothing normalised or masked": {
        "front_end": FRONT_END | {"normalise": "none"},
        "spec_augment": {"frequency_masks": 0, "time_masks": 0},
    },
}


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    return lesson(tmp_path_factory.mktemp("audio"), ["GO", "NO", "GO GO", "NO", "GO", "NO NO"])


@contextmanager
def steps_on_meta(taught: Lesson, folder: Path, **changes: Any) -> Iterator[Steps]:
    """At the beginning of an epoch."""
    recipe = miniature.recipe(train__utterances=1, **{"model__layers": 1, "front_end": FRONT_END, **changes})
    trainer = taught.on_device(folder, recipe, device="meta")
    trainer.learner.model.train()
    steps = trainer.steps
    with ThreadPoolExecutor(1) as pool:
        steps.begin(pool, plan_training(taught.examples, recipe, 0), Turn(0, 0, 1, 1e-3))
        yield steps
        steps.end()


def take(steps: Steps, count: int = 1) -> None:
    for number in range(count):
        assert not steps.take(Turn(0, number, number + 1, 1e-3), asked_to_stop=False)


@pytest.mark.parametrize("case", CASES)
def test_steps_do_not_wait(
    taught: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """Features, masks, network, CTC, gradients, their sum, clipping, AdamW, average. A step has two micro-batches.

    What is sent: waveforms, targets, both lengths and both masks of each micro-batch.
    """
    monkeypatch.setattr(self_attention, "LEAST_BLOCK", 2)  # so that there are several in short utterances
    with steps_on_meta(taught, tmp_path, **CASES[case]) as steps, watching(monkeypatch) as watch:
        count = 2 if case == "plain" else 1
        take(steps, count)
        assert (watch.waits, watch.mixed, watch.sent) == ([], [], count * 2 * 6)
        assert watch.operations > 500 * count
        with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor"):
            steps.read()  # it must look, and so this test can fail


def test_ten_steps_are_taken_between_two_readings(
    taught: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert READ_EVERY == 10
    monkeypatch.setattr(device_steps, "READ_EVERY", 2)
    with steps_on_meta(taught, tmp_path) as steps, watching(monkeypatch):
        take(steps)
        assert steps.take(Turn(0, 1, 2, 1e-3), asked_to_stop=False)


# What stood in the way, or could: each of these makes the test above fail.


def look_at_losses(*arguments: Any) -> Losses:
    found = REALLY["losses_of"](*arguments)
    assert found.each.isfinite().all()
    return found


def lengths_from_the_device(model: Any, batch: Any, masks: Any, _: Any, *others: Any) -> Losses:
    found: Losses = REALLY["losses_of"](model, batch, masks, None, *others)
    return found


def mask_of_the_cpu(features: Tensor, frames: Tensor, masks: Any) -> Tensor:
    hidden = torch.zeros(features.shape, dtype=torch.bool).to(features.device)
    return REALLY["hide"](torch.where(hidden, 0.0, features), frames, masks)


def chosen_frames(features: Tensor, frames: Tensor, masks: Any) -> Tensor:
    features[valid(frames, features.shape[1])] += 1  # needs their number
    return REALLY["hide"](features, frames, masks)


def check_the_sum(total: DeviceSum, gradients: Any, share: int) -> Tensor:
    good = REALLY["add"](total, gradients, share)
    assert bool(good)
    return good


def wait_for_copies(transfer: Transfer, tensor: Tensor) -> Tensor:
    return tensor.to(transfer.device)


REALLY: dict[str, Any] = {
    "losses_of": micro_batch.losses_of,
    "hide": acoustic.hide,
    "add": DeviceSum.add,
}
MISTAKES = {
    "look at losses": (device_steps, "losses_of", look_at_losses),
    "lengths from the device": (device_steps, "losses_of", lengths_from_the_device),
    "a mask made on the CPU": (acoustic, "hide", mask_of_the_cpu),
    "a selection by values": (acoustic, "hide", chosen_frames),
    "look at the sum": (DeviceSum, "add", check_the_sum),
    "copies that wait": (Transfer, "_copy", wait_for_copies),
    "torch's CTC": (loss, "ctc_loss", lambda p, n, t, u: torch.nn.functional.ctc_loss(p, t, n, u)),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_found(
    taught: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    place, name, change = MISTAKES[mistake]
    monkeypatch.setattr(place, name, change)
    with steps_on_meta(taught, tmp_path) as steps, watching(monkeypatch) as watch:
        try:
            take(steps)
        except (RuntimeError, NotImplementedError):
            return
    assert watch.waits or watch.mixed


def test_the_watch_knows_what_it_looks_for() -> None:
    device = torch.device("meta")
    with Watch() as watch:
        torch.ones(3).to(device, non_blocking=True)
        assert (watch.sent, watch.waits, watch.mixed) == (1, [], [])
        torch.ones(3).to(device)
        torch.empty(3, device=device).copy_(torch.ones(3))
        torch.empty(3, device=device).copy_(torch.ones(3), non_blocking=True)
        assert (watch.sent, len(watch.waits)) == (2, 2)
        torch.ones(3, device=device).gather(
            0, torch.zeros(3, dtype=torch.long)
        )  # `meta` itself lets this pass
        assert watch.mixed == ["aten.gather.default"]
        for ask in (Tensor.item, Tensor.tolist, Tensor.cpu, bool, Tensor.nonzero):
            with pytest.raises((RuntimeError, NotImplementedError)):
                ask(torch.ones(1, device=device))


def test_wishes_to_stop_are_heard_at_once(
    taught: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with steps_on_meta(taught, tmp_path) as steps, watching(monkeypatch):
        assert steps.take(Turn(0, 0, 1, 1e-3), asked_to_stop=True)


def test_cpu_lengths_travel_with_the_batch(taught: Lesson) -> None:
    """The numbers that packing is given are those that the device computes for itself."""
    recipe = miniature.recipe(train__utterances=3)
    model = taught.trainer(Path("/nowhere"), recipe).learner.model
    batch = micro_batch.load(taught.examples, (0, 2, 5), recipe, 1)
    samples = batch.waveform_lengths.tolist()
    heard = model(batch.waveforms, batch.waveform_lengths)
    assert heard.lengths.tolist() == [model.output_length(count) for count in samples]
    changed = replace(batch, waveforms=batch.waveforms.clone())
    assert torch.equal(model(changed.waveforms, changed.waveform_lengths, None, None, samples)[0], heard[0])
