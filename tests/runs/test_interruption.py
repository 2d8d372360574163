"""Runs that are killed, for real and at every write, and go on to the very same weights."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import miniature
import pytest

from asr import files
from asr.recipe import Recipe
from asr.recipe_file import to_toml
from asr.runs.options import RunOptions
from asr.runs.record import Record, read_record
from asr.runs.run import run
from asr.training.checkpoint import read_tensors

LONG = {"train__epochs": 10, "train__utterances": 1, "score__bootstrap": 10}  # 90 steps, some seconds
PATIENCE = 120.0  # seconds to wait for anything on a busy machine


@pytest.fixture(scope="module")
def uninterrupted(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Record:
    """The same settings in one go, on one worker."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    options = RunOptions(corpus=corpus, out=folder / "out", cache=folder / "cache", check_lock=False)
    return run(miniature.recipe(**LONG), options)[1]


class Command:
    """`asr run` in a process of its own."""

    def __init__(self, folder: Path, corpus: Path, recipe: Recipe) -> None:
        (folder / "recipe.toml").write_text(to_toml(recipe), encoding="utf-8")
        self.out, self.errors = folder / "out", folder / "stderr"
        self.line = [sys.executable, "-m", "asr.cli.main", "run", str(folder / "recipe.toml")]
        self.line += ["--corpus", str(corpus), "--out", str(self.out), "--cache", str(folder / "cache")]
        self.line += ["--any-corpus", "--workers", "2"]

    @contextmanager
    def started(self) -> Iterator["subprocess.Popen[bytes]"]:
        with (
            self.errors.open("wb") as stream,
            subprocess.Popen(self.line, stdout=subprocess.DEVNULL, stderr=stream) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    def wait_for(self, process: "subprocess.Popen[bytes]", moment: Callable[[], bool]) -> None:
        """Until the moment has come, or the process has ended."""
        give_up = time.monotonic() + PATIENCE
        while process.poll() is None and not moment():
            assert time.monotonic() < give_up, self.errors.read_text()
            time.sleep(0.002)

    def checkpoints(self, count: int) -> Callable[[], bool]:
        """The moment at which so many new checkpoints have been seen."""
        seen: set[int] = set()

        def moment() -> bool:
            try:
                seen.add((self.out / "checkpoint.safetensors").stat().st_mtime_ns)
            except FileNotFoundError:
                return False
            return len(seen) > count

        return moment

    def check_whole(self) -> None:
        """Nothing that is there is a half."""
        for path in (
            path for path in self.out.rglob("*") if path.is_file() and not path.name.startswith(".")
        ):
            if path.suffix == ".safetensors":
                assert read_tensors(path)[0]
            elif path.suffix == ".json":
                assert json.loads(path.read_text(encoding="utf-8"))
            elif path.suffix == ".jsonl":
                assert all(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
        if (self.out / "record.json").exists():
            read_record(self.out)


def test_killed_again_and_again(corpus: Path, tmp_path: Path, uninterrupted: Record) -> None:
    """SIGKILL early, in training (three times) and while decoding; then the same command to the end."""
    command = Command(tmp_path, corpus, miniature.recipe(**LONG, train__checkpoint_seconds=1e-6))
    moments = [
        (command.out / "record.json").exists,
        command.checkpoints(4),
        command.checkpoints(25),
        (command.out / "model" / "model.json").exists,
    ]
    killed = 0
    for moment in moments:
        with command.started() as process:
            command.wait_for(process, moment)
            time.sleep(random.SystemRandom().uniform(0, 0.05))  # a random moment: that is the point
            process.kill()
            killed += process.wait() == -signal.SIGKILL
        command.check_whole()
    assert killed >= 3
    with command.started() as process:
        assert process.wait(PATIENCE) == 0, command.errors.read_text()
    record = read_record(command.out)
    assert record.status == "complete"
    assert record.model == uninterrupted.model
    assert record.results == uninterrupted.results
    assert len(record.sessions) >= killed
    assert [session.finished for session in record.sessions].count("") >= killed - 1
    assert not [path for path in command.out.rglob("*") if path.name.endswith(".part")]
    assert not list(command.out.glob("*.safetensors"))


def test_control_c(corpus: Path, tmp_path: Path, uninterrupted: Record) -> None:
    """Ctrl-C writes a checkpoint, says how to go on, and ends with 130; what is done is not done again."""
    recipe = miniature.recipe(**LONG, train__checkpoint_seconds=600.0)
    command = Command(tmp_path, corpus, recipe)
    checkpoint = command.out / "checkpoint.safetensors"
    with command.started() as process:
        command.wait_for(process, checkpoint.exists)  # at the end of the first epoch
        before = checkpoint.stat().st_mtime_ns
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
    said = [line for line in command.errors.read_text().splitlines() if line.startswith("asr: ")]
    assert said == [
        "asr: stopping after this step; press Ctrl-C again to stop at once",
        f"asr: interrupted; the same command goes on from {command.out}",
    ]
    assert "Traceback" not in command.errors.read_text()
    assert checkpoint.stat().st_mtime_ns >= before
    halfway = read_record(command.out)
    assert halfway.status == "interrupted"
    assert 1 <= len(halfway.epochs) < 10
    options = RunOptions(corpus=corpus, out=command.out, cache=tmp_path / "cache", check_lock=False)
    _, record = run(recipe, options)
    assert record.model == uninterrupted.model
    assert record.results == uninterrupted.results
    assert record.epochs[: len(halfway.epochs)] == halfway.epochs  # their times, too: not computed again


class Dead(BaseException):
    """Stands for a process that ended: nothing catches it."""


def test_dead_after_any_write(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For every file that a run writes: the process ends right after, and the same call ends in the same."""
    recipe = miniature.recipe(train__epochs=2, train__utterances=9, train__checkpoint_seconds=1e-6)
    options = RunOptions(corpus=corpus, cache=tmp_path / "cache", check_lock=False)
    writes, deadly = [0], [0]

    def fsync_file(_descriptor: int) -> None:
        if 0 < deadly[0] <= writes[0]:
            raise Dead  # the dead do not write

    def fsync_folder(_folder: Path) -> None:
        writes[0] += 1
        if writes[0] == deadly[0]:
            raise Dead

    def go(name: str, dead_after: int) -> Record:
        writes[0], deadly[0] = 0, dead_after
        return run(recipe, replace(options, out=tmp_path / name))[1]

    monkeypatch.setattr(files, "_fsync_folder", fsync_folder)
    monkeypatch.setattr(os, "fsync", fsync_file)  # a test of order, not of disks
    go("first", 0)  # which also decodes the corpus
    whole = go("whole", 0)
    total = writes[0]
    assert total > 15
    for number in range(1, total + 1):
        with pytest.raises(Dead):
            go(str(number), number)
        record = go(str(number), 0)
        assert record.status == "complete", number
        assert record.model == whole.model, number
        assert record.results == whole.results, number
        assert record.files.keys() == whole.files.keys(), number
        assert not list((tmp_path / str(number)).glob("*.safetensors")), number


@pytest.mark.parametrize("left", [".record.json.abc123.part", None])
def test_dead_before_the_first_record(corpus: Path, tmp_path: Path, left: str | None) -> None:
    """A lock, or half a record, is no stranger."""
    out = tmp_path / "out"
    out.mkdir()
    (out / ".lock").touch()
    if left:
        (out / left).write_text('{"format": 1, "sta')
    recipe = miniature.recipe(train__epochs=1)
    options = RunOptions(corpus=corpus, out=out, cache=tmp_path / "cache", check_lock=False)
    assert run(recipe, options)[1].status == "complete"
    assert not left or not (out / left).exists()
