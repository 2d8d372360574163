"""L2: killed at any step and at any moment of a write, also on a full disk, and gone on with: the same digests.

`tests/runs/test_interruption.py` kills fresh processes from outside; here they die at chosen moments.
"""

import json
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from sessions import PATIENCE, STEPS, Moment, Run, ended, facts, recipe

from asr.model.bundle import weights_digest
from asr.runs.record import Record, read_record
from asr.training.checkpoint import kept_steps, read_tensors

EVERY_STEP = {"train__checkpoint_seconds": 1e-6}
CHECKPOINT, BEST, METRICS, KEPT = "checkpoint", "best", "metrics", "step-0000005"
# Each in a session of its own, one after the other in the same run. What one leaves undone, the next one does.
# A file is made beside its place, filled, given its rights, opened to be flushed, and renamed; then its folder is
# flushed.
DEATHS = (
    Moment("open", CHECKPOINT, 3),  # of the first checkpoint: there is none before it
    Moment("os.rename", CHECKPOINT),
    Moment(
        "open", "out", 4
    ),  # it has its name; its folder (the fourth time: after others) is still to be flushed
    Moment("open", CHECKPOINT, 2),  # another one takes its place, or does not
    Moment("os.rename", CHECKPOINT),
    Moment("os.rename", BEST),  # the epoch has ended, and its checkpoint is of the step before
    Moment("os.rename", METRICS, 2),  # the first time is when the session begins
    # The checkpoint of the epoch is there, and is to be kept: an empty file, removed, made a link, and renamed.
    Moment("os.remove", KEPT),
    Moment("os.link", CHECKPOINT),
    Moment("os.rename", KEPT),
    Moment("open", "checkpoints"),  # kept; the folder is still to be flushed
    Moment("os.rename", BEST),  # of the second epoch
    Moment("os.rename", "weights"),  # of the bundle
    Moment("os.remove", CHECKPOINT),  # the run is complete, and its checkpoint no longer needed
)
HALF_A_CHECKPOINT = 100_000  # bytes; the best weights and all other files are smaller


def check_kept(run: Run, record: Record) -> None:
    """Every kept checkpoint is that of its step."""
    steps = kept_steps(run.out)
    trail = {entry.step: entry for entry in record.trail}
    assert len(steps) == len(record.checkpoints) == record.recipe.train.keep_checkpoints
    for step, path in steps.items():
        tensors, _ = read_tensors(path)
        for kind in ("weights", "average"):
            found = {
                name.removeprefix(kind + "."): value
                for name, value in tensors.items()
                if name.startswith(kind)
            }
            assert weights_digest(found) == getattr(trail[step], kind)


def check_nothing_left(run: Run) -> None:
    hidden = [path.name for path in run.out.rglob(".*") if path.name != ".lock"]
    assert hidden == []
    assert list(run.out.glob("*.safetensors")) == []


def die(run: Run, deaths: Sequence[Moment]) -> None:
    """A session for each."""
    for number, moment in enumerate(deaths):
        assert ended(run.forked(dies=moment, workers=1 + number % 2)) == -signal.SIGKILL, (moment, run.said)
        run.check_whole()


def test_killed_at_every_moment_of_a_write(corpus: Path, tmp_path: Path, uninterrupted: Record) -> None:
    run = Run(tmp_path, corpus, recipe(**EVERY_STEP))
    die(run, DEATHS)
    record = run.finish()  # it was complete when it died for the last time
    assert "complete since" in run.said
    assert facts(record) == facts(uninterrupted)
    assert len(record.sessions) == len(DEATHS)
    check_kept(run, record)
    check_nothing_left(run)


def test_ended_in_the_middle_of_the_bytes(corpus: Path, tmp_path: Path, uninterrupted: Record) -> None:
    """By SIGXFSZ, as abrupt as SIGKILL: the kernel ends the process where a file has grown too large."""
    run = Run(tmp_path, corpus, recipe(**EVERY_STEP))
    sizes = {"largest_file": HALF_A_CHECKPOINT, "killed_by_size": True}
    assert ended(run.forked(**sizes)) == -signal.SIGXFSZ, run.said
    assert not run.checkpoint.exists()
    (half,) = run.out.glob(".checkpoint.*")
    assert half.stat().st_size == HALF_A_CHECKPOINT
    die(run, [Moment("os.rename", CHECKPOINT, 3)])
    before = run.checkpoint.read_bytes()
    assert ended(run.forked(**sizes)) == -signal.SIGXFSZ, run.said
    assert run.checkpoint.read_bytes() == before
    assert facts(run.finish()) == facts(uninterrupted)
    check_nothing_left(run)


def test_killed_at_random(corpus: Path, tmp_path: Path, uninterrupted: Record) -> None:
    """From outside, at any time; some steps are lost and computed again, and none is twice in the trail."""
    often = recipe(train__checkpoint_seconds=0.02, train__digest_every=7)
    whole = Run(tmp_path / "whole", corpus, often).finish()
    run = Run(tmp_path / "killed", corpus, often)
    killed, chance = 0, random.SystemRandom()  # truly random: that is the point
    for number in range(12):
        process = run.forked(workers=1 + number % 3)
        enough, seen = chance.randint(1, 4), set()
        while process.is_alive() and len(seen) <= enough:
            with suppress(FileNotFoundError):
                seen.add(run.checkpoint.stat().st_mtime_ns)
            process.join(chance.uniform(0.0, 0.01))
        process.kill()
        over = ended(process) == 0
        killed += not over
        run.check_whole()
        if over:
            break
    record = run.finish()
    assert killed >= 1
    assert [entry.step for entry in record.trail] == [
        0,
        5,
        7,
        10,
        14,
        15,
        STEPS,
    ]  # ends of epochs, and every 7
    assert facts(record) == facts(whole)
    check_kept(run, record)
    every = {entry.step: entry for entry in uninterrupted.trail}
    for part in ("heard", "loss", "gradient"):
        stream = "".join(getattr(entry, part) for entry in record.trail)
        assert stream == "".join(getattr(entry, part) for entry in uninterrupted.trail)
    for entry in record.trail:
        for part in ("weights", "average", "optimiser", "cursor"):
            assert getattr(entry, part) == getattr(every[entry.step], part)


def test_no_room_for_a_checkpoint(corpus: Path, tmp_path: Path, uninterrupted: Record) -> None:
    """No file may be larger than half of it: one error, the last good one stays, and with room it goes on."""
    run = Run(tmp_path, corpus, recipe(**EVERY_STEP))
    die(run, [Moment("os.rename", CHECKPOINT, 4)])
    before = run.checkpoint.read_bytes()
    for _ in range(2):
        assert ended(run.forked(largest_file=HALF_A_CHECKPOINT)) == 1
        (error,) = run.errors
        assert error.startswith(f"asr: {run.checkpoint}: cannot be written: ")
        assert run.checkpoint.read_bytes() == before
        assert run.record.status == "interrupted"
        run.check_whole()
        assert not list(run.out.glob(".*.part")) + list(run.out.glob(".tmp*"))
    assert facts(run.finish()) == facts(uninterrupted)
    check_nothing_left(run)


def test_a_disk_that_is_full(corpus: Path, tmp_path: Path, uninterrupted: Record) -> None:
    """Room for one checkpoint and for half of the next beside it, on a file system of its own."""
    if not shutil.which("unshare"):
        pytest.skip("needs unshare (util-linux), to mount a small disk that nobody else sees")
    disk = tmp_path / "disk"
    disk.mkdir()
    script = Path(__file__).with_name("small_disk.py")
    done = subprocess.run(
        [
            *("unshare", "--map-root-user", "--mount"),
            *(sys.executable, str(script), str(disk), str(corpus), "360k"),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    if done.returncode == 77 or done.stderr.startswith("unshare:"):
        pytest.skip(f"needs the right to mount a small disk: {done.stderr.strip() or 'mount refused'}")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    full = told["full"]
    assert full["status"] == 1, full
    (error,) = (line for line in full["said"].splitlines() if line.startswith("asr: "))
    assert str(disk) in error
    assert "cannot be written: No space left on device" in error
    assert "Traceback" not in full["said"]
    assert "checkpoint.safetensors" in full["files"]
    assert [name for name in full["files"] if name.startswith(".")] == [".lock"]
    assert told["last"]["status"] == 0, told["last"]
    path = tmp_path / "record.json"
    path.write_text(told["record"])
    assert facts(read_record(path)) == facts(uninterrupted)


@pytest.mark.slow
def test_killed_before_anything_is_done_to_any_file(corpus: Path, tmp_path: Path) -> None:
    """Every single one, in a run of its own."""
    short = recipe(train__epochs=2, train__utterances=3, train__keep_checkpoints=1, **EVERY_STEP)
    whole = facts(Run(tmp_path / "whole", corpus, short).finish())
    number = 0
    while True:
        number += 1
        run = Run(tmp_path / str(number), corpus, short)
        status = ended(run.forked(dies=Moment("", "", number)))
        assert status in (0, -signal.SIGKILL), run.said
        run.check_whole()
        record = run.finish()
        assert facts(record) == whole, number
        check_kept(run, record)
        check_nothing_left(run)
        shutil.rmtree(tmp_path / str(number))
        if status == 0:  # no more to be done than that
            break
    assert number > 100
