"""Sessions of `asr run` on a miniature corpus: in fresh processes, or in forked ones that die where they are told to.

A forked session begins with everything imported, in a tenth of the time; it dies by SIGKILL all the same.
"""

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import miniature
import pytest

from asr import numerics
from asr.recipe import Recipe
from asr.recipe_file import to_toml
from asr.runs.record import Record, read_record

PATIENCE = 200.0  # seconds to wait for anything on a busy machine
# Twenty steps in about a second. Of four micro-batches, so that four workers or ranks all have something to do, but the
# last step of an epoch, which has two. So high a learning rate makes the training chaotic: a difference in one bit is
# in all of them a few steps later, and in the development results, so that not always the last epoch is the best.
KEYS: dict[str, Any] = {
    "train__epochs": 4,
    "train__utterances": 1,
    "train__micro_batches": 4,
    "train__learning_rate": 1.0,
    "train__averaging": 0.5,
    "train__digest_every": 1,
    "train__keep_checkpoints": 2,
    "score__bootstrap": 10,
}
STEPS = 20

nursery = multiprocessing.get_context("forkserver")
# torch._dynamo is what torch's optimisers import when the first one is made: 1.5 s.
nursery.set_forkserver_preload(
    ["asr.cli.main", "asr.cli.progress", "asr.cli.summary", "asr.runs.run", "torch._dynamo"]
)


def recipe(**changes: Any) -> Recipe:
    return miniature.recipe(**KEYS | changes)


FILE_EVENTS = ("open", "os.rename", "os.link", "os.remove", "os.chmod", "os.mkdir")


@dataclass(frozen=True)
class Moment:
    """Just before a session does something to a file of its run."""

    event: str  # as Python's audit hooks call it; "" for any of FILE_EVENTS
    name: str  # how the file's name begins; of a temporary file the name without the dot
    count: int = 1  # the how manieth time in the session
    signal: int = signal.SIGKILL  # what it sends itself


class Run:
    """A run folder, and sessions that work on it by the same command."""

    def __init__(self, folder: Path, corpus: Path, settings: Recipe) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.out, self.output = folder / "out", folder / "output"
        self.recipe = folder / "recipe.toml"
        self.recipe.write_text(to_toml(settings), encoding="utf-8")
        # One cache for all: each corpus is decoded once.
        self.corpus, self.cache = corpus, corpus.parent / "cache"

    def arguments(self, workers: int = 1, processes: int = 1) -> list[str]:
        return [
            *("run", str(self.recipe), "--corpus", str(self.corpus), "--out", str(self.out)),
            *("--cache", str(self.cache), "--any-corpus", "--device", "cpu"),
            *("--workers", str(workers), "--processes", str(processes)),
        ]

    @property
    def said(self) -> str:
        """Standard output and error of the last session."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    @property
    def errors(self) -> list[str]:
        """What the last session said as errors, and what it and others should never say."""
        assert "Traceback" not in self.said, self.said
        return [line for line in self.said.splitlines() if line.startswith("asr: ")]

    @property
    def checkpoint(self) -> Path:
        return self.out / "checkpoint.safetensors"

    @property
    def record(self) -> Record:
        return read_record(self.out)

    def fresh(
        self,
        *,
        workers: int = 1,
        processes: int = 1,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> "subprocess.Popen[bytes]":
        """A new interpreter in a process group of its own, without this one's settings of numerics."""
        inherited = {name: value for name, value in os.environ.items() if name not in numerics.DECIDING}
        with self.output.open("wb") as stream:
            return subprocess.Popen(
                [sys.executable, "-m", "asr.cli.main", *self.arguments(workers, processes)],
                env=inherited | dict(environment or {}),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )

    def forked(
        self,
        *,
        workers: int = 1,
        processes: int = 1,
        dies: Moment | None = None,
        largest_file: int = 0,
        killed_by_size: bool = False,
    ) -> BaseProcess:
        """A started session.

        Args:
            dies: when it kills itself, or sends itself another signal.
            largest_file: bytes that a file may have, as on a full disk; 0 for any.
            killed_by_size: the kernel ends the process in the middle of writing one, instead of telling it.
        """
        process = nursery.Process(
            target=_session,
            args=(self.arguments(workers, processes), str(self.out), str(self.output), dies),
            kwargs={"largest_file": largest_file, "killed_by_size": killed_by_size},
        )
        process.start()
        return process

    def finish(self, **layout: int) -> Record:
        """Goes on to the end in a forked session."""
        assert ended(self.forked(**layout)) == 0, self.said
        return self.record

    def wait_for(self, process: BaseProcess, moment: Callable[[], bool]) -> None:
        """Until the moment has come; the session must not end before."""
        wait_until(lambda: moment() or not process.is_alive())
        assert process.is_alive(), self.said

    def check_whole(self) -> None:
        """Nothing that goes by its name is a half, and nothing is there that no run would leave."""
        for path in (path for path in self.out.rglob("*") if path.is_file()):
            if path.suffix == ".safetensors":
                from asr.training.checkpoint import read_tensors

                assert read_tensors(path)[0]
            elif path.suffix == ".json":
                assert json.loads(path.read_text(encoding="utf-8"))
            elif path.suffix == ".jsonl":
                assert all(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
        if (self.out / "record.json").exists():
            assert self.record.recipe_digest

    def followers(self) -> list[int]:
        """Processes of this run besides the lead, of this session or an earlier one."""
        if not Path("/proc/self/cmdline").exists():
            pytest.skip("needs /proc to see processes")
        found = []
        for folder in Path("/proc").iterdir():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0") if folder.name.isdecimal() else []
            except OSError:  # it has just ended
                continue
            if b"asr.runs.processes" in words and str(self.out).encode() in words:
                found.append(int(folder.name))
        return found

    def check_alone(self) -> None:
        """No process of the run is left, a few seconds after its lead."""
        wait_until(lambda: not self.followers(), seconds=60.0)


def facts(record: Record) -> dict[str, Any]:
    """All of a complete record that no layout, interruption or environment may change."""
    assert record.status == "complete"
    assert record.model is not None
    kept = {name: digest for name, digest in record.files.items() if name.startswith(("model/", "hypo"))}
    return {
        "trail": [entry.model_dump() for entry in record.trail],
        "model": record.model.model_dump(),
        "results": record.results,
        "outcomes": record.outcomes,
        "best": [epoch.best for epoch in record.epochs],
        "losses": [epoch.train_loss for epoch in record.epochs],
        "weights": kept["model/weights.safetensors"],
        "hypotheses": [kept["hypotheses/dev.jsonl"], kept["hypotheses/test.jsonl"]],
        "checkpoints": sorted(record.checkpoints),
    }


def wait_until(moment: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """The moment must come."""
    give_up = time.monotonic() + seconds
    while not moment():
        assert time.monotonic() < give_up, f"waited for {seconds:g} s"
        time.sleep(0.005)


def ended(process: BaseProcess, seconds: float = PATIENCE) -> int | None:
    """Exit status, or minus the signal; one that hangs is killed."""
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
        return None
    return process.exitcode


def _session(
    arguments: list[str],
    out: str,
    output: str,
    dies: Moment | None,
    *,
    largest_file: int,
    killed_by_size: bool,
) -> None:
    """Runs in the new process."""
    os.setpgid(0, 0)  # as a shell does it: Ctrl-C reaches this session's processes and no others
    stream = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for standard in (1, 2):
        os.dup2(stream, standard)
    if largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
    if killed_by_size:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if dies:
        sys.addaudithook(_Death(dies, out))
    from asr.cli.main import main

    sys.exit(main(arguments))


class _Death:
    """An audit hook: called before Python does anything to a file, whoever asks for it."""

    def __init__(self, moment: Moment, out: str) -> None:
        self.moment, self.out, self.left = moment, out, moment.count

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in FILE_EVENTS or self.moment.event not in ("", event):
            return
        path = next((os.fspath(found) for found in arguments[:2] if isinstance(found, str | os.PathLike)), "")
        inside = str(path).startswith(self.out)
        if inside and os.path.basename(path).removeprefix(".").startswith(self.moment.name):  # noqa: PTH119
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), self.moment.signal)
