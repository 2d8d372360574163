"""Checkpoints: everything comes back bit by bit, and nothing that is not ours is taken."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from asr.errors import TrainingError
from asr.model.acoustic import new_model
from asr.model.bundle import weights_digest
from asr.recipe import FrontEnd, Model, Train
from asr.training.checkpoint import Learner, load_checkpoint, read_tensors, save_checkpoint, write_tensors
from asr.training.optimiser import WeightAverage, new_optimiser

CURSOR = {"epoch": 3, "loss": 0.1 + 0.2, "best_errors": [3, 1], "squares": {"output": 1e-300}}


def learner(seed: int, hidden: int = 3) -> Learner:
    model = new_model(FrontEnd(mels=8), Model(projection=4, layers=1, hidden=hidden), 5, seed)
    return Learner(model, new_optimiser(model, Train(), torch.device("cpu")), WeightAverage(model, 0.9))


def train(learned: Learner, steps: int, seed: int) -> None:
    """Steps with made-up gradients."""
    generator = torch.Generator().manual_seed(seed)
    for step in range(1, steps + 1):
        for parameter in learned.model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        learned.optimiser.step()
        learned.average.update(learned.model, step)


def digests(learned: Learner) -> tuple[str, str]:
    return weights_digest(learned.model.state_dict()), weights_digest(learned.average.model.state_dict())


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Learner]:
    ours = learner(1)
    train(ours, 5, seed=1)
    save_checkpoint(tmp_path / "c.safetensors", ours, CURSOR, "settings-a")
    return tmp_path / "c.safetensors", ours


def test_training_goes_on_as_if_nothing_had_been(saved: tuple[Path, Learner]) -> None:
    path, ours = saved
    other = learner(2)
    train(other, 2, seed=3)
    assert load_checkpoint(path, other, "settings-a") == CURSOR
    assert digests(other) == digests(ours)
    train(ours, 5, seed=2)
    train(other, 5, seed=2)
    assert digests(other) == digests(ours)


@pytest.mark.parametrize("kind", ["step", "exp_avg", "exp_avg_sq"])
def test_each_part_of_the_optimiser_matters(saved: tuple[Path, Learner], kind: str) -> None:
    """Leave one of them out and the weights come out otherwise: what the test above would notice."""
    path, ours = saved
    other = learner(2)
    load_checkpoint(path, other, "settings-a")
    for state in other.optimiser.state.values():
        state[kind].zero_()
    train(ours, 1, seed=2)
    train(other, 1, seed=2)
    assert digests(other) != digests(ours)


def test_other_settings_are_refused_before_anything_changes(saved: tuple[Path, Learner]) -> None:
    path, _ = saved
    other = learner(2)
    before = digests(other)
    with pytest.raises(
        TrainingError, match="belongs to another recipe or corpus; .*--out.*--fresh"
    ) as caught:
        load_checkpoint(path, other, "settings-b")
    assert str(path) in str(caught.value)
    assert digests(other) == before


def test_other_format(saved: tuple[Path, Learner]) -> None:
    path, _ = saved
    save_file(load_file(path), path, {"format": "3", "settings": "settings-a", "cursor": "{}"})
    with pytest.raises(TrainingError, match="checkpoint format 3, this version reads 2"):
        load_checkpoint(path, learner(1), "settings-a")


@pytest.mark.parametrize(
    "name", ["weights.output.bias", "average.output.bias", "optimiser.exp_avg.output.bias"]
)
def test_missing_tensor(saved: tuple[Path, Learner], name: str) -> None:
    path, _ = saved
    tensors, notes = read_tensors(path)
    del tensors[name]
    save_file(tensors, path, notes)
    with pytest.raises(TrainingError, match=f"{path}.*{name}"):
        load_checkpoint(path, learner(1), "settings-a")


def test_model_of_another_size(saved: tuple[Path, Learner]) -> None:
    with pytest.raises(TrainingError, match=str(saved[0])):
        load_checkpoint(saved[0], learner(1, hidden=4), "settings-a")


@pytest.mark.parametrize("keep", [0, 5, 200, -10])
def test_broken_file(saved: tuple[Path, Learner], keep: int) -> None:
    path, _ = saved
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(TrainingError, match="not a readable safetensors file"):
        load_checkpoint(path, learner(1), "settings-a")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="gone.safetensors: not a readable"):
        read_tensors(tmp_path / "gone.safetensors")


def test_tensors_of_any_layout_come_back(tmp_path: Path) -> None:
    tensors = {
        "whole": torch.arange(3),
        "part": torch.arange(12.0).reshape(3, 4).T[1:],
        "one": torch.tensor(2.5),
    }
    write_tensors(tmp_path / "t.safetensors", tensors, {"note": "größer"})
    found, notes = read_tensors(tmp_path / "t.safetensors")
    assert notes == {"note": "größer"}
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_cursor_is_exact(saved: tuple[Path, Learner]) -> None:
    _, notes = read_tensors(saved[0])
    assert json.loads(notes["cursor"]) == CURSOR
