"""Torchrun itself: whoever is killed, the training goes on to the same end, and nobody is left behind.

And two hosts made of network namespaces, with an address each and no folder in common.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from launched import free_port
from sessions import Run, facts, recipe, wait_until

from asr import numerics
from asr.runs.record import Record

SOON = 200.0  # seconds, on a busy machine
EVERY_STEP = {"train__checkpoint_seconds": 1e-6}


@pytest.fixture(scope="module")
def alone(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Record:
    """One process, one worker."""
    return Run(tmp_path_factory.mktemp("alone"), corpus, recipe()).finish()


@dataclass
class Torchrun:
    """Torchrun over the processes of a run."""

    run: Run
    process: "subprocess.Popen[bytes]"

    def workers(self) -> dict[int, int]:
        """Process ids by rank."""
        found = {}
        for folder in Path("/proc").iterdir():
            with suppress(OSError):  # it has just ended
                words = (folder / "cmdline").read_bytes().split(b"\0") if folder.name.isdecimal() else []
                if str(self.run.out).encode() in words and b"asr.cli.main" in words:
                    variables = (folder / "environ").read_bytes().split(b"\0")
                    ranks = [int(each[5:]) for each in variables if each.startswith(b"RANK=")]
                    found |= {
                        rank: int(folder.name) for rank in ranks if int(folder.name) != self.process.pid
                    }
        return found

    def wait(self) -> int:
        return self.process.wait(SOON)

    def wait_for_checkpoint(self) -> None:
        wait_until(lambda: self.run.checkpoint.exists() or self.process.poll() is not None, SOON)
        assert self.process.poll() is None, self.run.said


@contextmanager
def torchrun(run: Run, *options: str, within: Sequence[str] = (), processes: int = 2) -> Iterator[Torchrun]:
    """Started, and ended at the end, with all that it has started."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("needs /proc to see processes")
    words = run.arguments()
    del words[words.index("--processes") : words.index("--processes") + 2]
    command = [*within, sys.executable, "-m", "torch.distributed.run", *options]
    command += ["--nproc-per-node", str(processes), "-m", "asr.cli.main", *words]
    inherited = {name: value for name, value in os.environ.items() if name not in numerics.DECIDING}
    with run.output.open("wb") as stream:
        process = subprocess.Popen(
            command,
            env=inherited,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    started = Torchrun(run, process)
    try:
        yield started
    finally:
        process.kill()
        process.wait()
        for worker in started.workers().values():
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


def test_a_killed_process_is_restarted(corpus: Path, tmp_path: Path, alone: Record) -> None:
    run = Run(tmp_path, corpus, recipe(**EVERY_STEP))
    with torchrun(run, "--standalone", "--max-restarts", "1") as started:
        started.wait_for_checkpoint()
        os.kill(started.workers()[1], signal.SIGKILL)
        assert started.wait() == 0, run.said
        assert not started.workers()
    record = run.record
    assert [(session.processes, session.machines) for session in record.sessions] == [(2, [2]), (2, [2])]
    assert facts(record) == facts(alone)
    assert "rank 0 of 2: another process of this training has ended" in run.said


@pytest.mark.slow
def test_a_killed_lead_is_restarted_and_nothing_is_lost_without_restarts(
    corpus: Path, tmp_path: Path, alone: Record
) -> None:
    """Three times: killed with a restart left, killed with none, then another number of processes."""
    run = Run(tmp_path, corpus, recipe(**EVERY_STEP))
    place = ("--master-port", str(free_port()))  # the rendezvous that torchrun has if nothing else is said
    with torchrun(run, *place, "--max-restarts", "1") as started:
        started.wait_for_checkpoint()
        os.kill(started.workers()[0], signal.SIGKILL)
        wait_until(lambda: run.record.sessions[1:] != [] or started.process.poll() is not None, SOON)
        wait_until(lambda: run.record.status == "running", SOON)
        time.sleep(1)
        first = started.workers()
        if first:  # it may have come to its end already
            with suppress(ProcessLookupError):
                os.kill(first[0], signal.SIGKILL)
        started.wait()
        assert not started.workers()
    for processes in (1, 3):
        with torchrun(run, *place, processes=processes) as started:
            assert started.wait() == 0, run.said
    assert facts(run.record) == facts(alone)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signals_to_torchrun(corpus: Path, tmp_path: Path, alone: Record, number: signal.Signals) -> None:
    """A checkpoint, a clean end, no orphans; also where torchrun itself is killed."""
    run = Run(tmp_path, corpus, recipe(**EVERY_STEP, train__epochs=400, train__digest_every=1000))
    with torchrun(run, "--standalone") as started:
        started.wait_for_checkpoint()
        os.kill(started.process.pid, number)
        assert started.wait() != 0
        wait_until(lambda: not started.workers(), SOON)
    assert f"asr: interrupted; the same command goes on from {run.out}" in run.said
    assert run.record.status == "interrupted"
    assert run.checkpoint.exists()


@pytest.fixture
def hosts() -> Iterator[tuple[list[str], list[str]]]:
    """Two network namespaces with a cable between them; how to run a command in each."""
    if shutil.which("ip") is None:
        pytest.skip("needs ip, of iproute2")
    names = [f"asr-{os.getpid()}-{side}" for side in "ab"]
    cable = [f"v{os.getpid() % 100_000}{side}" for side in "ab"]

    def ip(*words: str) -> None:
        done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=20)
        if done.returncode:
            pytest.skip(
                f"network namespaces are not allowed here: ip {' '.join(words)}: {done.stderr.strip()}"
            )

    try:
        for name in names:
            ip("netns", "add", name)
        ip("link", "add", cable[0], "type", "veth", "peer", "name", cable[1])
        for number, (name, end) in enumerate(zip(names, cable, strict=True), start=1):
            ip("link", "set", end, "netns", name)
            ip("-n", name, "addr", "add", f"10.231.7.{number}/24", "dev", end)
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", end, "up")
        first, second = (["ip", "netns", "exec", name] for name in names)
        yield first, second
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, timeout=20, check=False)


@pytest.mark.slow
def test_two_hosts(corpus: Path, tmp_path: Path, alone: Record, hosts: tuple[list[str], list[str]]) -> None:
    """Two processes on one, one on the other; then the other one loses its process, and both are restarted."""
    runs = [Run(tmp_path / name, corpus, recipe(**EVERY_STEP)) for name in ("first", "second")]
    for run in runs:
        run.cache = run.out.parent / "cache"
    place = ("--nnodes", "2", "--master-addr", "10.231.7.1", "--master-port", "29400", "--max-restarts", "1")
    with (
        torchrun(runs[0], *place, "--node-rank", "0", within=hosts[0], processes=2) as first,
        torchrun(runs[1], *place, "--node-rank", "1", within=hosts[1], processes=1) as second,
    ):
        first.wait_for_checkpoint()
        (worker,) = second.workers().values()
        os.kill(worker, signal.SIGKILL)
        assert (first.wait(), second.wait()) == (0, 0), runs[0].said + runs[1].said
    record = runs[0].record
    assert [session.machines for session in record.sessions] == [[2, 1], [2, 1]]
    assert not runs[1].out.exists()
    assert facts(record) == facts(alone)
