"""Several processes for one run: whoever ends, in whatever way, none hangs and none is left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from sessions import Moment, Run, ended, facts, recipe, wait_until

from asr.errors import TrainingError
from asr.runs import processes
from asr.runs.environment import code_digest
from asr.runs.folder import RunFolder
from asr.runs.processes import several
from asr.training.joining import count_ready, open_store
from asr.training.reports import Interrupted

# A checkpoint after every step, and so many of them that nobody is done before anything happens to them.
LONG = {"train__checkpoint_seconds": 1e-6, "train__epochs": 400, "train__digest_every": 1000}
CPU = torch.device("cpu")
SOON = (
    150.0  # seconds in which processes must notice, on a busy machine; where they do not, they wait for hours
)


@pytest.fixture
def run(corpus: Path, tmp_path: Path) -> Run:
    return Run(tmp_path, corpus, recipe(**LONG))


def first_follower(run: Run, session: BaseProcess) -> int:
    """Its process, as soon as it is there: it will be importing for seconds yet."""
    run.wait_for(session, lambda: bool(run.followers()))
    return run.followers()[0]


def check_over(run: Run, session: BaseProcess, status: int) -> None:
    assert ended(session, SOON) == status, run.said
    run.check_alone()


def test_killed_interrupted_and_finished(corpus: Path, tmp_path: Path) -> None:
    """One of three dies: one error, status 1. Then Ctrl-C: status 130. Then the same end as in one go."""
    short = {"train__checkpoint_seconds": 1e-6, "train__epochs": 12, "train__digest_every": 1}
    run = Run(tmp_path / "run", corpus, recipe(**short))
    session = run.forked(processes=3)
    run.wait_for(session, run.checkpoint.exists)
    os.kill(run.followers()[0], signal.SIGKILL)
    check_over(run, session, 1)
    (error,) = (line for line in run.errors if line.startswith("asr: rank 0 of 3: "))
    assert error == (
        "asr: rank 0 of 3: another process of this training has ended; the same command goes on from the last "
        "checkpoint"
    )
    assert run.record.status == "interrupted"

    before = run.checkpoint.stat().st_mtime_ns
    session = run.forked(processes=2)
    run.wait_for(session, lambda: run.checkpoint.stat().st_mtime_ns != before)
    assert session.pid
    os.killpg(session.pid, signal.SIGINT)  # as a terminal does it
    check_over(run, session, 130)
    assert run.errors == [
        "asr: stopping after this step; press Ctrl-C again to stop at once",
        f"asr: interrupted; the same command goes on from {run.out}",
    ]
    stopped = run.record
    assert stopped.status == "interrupted"
    assert [session.processes for session in stopped.sessions] == [3, 2]

    whole = Run(tmp_path / "whole", corpus, recipe(**short)).finish()
    assert 1 < len(stopped.trail) < len(whole.trail)
    assert stopped.trail == whole.trail[: len(stopped.trail)]
    assert facts(run.finish(workers=2)) == facts(whole)


def test_follower_killed_before_it_has_joined(run: Run) -> None:
    session = run.forked(processes=2)
    os.kill(first_follower(run, session), signal.SIGKILL)
    check_over(run, session, 1)
    assert run.errors == ["asr: rank 1 of 2 ended before the training began (exit status -9)"]


def test_control_c_before_the_followers_have_joined(run: Run) -> None:
    session = run.forked(processes=2)
    first_follower(run, session)
    assert session.pid
    os.killpg(session.pid, signal.SIGINT)
    check_over(run, session, 130)
    assert run.errors[-1] == f"asr: interrupted; the same command goes on from {run.out}"
    assert not run.checkpoint.exists()


def test_lead_killed_before_the_followers_have_joined(run: Run) -> None:
    """They would look for it for minutes."""
    session = run.forked(processes=2)
    first_follower(run, session)
    session.kill()
    check_over(run, session, -signal.SIGKILL)


def test_a_follower_ends_with_its_lead_while_it_waits_for_others(run: Run) -> None:
    """It has found the place to meet, and would wait there for a day: the pipe from the lead tells it."""
    assert (
        ended(run.forked(dies=Moment("open", "checkpoint"))) == -signal.SIGKILL
    )  # leaves recipe and manifests
    store = open_store(2)
    words = [str(run.out), "digest", "1", "2", str(store.port), "1", "0", "cpu", code_digest()]
    with subprocess.Popen(
        [sys.executable, "-m", "asr.runs.processes", *words], stdin=subprocess.PIPE
    ) as process:
        try:
            wait_until(lambda: count_ready(store) == 1 or process.poll() is not None)
            assert process.poll() is None
            assert process.stdin
            process.stdin.close()
            assert process.wait(SOON) == 1
        finally:
            process.kill()


def test_control_c_at_the_end_of_an_epoch(run: Run) -> None:
    """While the lead scores, the followers wait for its result: they must hear of the stop, too."""
    session = run.forked(processes=2, dies=Moment("os.rename", "best", signal=signal.SIGINT))
    check_over(run, session, 130)
    assert run.errors == [
        "asr: stopping after this step; press Ctrl-C again to stop at once",
        f"asr: interrupted; the same command goes on from {run.out}",
    ]
    assert len(run.record.epochs) == 1


def test_control_c_twice_stops_at_once(run: Run) -> None:
    session = run.forked(processes=2)
    run.wait_for(session, run.checkpoint.exists)
    assert session.pid
    for _ in range(2):
        os.kill(session.pid, signal.SIGINT)
        time.sleep(0.001)
    check_over(run, session, 130)


def test_alone_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *arguments, **settings: pytest.fail("started"))
    folder = RunFolder(tmp_path)
    with several(
        1, folder, "digest", workers=1, device="cpu", on=CPU, last_step=0, should_stop=lambda: False
    ) as ranks:
        assert (ranks.rank, ranks.size, ranks.leads) == (0, 1, True)
    assert not torch.distributed.is_initialized()


class Pretender:
    """Stands for a follower: any process instead of one that computes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
        self.started: list[subprocess.Popen[bytes]] = []
        self.told: list[list[str]] = []
        really = subprocess.Popen

        def popen(command: list[str], **settings: object) -> "subprocess.Popen[bytes]":
            self.told.append(command[command.index("asr.runs.processes") + 1 :])
            self.started.append(really([sys.executable, "-S", "-c", code], **settings))  # type: ignore[call-overload]
            return self.started[-1]

        monkeypatch.setattr(subprocess, "Popen", popen)

    def gather(self, folder: Path, size: int, *, stop_after: int = 0) -> None:
        asked = [0]

        def should_stop() -> bool:
            asked[0] += 1
            return 0 < stop_after <= asked[0]

        with several(
            size,
            RunFolder(folder),
            "digest",
            workers=3,
            device="cpu",
            on=CPU,
            last_step=7,
            should_stop=should_stop,
        ):
            pytest.fail("nobody has joined")


def test_a_follower_that_fails_is_named_with_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretender = Pretender(monkeypatch, "import sys; sys.exit(sys.stdin.read() and 0 or 1)")
    watching = threading.Timer(1.0, lambda: pretender.started[1].kill())
    watching.start()
    with pytest.raises(
        TrainingError, match=r"rank 2 of 3 ended before the training began \(exit status -9\)"
    ):
        pretender.gather(tmp_path, 3)
    assert [process.poll() is not None for process in pretender.started] == [True, True]


def test_followers_are_told_all_that_they_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And end when the pipe from the lead closes."""
    pretender = Pretender(monkeypatch, "import sys; sys.stdin.read()")
    with pytest.raises(Interrupted):
        pretender.gather(tmp_path, 3, stop_after=4)
    ports = {words[4] for words in pretender.told}
    assert len(ports) == 1
    (port,) = ports
    code = code_digest()
    assert pretender.told == [
        [str(tmp_path), "digest", rank, "3", port, "3", "7", "cpu", code] for rank in ("1", "2")
    ]
    assert [process.returncode for process in pretender.started] == [0, 0]


def test_a_follower_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PATIENCE", 0.2)
    pretender = Pretender(monkeypatch, "import time; time.sleep(1000)")
    with pytest.raises(Interrupted):
        pretender.gather(tmp_path, 2, stop_after=1)
    assert pretender.started[0].returncode == -signal.SIGKILL


def test_processes_that_cannot_meet_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(rank: int, size: int, store: object) -> None:
        raise RuntimeError("no such interface: lo")

    monkeypatch.setattr(processes, "join", refuse)
    monkeypatch.setattr(processes, "count_ready", lambda store: 1)
    pretender = Pretender(monkeypatch, "import sys; sys.stdin.read()")
    with pytest.raises(TrainingError, match="the 2 processes cannot reach each other: no such interface: lo"):
        pretender.gather(tmp_path, 2)
    assert pretender.started[0].returncode == 0


def test_errors_of_a_follower(tmp_path: Path) -> None:
    """No run in its folder, other code than the lead's: status 1 and one line."""
    gone = tmp_path / "gone"
    said = {
        code_digest(): f"asr: {gone / 'recipe.toml'}: ",
        "other": "asr: rank 1 of 2 found other code than the process that leads",
    }
    started = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "asr.runs.processes", str(gone)),
                *("digest", "1", "2", "1", "1", "0", "cpu", code),
            ],
            stdin=subprocess.PIPE,  # held open: where it closes, the lead has ended
            stderr=subprocess.PIPE,
            text=True,
        )
        for code in said
    ]
    for process, expected in zip(started, said.values(), strict=True):
        with process:
            assert process.wait(200) == 1
            assert process.stderr
            (error,) = process.stderr.read().splitlines()
        assert error.startswith(expected)
