"""Several processes that a launcher has started, on machines that share no folder: one result, errors with a name."""

import os
import shutil
import signal
from pathlib import Path

import pytest
import soundfile
from launched import Machines, statuses
from sessions import Run, facts, recipe

from asr.runs.record import Record

SOON = 150.0  # seconds, on a busy machine
LONG = {"train__checkpoint_seconds": 1e-6, "train__epochs": 400, "train__digest_every": 1000}


@pytest.fixture(scope="module")
def alone(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Record:
    """One process, one worker."""
    return Run(tmp_path_factory.mktemp("alone"), corpus, recipe()).finish()


@pytest.fixture
def copy(corpus: Path, tmp_path: Path) -> Path:
    """The corpus of another machine: the same one at another place, its training part listed the other way round."""
    found = tmp_path / "elsewhere" / "an4"
    shutil.copytree(corpus, found)
    for name in ("an4_train.fileids", "an4_train.transcription"):
        lines = (found / "etc" / name).read_text().splitlines(keepends=True)
        (found / "etc" / name).write_text("".join(reversed(lines)))
    return found


def test_three_processes_on_two_machines(corpus: Path, copy: Path, tmp_path: Path, alone: Record) -> None:
    """Nothing is shared, and the lists are in another order; then one process goes on where three were stopped."""
    machines = Machines(tmp_path, [corpus, copy], recipe())
    assert statuses(machines.launch(2, 1)) == [0, 0, 0], machines.said(0)
    record = machines.lead.record
    assert facts(record) == facts(alone)
    assert (record.sessions[0].processes, record.sessions[0].machines) == (3, [2, 1])
    assert [machines.said(rank) for rank in (1, 2)] == ["", ""]  # they follow quietly
    assert not machines.runs[1].out.exists()
    assert statuses(machines.launch(1, 1)) == [0, 0]  # complete: only shown
    assert "complete since" in machines.said(0)
    assert machines.lead.record.sessions == record.sessions


def test_a_follower_is_told_to_stop_and_others_go_on_with_it(
    corpus: Path, copy: Path, tmp_path: Path, alone: Record
) -> None:
    """A machine is taken away: all stop after the step. Later with more processes than micro-batches."""
    machines = Machines(tmp_path, [corpus, copy], recipe(train__checkpoint_seconds=1e-6))
    started = machines.launch(1, 1)
    machines.lead.wait_for(started[0], machines.lead.checkpoint.exists)
    assert started[1].pid
    os.kill(started[1].pid, signal.SIGTERM)
    assert statuses(started, SOON) == [130, 143]
    assert machines.errors(0) == [f"asr: interrupted; the same command goes on from {machines.lead.out}"]
    assert machines.said(1) == ""
    stopped = machines.lead.record
    assert stopped.status == "interrupted"
    assert 1 < len(stopped.trail) < len(alone.trail)
    assert statuses(machines.launch(3, 2)) == [0] * 5, machines.said(0)
    assert (
        "5 processes share steps of 4 micro-batches, so 1 of them have nothing to compute" in machines.said(0)
    )
    assert facts(machines.lead.record) == facts(alone)


@pytest.mark.parametrize("killed", [0, 1])
def test_killed(corpus: Path, copy: Path, tmp_path: Path, killed: int) -> None:
    """The others end too, at once; one process on each machine says why."""
    machines = Machines(tmp_path, [corpus, copy], recipe(**LONG))
    started = machines.launch(2, 1)
    machines.lead.wait_for(started[0], machines.lead.checkpoint.exists)
    started[killed].kill()
    assert statuses(started, SOON) == [-9 if rank == killed else 1 for rank in range(3)]
    ended = "another process of this training has ended; the same command goes on from the last checkpoint"
    assert machines.errors(2) == [f"asr: rank 2 of 3: {ended}"]
    assert machines.errors(0) == ([f"asr: rank 0 of 3: {ended}"] if killed else [])
    assert machines.errors(1) == []


def test_mistakes_on_another_machine(corpus: Path, copy: Path, tmp_path: Path) -> None:
    """No corpus there, another recipe, a typing error: all end, and those who look at either machine see why."""
    machines = Machines(tmp_path, [corpus, copy], recipe())
    gone = tmp_path / "gone"
    expected = {
        ("--corpus", str(gone)): f"{gone}: no such file or folder",
        ("--set", "train.clip=2"): "has another recipe than rank 0 (train.clip: 1.0 at rank 0, 2.0 there)",
        ("--set", "train.clib=2"): "unknown key train.clib",
        ("--device", "tpu"): "--device tpu: expected auto, cpu, cuda or cuda:N",
    }
    for words, message in expected.items():
        assert statuses(machines.launch(1, 1, more={1: words}), SOON) == [1, 1], words
        (error,) = machines.errors(0)
        assert machines.errors(1) == [error]
        assert error.startswith("asr: rank 1 of 2 (machine 1, ")
        assert message in error


def test_another_corpus_on_another_machine(corpus: Path, copy: Path, tmp_path: Path) -> None:
    """One sample, in the last bit."""
    path = next(copy.rglob("an6-cleo-b.wav"))
    samples, rate = soundfile.read(path, dtype="int16")
    samples[100] ^= 1
    soundfile.write(path, samples, rate, subtype="PCM_16")
    machines = Machines(tmp_path, [corpus, copy], recipe())
    assert statuses(machines.launch(1, 1)) == [1, 1]
    (error,) = machines.errors(0)
    assert "rank 1 of 2 (machine 1, " in error
    assert (
        "not that of rank 0: 1 of 18 training utterances are other or missing: an6-cleo-b; give all" in error
    )


def test_the_run_is_on_another_machine(corpus: Path, copy: Path, tmp_path: Path) -> None:
    """Begun by a lead there: a restart that makes another machine the first must not begin again here."""
    machines = Machines(tmp_path, [corpus, copy], recipe())
    machines.runs[1].out.mkdir()
    (machines.runs[1].out / "record.json").touch()
    assert statuses(machines.launch(1, 1), SOON) == [1, 1]
    assert (
        "no run here, on the machine of rank 0, but one on the machine of rank 1; start"
        in machines.errors(0)[0]
    )
    assert not (machines.lead.out / "record.json").exists()


def test_a_mistake_of_the_lead(corpus: Path, copy: Path, tmp_path: Path) -> None:
    """Only the lead looks at the run folder; the others hear that it has ended."""
    machines = Machines(tmp_path, [corpus, copy], recipe())
    machines.lead.out.mkdir()
    (machines.lead.out / "letter.txt").touch()
    assert statuses(machines.launch(1, 1), SOON) == [1, 1]
    assert "not empty (letter.txt) and no run" in machines.errors(0)[0]
    assert "another process of this training has ended" in machines.errors(1)[0]
