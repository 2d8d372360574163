"""An audit begins at a checkpoint only if its state is the one of the record: anything else would prove nothing."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import miniature
import pytest
import torch
from reproducing import KEPT, STEPS, Again
from safetensors.torch import save_file

from asr.claims.trails import FirstDifference
from asr.errors import RunError, TrainingError
from asr.runs.options import RunOptions
from asr.runs.run import run
from asr.training.checkpoint import read_tensors
from asr.training.reports import Interrupted


@pytest.fixture
def kept(base: Path) -> Path:
    """The checkpoint that the run has kept."""
    return base / "checkpoints" / f"step-{KEPT:07d}.safetensors"


@pytest.fixture
def stopped(home: Path, tmp_path: Path) -> Callable[..., Path]:
    """The checkpoint of a run that was stopped after some step, perhaps with other keys of the recipe."""

    def stopped(step: int, **changes: Any) -> Path:
        options = RunOptions(
            corpus=home / "an4", out=tmp_path / f"stopped-{step}", cache=home / "cache", check_lock=False
        )
        keys = {"train__digest_every": 2, "train__keep_checkpoints": 1, **changes}
        with pytest.raises(Interrupted):
            run(miniature.recipe(**keys), replace(options, last_step=step))
        return tmp_path / f"stopped-{step}" / "checkpoint.safetensors"

    return stopped


def rewritten(
    checkpoint: Path, change: Callable[[dict[str, torch.Tensor], dict[str, str]], None], to: Path
) -> Path:
    tensors, notes = read_tensors(checkpoint)
    change(tensors, notes)
    save_file(tensors, to, notes)
    return to


@pytest.mark.parametrize(
    "kind", ["weights", "average", "optimiser.exp_avg", "optimiser.exp_avg_sq", "optimiser.step"]
)
def test_an_altered_checkpoint_is_refused(again: Again, kept: Path, kind: str, tmp_path: Path) -> None:
    """One number of one tensor."""

    def change(tensors: dict[str, torch.Tensor], _notes: dict[str, str]) -> None:
        name = sorted(name for name in tensors if name.startswith(f"{kind}."))[-1]
        tensors[name].view(-1)[-1] += 1e-3 if kind != "optimiser.step" else 1

    other = rewritten(kept, change, tmp_path / "altered.safetensors")
    with pytest.raises(
        RunError, match=r"altered\.safetensors: its weights .* it is of another run, or altered"
    ):
        again(steps=(KEPT, STEPS), checkpoint=other)
    assert not (tmp_path / "again").exists()


def test_a_missing_tensor_is_refused(again: Again, kept: Path, tmp_path: Path) -> None:
    def change(tensors: dict[str, torch.Tensor], _notes: dict[str, str]) -> None:
        del tensors[sorted(tensors)[0]]

    with pytest.raises(RunError, match="of another run, or altered"):
        again(steps=(KEPT, STEPS), checkpoint=rewritten(kept, change, tmp_path / "less.safetensors"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epoch", 0),  # the plan of the first epoch, and not of the third
        ("step", 1),
        ("total_steps", 8),
        ("total_steps", 7),
        ("epochs", []),
        ("trail", []),
    ],
)
def test_a_checkpoint_that_says_it_is_elsewhere_is_refused(
    again: Again, kept: Path, key: str, value: object, tmp_path: Path
) -> None:
    """The tensors of step 6, and a cursor of another place or with another history."""

    def change(_tensors: dict[str, torch.Tensor], notes: dict[str, str]) -> None:
        cursor = json.loads(notes["cursor"])
        assert cursor[key] != value
        notes["cursor"] = json.dumps({**cursor, key: value})

    other = rewritten(kept, change, tmp_path / "elsewhere.safetensors")
    with pytest.raises(RunError, match=r"elsewhere\.safetensors: .* it is of another run, or altered"):
        again(steps=(KEPT, STEPS), checkpoint=other)
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(("key", "value"), [("best_epoch", 1), ("best_errors", [0, 0]), ("loss", 1.5)])
def test_a_checkpoint_with_other_sums_proves_nothing(
    again: Again, kept: Path, key: str, value: object, tmp_path: Path
) -> None:
    """They are digested after the next steps: whatever comes of it, it is not the same."""

    def change(_tensors: dict[str, torch.Tensor], notes: dict[str, str]) -> None:
        cursor = json.loads(notes["cursor"])
        assert cursor[key] != value
        notes["cursor"] = json.dumps({**cursor, key: value})

    other = rewritten(kept, change, tmp_path / "sums.safetensors")
    try:
        found = again(steps=(KEPT, STEPS), checkpoint=other).verdict
    except RunError as error:
        assert "it is of another run, or altered" in str(error)
    else:
        assert (found.name, found.parting) == ("inconclusive", FirstDifference(8, KEPT, "cursor", 0))


def test_a_trail_in_a_checkpoint_is_the_records(again: Again, kept: Path, tmp_path: Path) -> None:
    """One digit of what was before, or entries of steps that are still to come."""

    def change(_tensors: dict[str, torch.Tensor], notes: dict[str, str]) -> None:
        cursor = json.loads(notes["cursor"])
        cursor["trail"][1]["loss"] = "0000" + cursor["trail"][1]["loss"][4:]
        notes["cursor"] = json.dumps(cursor)

    def foretell(_tensors: dict[str, torch.Tensor], notes: dict[str, str]) -> None:
        cursor = json.loads(notes["cursor"])
        cursor["trail"].append({**cursor["trail"][-1], "step": 8})
        notes["cursor"] = json.dumps(cursor)

    for alter in (change, foretell):
        other = rewritten(kept, alter, tmp_path / "other.safetensors")
        with pytest.raises(RunError, match=r"other\.safetensors: .* it is of another run, or altered"):
            again(steps=(KEPT, STEPS), checkpoint=other)


def test_a_checkpoint_of_another_run_is_refused(
    again: Again, stopped: Callable[..., Path], base: Path
) -> None:
    with pytest.raises(RunError, match=r"it is of another run, or altered"):
        again(steps=(KEPT, STEPS), checkpoint=stopped(4, seed=2))
    with pytest.raises(RunError, match=r"it is of another run, or altered"):
        again(steps=(KEPT, STEPS), checkpoint=base / "model" / "weights.safetensors")


def test_a_checkpoint_of_the_same_training_is_taken(again: Again, stopped: Callable[..., Path]) -> None:
    """Who else has run it has the same bits; also in the middle of an epoch, where the record has a digest."""
    found = again(steps=(5, 9), checkpoint=stopped(4))
    assert (found.verdict.name, found.verdict.steps) == ("bit-identical", 5)


def test_a_checkpoint_after_the_first_step_is_refused(again: Again, kept: Path) -> None:
    with pytest.raises(RunError, match=r"is of step 6, after step 4; begin there, or name an earlier one"):
        again(steps=(4, STEPS), checkpoint=kept)


def test_no_checkpoint_at_hand(again: Again, base: Path) -> None:
    with pytest.raises(RunError, match=r"no checkpoint at or before step 5 is at hand; .* --steps 0:9"):
        again(steps=(5, STEPS))


def test_no_such_file(again: Again, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"gone\.safetensors: not a readable safetensors file"):
        again(steps=(KEPT, STEPS), checkpoint=tmp_path / "gone.safetensors")


def test_a_checkpoint_on_another_corpus_is_refused(again: Again, tmp_path: Path) -> None:
    """Its epoch is planned over other utterances."""
    with pytest.raises(TrainingError, match="this checkpoint belongs to another recipe or corpus"):
        again(steps=(KEPT, STEPS), corpus=miniature.write_corpus(tmp_path / "other", train=20))


def test_changes_from_a_checkpoint_on(again: Again) -> None:
    with pytest.raises(RunError, match="--steps from a checkpoint cannot change the recipe; begin at step 0"):
        again(steps=(KEPT, STEPS), changes=["train.clip=2.0"])


@pytest.mark.parametrize("steps", [(0, 10), (6, 10), (9, 10), (5, 3), (4, 4), (0, 999_999)])
def test_steps_that_there_are_not(again: Again, steps: tuple[int, int], tmp_path: Path) -> None:
    first, last = steps
    with pytest.raises(
        RunError, match=rf"--steps {first}:{last}: expected FIRST:LAST with .* LAST <= 9, the steps of"
    ):
        again(steps=steps)
    assert not (tmp_path / "again").exists()
