"""A record that is run again: the verdict of a real training, and what it takes to change it."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reproducing import KEPT, RECIPE, STEPS, Again, Told

from asr.claims.given import read_given
from asr.claims.reproduce import VERDICT, reproduce
from asr.claims.verdict import Scope
from asr.errors import AsrError, RecipeError, RunError
from asr.runs.options import RunOptions
from asr.runs.record import read_record
from asr.runs.run import run
from asr.training.reports import Interrupted

# ---- all of it


@pytest.mark.parametrize(("workers", "processes"), [(1, 1), (2, 1), (1, 2)])
def test_bit_identical_on_any_layout(again: Again, workers: int, processes: int, tmp_path: Path) -> None:
    found = again(workers=workers, processes=processes)
    assert (found.verdict.name, found.verdict.exit_status) == ("bit-identical", 0)
    assert found.verdict.reason == "all 9 steps, the weights and every transcript are the same"
    assert (found.verdict.parting, found.other_transcripts, found.changes) == (None, [], ())
    # It was made by two workers in one process. What is different is listed, and no reason for anything.
    layout = {"workers": workers != 2, "processes": processes != 1}
    assert [cause.what for cause in found.causes] == [name for name, differs in layout.items() if differs]
    assert not any(cause.likely for cause in found.causes)
    assert json.loads((tmp_path / "again" / VERDICT).read_text()) == json.loads(json.dumps(found.to_json()))
    assert (found.record.status, found.folder) == ("complete", tmp_path / "again")


def test_from_the_record_alone(again: Again, base: Path, tmp_path: Path) -> None:
    """As somebody else has it: a file, and the corpus."""
    alone = Path(shutil.copy(base / "record.json", tmp_path / "published.json"))
    assert again(alone).verdict.name == "bit-identical"


@pytest.mark.parametrize(
    ("change", "place", "first"),
    [
        ("seed=2", "start", "recipe key seed"),
        ("augment.noise_probability=0.1", "audio", "recipe key augment.noise_probability"),
        ("model.dropout=0.4", "loss", "recipe key model.dropout"),
        ("train.learning_rate=0.02", "update", "recipe key train.learning_rate"),
        ("train.patience=1", "end", "recipe key train.patience"),
    ],
)
def test_a_change_on_purpose_is_found(again: Again, change: str, place: str, first: str) -> None:
    """Whatever the verdict (all that so short a training hears is nothing), the trainings part, and why is named."""
    found = again(changes=[change])
    assert found.changes == (change,)
    assert found.verdict.name in ("same transcripts", "inconclusive", "different")
    assert found.verdict.parting is not None
    assert found.verdict.parting.place == place
    assert (found.causes[0].what, found.causes[0].likely) == (first, True)
    assert len(found.causes) == 1 + ("workers" in [cause.what for cause in found.causes])


def test_determinism_off(again: Again) -> None:
    """Sums of gradients in float32: other bits from the first step on, or from the start."""
    found = again(changes=["numerics.determinism=off"], workers=2)
    assert found.verdict.name != "bit-identical"
    assert found.verdict.parting is not None
    assert found.verdict.parting.step <= 2
    assert (found.causes[0].what, found.causes[0].likely) == ("recipe key numerics.determinism", True)
    assert "gradient_sum" in [cause.what for cause in found.causes]


def test_different(trained: tuple[Path, Path], again: Again) -> None:
    """A run that has learned its corpus, and one epoch of the same training."""
    corpus, folder = trained
    record = read_record(folder)
    assert record.results["test"].wer < 0.2
    found = again(folder, changes=["train.epochs=1"], corpus=corpus)
    assert (found.verdict.name, found.verdict.exit_status) == ("different", 3)
    assert found.verdict.difference is not None
    assert found.verdict.difference.difference > 0.5
    assert len(found.other_transcripts) > 4
    assert found.causes[0].what == "recipe key train.epochs"


# ---- again and again


def test_interrupted_it_goes_on(again: Again, tmp_path: Path) -> None:
    told = Told()
    with pytest.raises(Interrupted):
        again(watcher=told, should_stop=lambda: told.steps >= 4)
    half = read_record(tmp_path / "again")
    assert half.status == "interrupted"
    assert not (tmp_path / "again" / VERDICT).exists()
    told = Told()
    found = again(watcher=told, workers=2)  # on another layout, if it pleases
    assert (found.verdict.name, len(found.record.sessions)) == ("bit-identical", 2)
    assert 0 < told.steps == found.computed < STEPS


def test_a_finished_one_is_not_computed_again(again: Again, tmp_path: Path) -> None:
    first = again()
    written = (tmp_path / "again" / "record.json").read_bytes()
    told = Told()
    second = again(watcher=told)
    assert told.steps == 0
    assert any("nothing is computed again; --fresh does" in message for message in told.messages)
    assert (second.verdict, second.causes) == (first.verdict, first.causes)
    assert (tmp_path / "again" / "record.json").read_bytes() == written
    assert (first.computed, second.computed) == (STEPS, 0)
    told = Told()
    third = again(watcher=told, fresh=True)
    assert (third.verdict.name, third.computed) == ("bit-identical", STEPS)
    assert told.steps == STEPS


@pytest.mark.parametrize("steps", [(0, 0), (0, 4), (KEPT, 8)])
def test_a_finished_one_says_nothing_about_another_layout(again: Again, steps: tuple[int, int]) -> None:
    """Who asks whether two workers give the same bits must not be answered with those of one."""
    assert again(steps=steps, workers=1).verdict.name == "bit-identical"
    for layout in ({"workers": 2}, {"workers": 1, "processes": 2}):
        with pytest.raises(
            RunError, match="was computed by 1 processes of 1 workers, and nothing is left to compute"
        ):
            again(steps=steps, **layout)
    found = again(steps=steps, workers=2, fresh=True)
    assert (found.verdict.name, found.record.sessions[-1].workers) == ("bit-identical", 2)
    assert found.computed > 0


def test_what_a_killed_session_has_computed_was_not_computed_now(again: Again, tmp_path: Path) -> None:
    """It could not write into its record how far it came; the checkpoint tells."""
    told = Told()
    with pytest.raises(Interrupted):
        again(watcher=told, should_stop=lambda: told.steps >= 4)
    path = tmp_path / "again" / "record.json"
    killed = {"status": "running", "trail": [], "epochs": []}
    path.write_text(json.dumps({**json.loads(path.read_text()), **killed}))
    told = Told()
    found = again(watcher=told)
    assert found.verdict.name == "bit-identical"
    assert 0 < told.steps == found.computed < STEPS


def test_the_run_itself_is_no_reproduction(again: Again, base: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in base.rglob("*")}
    for given in (base, base / "record.json"):
        for fresh in (False, True):
            with pytest.raises(
                RunError,
                match="holds the run that is to be reproduced, or a copy of it; choose another --out",
            ):
                again(given, out=base, fresh=fresh)
    assert {path: path.stat().st_mtime_ns for path in base.rglob("*")} == before


def test_folders_are_named_by_what_is_done(
    base: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command finds the same folder; another change or other steps have another one."""
    monkeypatch.chdir(tmp_path)
    given, options = read_given(base), RunOptions(corpus=home / "an4", cache=home / "cache", check_lock=False)
    ways: list[Mapping[str, Any]] = [{}, {"scope": Scope(0, 2)}, {"scope": Scope(0, 3)}]
    ways += [{"changes": ["train.clip=2.0"], "scope": Scope(0, 2)}, {"scope": Scope(KEPT, 7)}]
    names = [reproduce(given, options, **way).folder for way in ways]
    assert len(set(names)) == len(ways)
    assert all(
        name.parent == Path("runs") and name.name.startswith("reproduce-miniature-s1") for name in names
    )
    assert [reproduce(given, options, **way).folder for way in ways] == names


# ---- mistakes


def test_nothing_to_reproduce(again: Again, base: Path, tmp_path: Path) -> None:
    tree = json.loads((base / "record.json").read_text())
    empty = tmp_path / "empty.json"
    for missing in ({"corpus": None}, {"trail": [], "epochs": []}):
        empty.write_text(json.dumps({**tree, **missing}))
        with pytest.raises(RunError, match="tells of no training; there is nothing to reproduce"):
            again(empty)


def test_changes_that_cannot_be(again: Again, tmp_path: Path) -> None:
    for change, message in (
        ("train.epoch=3", "unknown key train.epoch; allowed here: averaging"),
        ("train.epochs=0", "train.epochs"),
        ("train.epochs", "expected KEY=VALUE"),
    ):
        with pytest.raises(RecipeError, match=message):
            again(changes=[change])
    assert not (tmp_path / "again").exists()


def test_a_run_that_was_not_finished(again: Again, home: Path, tmp_path: Path) -> None:
    """What it has done can be audited; a result that it does not have cannot be compared."""
    options = RunOptions(corpus=home / "an4", out=tmp_path / "half", cache=home / "cache", check_lock=False)
    with pytest.raises(Interrupted):
        run(RECIPE, replace(options, last_step=5))
    assert again(tmp_path / "half", steps=(0, 4)).verdict.reason.startswith(
        "steps 1 to 4 of 5 have the same digests"
    )
    with pytest.raises(AsrError, match=r"expected FIRST:LAST with 0 <= FIRST < LAST <= 5"):
        again(tmp_path / "half", steps=(0, 6))
    with pytest.raises(
        RunError, match=r"this run is interrupted and has no result to reproduce; --steps 0:N"
    ):
        again(tmp_path / "half", out=tmp_path / "whole")
    assert not (tmp_path / "whole").exists()
