"""`asr reproduce` that is killed or stopped: the same command goes on, and ends in the same verdict."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import miniature
import pytest

from asr import numerics
from asr.runs.options import RunOptions
from asr.runs.record import read_record
from asr.runs.run import run

PATIENCE = 200.0  # seconds to wait for anything on a busy machine
STEPS = 90


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus and a run of ninety steps, a checkpoint after each epoch of nine."""
    folder = tmp_path_factory.mktemp("long")
    corpus = miniature.write_corpus(folder)
    settings = miniature.recipe(train__epochs=10, train__utterances=1, score__bootstrap=10)
    record = run(
        settings, RunOptions(corpus=corpus, out=folder / "run", cache=folder / "cache", check_lock=False)
    )[1]
    assert record.trail[-1].step == STEPS
    return folder


class Command:
    """`asr reproduce` in a process of its own, without this one's settings of numerics."""

    def __init__(self, home: Path, folder: Path, *more: str) -> None:
        self.out, self.output = folder / "again", folder / "output"
        line = [
            "reproduce",
            home / "run",
            "--corpus",
            home / "an4",
            "--cache",
            home / "cache",
            "--out",
            self.out,
        ]
        self.line = [sys.executable, "-m", "asr.cli.main", *map(str, line), "--any-corpus", *more]

    @contextmanager
    def started(self) -> Iterator["subprocess.Popen[bytes]"]:
        inherited = {name: value for name, value in os.environ.items() if name not in numerics.DECIDING}
        with (
            self.output.open("wb") as stream,
            subprocess.Popen(
                self.line, stdout=stream, stderr=stream, env=inherited, start_new_session=True
            ) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    @property
    def said(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, process: "subprocess.Popen[bytes]", moment: Callable[[], bool]) -> None:
        give_up = time.monotonic() + PATIENCE
        while not moment():
            assert process.poll() is None, self.said
            assert time.monotonic() < give_up, self.said
            time.sleep(0.002)

    def finish(self) -> int:
        with self.started() as process:
            return process.wait(PATIENCE)


@pytest.mark.parametrize(
    "more",
    [
        pytest.param((), id="threads"),
        pytest.param(("--workers", "1", "--processes", "2"), id="processes", marks=pytest.mark.slow),
    ],
)
def test_killed_and_stopped_it_goes_on(home: Path, tmp_path: Path, more: tuple[str, ...]) -> None:
    """SIGKILL after the first checkpoint; Ctrl-C after a later one; then to the end."""
    command = Command(home, tmp_path, *more)
    checkpoint = command.out / "checkpoint.safetensors"
    with command.started() as process:
        command.wait_for(process, checkpoint.exists)
        process.kill()
        assert process.wait(PATIENCE) == -signal.SIGKILL
    before = checkpoint.stat().st_mtime_ns
    with command.started() as process:
        command.wait_for(process, lambda: checkpoint.stat().st_mtime_ns > before)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130, command.said
    assert "asr: stopping after this step; press Ctrl-C again to stop at once" in command.said
    assert command.said.splitlines()[-1] == f"asr: interrupted; the same command goes on from {command.out}"
    assert "Traceback" not in command.said
    assert "verdict" not in command.said
    half = read_record(command.out)
    assert (half.status, len(half.sessions)) == ("interrupted", 2)
    assert 0 < half.trail[-1].step < STEPS
    assert not (command.out / "verdict.json").exists()
    assert command.finish() == 0, command.said
    assert command.said.splitlines()[-1] == (
        "verdict: bit-identical: all 90 steps, the weights and every transcript are the same"
    )
    record = read_record(command.out)
    assert [session.finished == "" for session in record.sessions] == [True, False, False]
    assert record.model == read_record(home / "run").model


def test_a_stopped_audit_goes_on(home: Path, tmp_path: Path) -> None:
    """From the kept checkpoint after step 45 (or before) to step 88."""
    command = Command(home, tmp_path, "--steps", "50:88", "--workers", "1")
    checkpoint = command.out / "checkpoint.safetensors"
    with command.started() as process:
        command.wait_for(process, checkpoint.exists)  # it is copied before the first step
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 128 + signal.SIGTERM, command.said
    assert "asr: interrupted; the same command goes on from" in command.said
    assert command.finish() == 0, command.said
    first = max(int(path.stem.removeprefix("step-")) for path in kept(home) if int(path.stem[5:]) <= 50)
    assert command.said.splitlines()[-1] == (
        f"verdict: bit-identical: steps {first + 1} to 88 of 90 have the same digests; the others were not run again"
    )


def kept(home: Path) -> list[Path]:
    return list((home / "run" / "checkpoints").iterdir())
