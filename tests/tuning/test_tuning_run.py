"""Studies that really train: their trainings are those of `asr run`, they survive `kill -9`, and test is not read."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from small_study import small_study

from asr.cli.main import main
from asr.recipe_file import load_recipe, to_toml
from asr.runs.options import RunOptions
from asr.runs.run import run
from asr.tuning.options import TuningOptions
from asr.tuning.record import StudyRecord, read_study
from asr.tuning.storage import JOURNAL

Options = Callable[..., TuningOptions]
ROOT = Path(__file__).resolve().parents[2]


def outcome(record: StudyRecord) -> list[object]:
    """Without times."""
    trials = []
    for trial in record.trials:
        tree = trial.model_dump(exclude={"started", "finished", "seconds"})
        for training in tree["trainings"]:
            for epoch in training["epochs"]:
                del epoch["seconds"]
        trials.append(tree)
    return trials


def test_a_study_from_end_to_end(finished: tuple[Path, StudyRecord]) -> None:
    folder, record = finished
    assert record.status == "complete"
    assert len(record.trials) == 6
    assert record.best is not None and record.importances is not None
    assert sorted(path.name for path in folder.iterdir() if path.name != ".lock") == [
        "best.toml", "journal.jsonl", "manifests", "plan.json", "report.html", "study.json", "trials",
    ]  # fmt: skip
    assert list((folder / "trials").iterdir()) == []  # what trials needed to go on
    assert main(["verify", str(folder)]) == 0


def test_the_test_part_was_not_read(finished: tuple[Path, StudyRecord]) -> None:
    folder, record = finished
    assert record.heard == ["train", "dev"]
    assert sorted(path.name for path in (folder / "manifests").iterdir()) == ["dev.jsonl", "train.jsonl"]
    written = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.json*"))
    assert "an4test_clstk" not in written  # where its audio is
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Test part" in page and "not read" in page


def test_the_best_recipe_runs_and_repeats_its_trial(
    finished: tuple[Path, StudyRecord], options: Options, tmp_path: Path
) -> None:
    folder, record = finished
    given = options(tmp_path)
    recipe = load_recipe(folder / "best.toml")
    found = run(
        recipe,
        RunOptions(corpus=given.corpus, out=tmp_path / "run", cache=given.cache, check_lock=False),
    )[1]
    assert record.best is not None
    training = record.trials[record.best.trial - 1].trainings[0]
    ours = [(epoch.wer, epoch.cer, epoch.train_loss) for epoch in training.epochs]
    assert ours == [(epoch.dev.wer, epoch.dev.cer, epoch.train_loss) for epoch in found.epochs]
    assert record.corpus is not None and found.corpus is not None
    assert record.corpus.splits == found.corpus.splits


def test_killed_it_goes_on_and_needs_no_test_audio(
    finished: tuple[Path, StudyRecord], options: Options, tmp_path: Path
) -> None:
    """First by one process beside the one that leads, then by two; what is expected was trained in this one."""
    given = options(tmp_path / "study")
    assert given.corpus is not None
    corpus = shutil.copytree(given.corpus, tmp_path / "an4")
    study = small_study()
    recipe = tmp_path / "small.toml"
    search = study.search.model_dump(mode="json")
    recipe.write_text(to_toml(study.recipe) + _toml(search), encoding="utf-8")
    words = ["tune", recipe, "--corpus", corpus, "--any-corpus", "--cache", tmp_path / "cache"]
    words += ["--out", tmp_path / "study", "--workers"]
    command = [sys.executable, "-P", "-m", "asr.cli.main", *map(str, words), "1"]
    # In the middle of the second trial.
    process = subprocess.Popen(
        command, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    journal = tmp_path / "study" / JOURNAL
    try:
        while not journal.exists() or journal.read_text().count('"intermediate_value"') < 3:
            assert process.poll() is None
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    killed = read_study(tmp_path / "study")
    assert killed.status == "running"
    shutil.rmtree(corpus / "wav" / "an4test_clstk")
    assert main([*map(str, words), "2"]) == 0
    record = read_study(tmp_path / "study")
    assert [session.workers for session in record.sessions] == [1, 2]
    assert record.numerics is not None and record.numerics.threads == 1
    assert outcome(record) == outcome(finished[1])


def _toml(search: dict[str, object]) -> str:
    """The table [search]; JSON's arrays and strings are TOML's."""
    keys = search.pop("keys")
    assert isinstance(keys, dict)
    lines = [f"{key} = {json.dumps(value)}" for key, value in search.items()]
    places = [f'"{key}" = {_inline(where)}' for key, where in keys.items()]
    return "\n".join(["", "[search]", *lines, "[search.keys]", *places, ""])


def _inline(where: object) -> str:
    if isinstance(where, dict):
        return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in where.items()) + " }"
    return json.dumps(where)


def test_the_page_needs_nothing_else(finished: tuple[Path, StudyRecord]) -> None:
    folder, record = finished
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=[\"'](?!#)", page)
    assert "<script" not in page
    assert str(folder) not in page
    for key in record.search.keys:
        assert key in page
    assert page.count("<svg") == 4 + len(record.search.keys)
    assert page.count('class="state ') == len(record.trials)
