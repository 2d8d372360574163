"""Checkpoints: everything comes back bit by bit, and nothing that is not ours is taken."""

import json
import threading
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from thread_ranks import Meeting, ThreadRanks

from asr.errors import TrainingError
from asr.model.acoustic import new_model
from asr.model.bundle import weights_digest
from asr.recipe import FrontEnd, Model, Train
from asr.training.checkpoint import (
    Learner,
    copy_checkpoint,
    keep_checkpoint,
    kept_checkpoint,
    kept_epochs,
    kept_steps,
    load_checkpoint,
    read_tensors,
    save_checkpoint,
    share_learner,
    write_tensors,
)
from asr.training.cursor import Cursor
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
    assert load_checkpoint(path, other, "settings-a") == Cursor(**CURSOR)
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


@pytest.mark.parametrize(
    ("epochs", "count", "expected"),
    [
        (70, 3, {18, 35, 52}),  # 17.5, 35 and 52.5, halves to the even one
        (8, 3, {2, 4, 6}),
        (4, 2, {1, 3}),
        (3, 2, {1, 2}),
        (2, 3, {1}),  # 0.5, 1, 1.5: neither the beginning nor the end
        (1, 3, set()),
        (50, 0, set()),
    ],
)
def test_epochs_whose_checkpoints_are_kept(epochs: int, count: int, expected: set[int]) -> None:
    assert kept_epochs(epochs, count) == expected


@given(st.integers(1, 200), st.integers(0, 60))
def test_kept_epochs_are_spread(epochs: int, count: int) -> None:
    kept = sorted(kept_epochs(epochs, count))
    assert len(kept) <= count
    assert all(0 < epoch < epochs for epoch in kept)
    if epochs > 2 * (count + 1):
        gaps = [after - before for before, after in zip([0, *kept], [*kept, epochs], strict=True)]
        assert len(kept) == count
        assert max(gaps) - min(gaps) <= 2


def test_kept_checkpoint_stays_as_it_was(saved: tuple[Path, Learner]) -> None:
    """The next checkpoint takes the name of the last, not its contents."""
    path, ours = saved
    kept = kept_checkpoint(path.parent, 5)
    keep_checkpoint(path, 5)
    assert kept.relative_to(path.parent).as_posix() == "checkpoints/step-0000005.safetensors"
    assert kept.samefile(path)  # no more room than one
    contents = path.read_bytes()
    train(ours, 1, seed=2)
    save_checkpoint(path, ours, CURSOR, "settings-a")
    assert path.read_bytes() != contents
    assert kept.read_bytes() == contents
    assert [item.name for item in kept.parent.iterdir()] == [kept.name]


def test_what_is_kept_is_not_kept_again(saved: tuple[Path, Learner]) -> None:
    path, _ = saved
    keep_checkpoint(path, 5)
    path.write_bytes(b"another one")
    kept = kept_checkpoint(path.parent, 5)
    kept.unlink()
    kept.write_bytes(b"kept")
    keep_checkpoint(path, 5)
    assert kept.read_bytes() == b"kept"


def test_kept_where_files_cannot_have_two_names(
    saved: tuple[Path, Learner], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = saved

    def refuse(self: Path, target: Path) -> None:
        raise PermissionError("not here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    keep_checkpoint(path, 5)
    kept = kept_checkpoint(path.parent, 5)
    assert not kept.samefile(path)
    assert kept.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("dies", ["hardlink_to", "replace"])
def test_dead_while_a_checkpoint_is_kept(
    saved: tuple[Path, Learner], monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    """Before the link and before the rename: there is none, and asked again it is kept."""
    path, _ = saved

    class Dead(BaseException):
        pass

    def die(self: Path, target: Path) -> None:
        raise Dead

    with monkeypatch.context() as patch:
        patch.setattr(Path, dies, die)
        with pytest.raises(Dead):
            keep_checkpoint(path, 5)
    assert kept_steps(path.parent) == {}
    assert read_tensors(path)[0]
    keep_checkpoint(path, 5)
    assert kept_steps(path.parent) == {5: kept_checkpoint(path.parent, 5)}


def test_kept_steps_are_found_by_their_names(tmp_path: Path) -> None:
    assert kept_steps(tmp_path) == {}
    (tmp_path / "checkpoints").mkdir()
    names = ("step-0000020", "step-0000003", "step-12345678", "step-", "step-x", "other-0000004")
    for name in names:
        (tmp_path / "checkpoints" / f"{name}.safetensors").touch()
    (tmp_path / "checkpoints" / ".step-0000009.safetensors.ab12.part").touch()
    found = kept_steps(tmp_path)
    assert set(found) == {3, 20, 12345678}
    assert all(path == kept_checkpoint(tmp_path, step) for step, path in found.items())


def test_a_copy_is_of_its_own(saved: tuple[Path, Learner], tmp_path: Path) -> None:
    """An audit begins at a kept checkpoint and must leave it alone."""
    path, ours = saved
    copy = tmp_path / "other" / "c.safetensors"
    copy_checkpoint(path, copy)
    assert not copy.samefile(path)
    contents = path.read_bytes()
    assert copy.read_bytes() == contents
    other = learner(2)
    assert load_checkpoint(copy, other, "settings-a") == Cursor(**CURSOR)
    assert digests(other) == digests(ours)
    copy.write_bytes(b"")
    assert path.read_bytes() == contents


def test_shared_with_ranks_that_have_no_file(saved: tuple[Path, Learner]) -> None:
    """Weights, averages and moments bit for bit, and the cursor; from there all go on alike."""
    path, ours = saved
    meeting, learners, cursors = Meeting(3), [learner(seed) for seed in (2, 3, 4)], [Cursor()] * 3

    def share(rank: int) -> None:
        ranks = ThreadRanks(rank, 3, meeting=meeting)
        cursor = Cursor()
        if ranks.leads:
            cursor = load_checkpoint(path, learners[0], "settings-a")
            cursor.total_steps = 5
        cursors[rank] = share_learner(learners[rank], cursor, ranks)

    threads = [threading.Thread(target=share, args=(rank,)) for rank in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {cursor.epoch for cursor in cursors} == {3}
    assert cursors[1] == cursors[2] == cursors[0]
    for other in (ours, *learners):
        train(other, 3, seed=2)
    assert {digests(other) for other in learners} == {digests(ours)}


def test_nothing_is_shared_before_the_first_step() -> None:
    ours = learner(2)
    before = digests(ours)
    assert share_learner(ours, Cursor(), ThreadRanks(0, 1, meeting=Meeting(1))) == Cursor()
    assert digests(ours) == before
