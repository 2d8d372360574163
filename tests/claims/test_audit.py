"""Some steps of a record that are run again, from nothing or from a checkpoint that is known to be the record's."""

import json
import shutil
from pathlib import Path

import pytest
from reproducing import KEPT, STEPS, Again, Told

from asr.claims.trails import FirstDifference
from asr.errors import AsrError, RunError
from asr.runs.record import read_record
from asr.training.checkpoint import kept_steps
from asr.training.reports import Interrupted


@pytest.fixture
def kept(base: Path) -> Path:
    """The checkpoint that the run has kept."""
    return base / "checkpoints" / f"step-{KEPT:07d}.safetensors"


@pytest.mark.parametrize(
    ("asked", "begun"),
    [
        ((0, 1), 0),
        ((0, 4), 0),
        ((0, KEPT), 0),
        ((KEPT, 7), KEPT),
        ((KEPT, STEPS), KEPT),
        ((7, 8), KEPT),
        ((8, 9), KEPT),
    ],
)
def test_from_nothing_or_from_the_last_checkpoint_before(
    again: Again, asked: tuple[int, int], begun: int
) -> None:
    told = Told()
    found = again(steps=asked, watcher=told)
    assert (found.verdict.name, found.verdict.exit_status, found.verdict.parting) == (
        "bit-identical",
        0,
        None,
    )
    # No more than was asked for.
    assert told.steps == found.computed == found.verdict.steps == asked[1] - begun
    assert found.verdict.reason == (
        f"steps {begun + 1} to {asked[1]} of 9 have the same digests; the others were not run again"
    )
    assert (found.record.status, found.record.results, found.record.model) == ("interrupted", {}, None)


@pytest.mark.parametrize(("workers", "processes"), [(2, 1), (1, 2)])
def test_on_any_layout(again: Again, workers: int, processes: int) -> None:
    found = again(steps=(KEPT, STEPS), workers=workers, processes=processes)
    assert (found.verdict.name, found.verdict.steps) == ("bit-identical", 3)


def test_all_steps_are_the_whole_run(again: Again) -> None:
    found = again(steps=(0, STEPS))
    assert found.verdict.reason.startswith("all 9 steps, the weights and every transcript")
    assert found.record.status == "complete"


def test_the_record_and_its_checkpoint_by_themselves(
    again: Again, base: Path, kept: Path, tmp_path: Path
) -> None:
    alone = Path(shutil.copy(base / "record.json", tmp_path / "published.json"))
    elsewhere = Path(shutil.copy(kept, tmp_path / "kept.safetensors"))
    assert again(alone, steps=(7, 9), checkpoint=elsewhere).verdict.steps == 3
    assert elsewhere.read_bytes() == kept.read_bytes()  # it was copied, not gone on with
    with pytest.raises(RunError, match=r"no checkpoint at or before step 7 is at hand; .* --steps 0:9"):
        again(alone, steps=(7, 9))


def test_interrupted_it_goes_on(again: Again, base: Path, tmp_path: Path) -> None:
    for steps, done in (((KEPT, STEPS), 1), ((0, 8), 3)):
        first, out = Told(), tmp_path / f"to-{steps[1]}"
        with pytest.raises(Interrupted):
            again(steps=steps, out=out, watcher=first, should_stop=lambda: first.steps >= done)  # noqa: B023
        assert not (out / "verdict.json").exists()
        told = Told()
        found = again(steps=steps, out=out, watcher=told)
        assert (found.verdict.name, found.verdict.steps) == ("bit-identical", steps[1] - steps[0])
        assert 0 < told.steps == found.computed == steps[1] - steps[0] - first.steps


def test_asked_again_it_is_not_computed_again(again: Again) -> None:
    for steps in ((0, 4), (KEPT, 8)):
        first = again(steps=steps, fresh=True)
        told = Told()
        second = again(steps=steps, watcher=told)
        assert second.verdict == first.verdict
        assert told.steps == second.computed == 0


def test_a_change_is_found_in_the_first_steps(again: Again) -> None:
    found = again(steps=(0, 2), changes=["seed=2"])
    assert (found.verdict.name, found.verdict.exit_status) == ("inconclusive", 4)
    assert found.verdict.parting == FirstDifference(0, -1, "start", 0)
    assert found.verdict.reason.startswith(
        "of steps 1 to 2 of 9, the first difference is at the start: the weights"
    )
    assert found.causes[0].what == "recipe key seed"


def test_a_difference_after_the_checkpoint_is_found(again: Again, base: Path, tmp_path: Path) -> None:
    """A record that says something else of step 8 than what comes of it."""
    tree = json.loads((base / "record.json").read_text())
    (entry,) = (entry for entry in tree["trail"] if entry["step"] == 8)
    entry["loss"] = entry["loss"][:-1] + ("0" if entry["loss"][-1] != "0" else "1")
    other = tmp_path / "other"
    shutil.copytree(base, other)
    (other / "record.json").write_text(json.dumps(tree))
    found = again(other, steps=(7, 9))
    assert (found.verdict.name, found.verdict.parting) == ("inconclusive", FirstDifference(8, 7, "loss", 0))
    assert found.causes[:1] == [
        cause for cause in found.causes if cause.what == "workers"
    ]  # the record says 2
    assert again(other, steps=(KEPT, 7), out=tmp_path / "before").verdict.name == "bit-identical"


# ---- what was not computed here is not claimed


def test_an_audit_is_not_gone_on_with_as_a_whole_run(again: Again, trained: tuple[Path, Path]) -> None:
    """It began at the record's own checkpoint: the steps before were never run here."""
    corpus, folder = trained
    record, early = read_record(folder), min(kept_steps(folder))
    total = record.trail[-1].step
    assert record.model is not None
    assert (
        sum(epoch.steps for epoch in record.epochs[: record.model.best_epoch]) > early
    )  # so the best is known
    assert again(folder, steps=(early, total), corpus=corpus).verdict.steps == total - early
    told = Told()
    try:
        found = again(folder, corpus=corpus, watcher=told)
    except AsrError as error:
        assert "--fresh" in str(error) or "--out" in str(error)
    else:
        assert told.steps == total or not found.verdict.reason.startswith("all ")


def test_an_earlier_audit_is_not_gone_on_with_from_a_later_one(
    again: Again, trained: tuple[Path, Path]
) -> None:
    corpus, folder = trained
    total = read_record(folder).trail[-1].step
    early, *_, late = sorted(kept_steps(folder))
    assert again(folder, steps=(late, late + 1), corpus=corpus).verdict.steps == 1
    told = Told()
    try:
        found = again(folder, steps=(early, total), corpus=corpus, watcher=told)
    except AsrError as error:
        assert "--fresh" in str(error) or "--out" in str(error)
    else:
        assert told.steps == found.verdict.steps
