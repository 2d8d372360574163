"""Transcribing in processes: in order, and whatever becomes of a file or of a process, the rest goes on."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import miniature
import pytest
import soundfile

from asr.audio import Track
from asr.errors import AsrError, AudioError, BundleError
from asr.transcribe import processes
from asr.transcribe.processes import transcribe_in_processes
from asr.transcribe.transcript import Found, Transcript

WORDS = ("GO", "NO SEE", "YES")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return miniature.trained(tmp_path_factory.getbasetemp())[1]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = []
    for number in range(60):
        text = WORDS[number % 3]
        path = tmp_path / f"{number:02}-{text.lower().replace(' ', '_')}.wav"
        soundfile.write(path, miniature.speech(text, path.name), miniature.RATE, subtype="PCM_16")
        paths.append(path)
    return paths


def workers_of(parent: int) -> list[int]:
    """Ids of its processes that transcribe."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text()
            command = (folder / "cmdline").read_text()
        except OSError:  # it has just ended
            continue
        if int(status.rpartition(")")[2].split()[1]) == parent and "asr.transcribe.worker" in command:
            found.append(int(folder.name))
    return found


# Ends any process that opens a file called poison.wav, as a fault in a library would.
POISON = """
import os, signal, sys
def hook(event, arguments):
    if event == "open" and str(arguments[0]).endswith("poison.wav"):
        os.kill(os.getpid(), signal.SIGSEGV)
sys.addaudithook(hook)
"""


def test_files_and_processes_that_fail(
    run: Path, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file is no sound, one ends whoever reads it, and one process is killed from outside."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(POISON)
    monkeypatch.setenv("PYTHONPATH", str(hooks))
    broken, poison = tmp_path / "broken.wav", tmp_path / "poison.wav"
    broken.write_text("no sound")
    poison.write_bytes(files[0].read_bytes())
    mixed = [*files[:5], broken, *files[5:12], poison, *files[12:]]
    found: dict[Path | Track, Found] = {}

    def given() -> Iterator[Path | None]:
        """The second half when all that had to do with the poison is over: what was with it has one try left."""
        yield from mixed[:30]
        while len(found) < 30:
            yield None
        yield from mixed[30:]

    for path, result in transcribe_in_processes(run, given(), processes=2):
        if len(found) == 35:
            os.kill(workers_of(os.getpid())[0], signal.SIGKILL)
        found[path] = result
    assert list(found) == mixed
    assert isinstance(found[broken], AudioError)
    assert str(found[broken]).startswith(f"{broken}: not audio")
    message = f"{poison}: the process that read it ended twice, now killed by SIGSEGV; leave it out"
    assert str(found[poison]) == message
    for path in files:
        result = found[path]
        assert isinstance(result, Transcript), result
        assert result.text == path.stem[3:].replace("_", " ")
    assert workers_of(os.getpid()) == []


def test_no_model_there(tmp_path: Path, files: list[Path]) -> None:
    with pytest.raises(BundleError, match="no model here"):
        list(transcribe_in_processes(tmp_path / "gone", files, processes=1))
    assert workers_of(os.getpid()) == []


def test_processes_that_cannot_begin(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os; os._exit(9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    message = "3 processes ended before they could transcribe anything, the last with exit status 9"
    with pytest.raises(AsrError, match=message):
        list(transcribe_in_processes(tmp_path, files, processes=1))


def test_a_worker_ends_with_its_parent(tmp_path: Path) -> None:
    """Its input ends, even before it has loaded anything."""
    line = [sys.executable, "-P", "-m", "asr.transcribe.worker", str(tmp_path)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        worker.stdin.close()
        assert worker.wait(200) == 0


class Answers:
    """A pool whose processes are imaginary: what would be written to them is kept."""

    def __init__(self, files: list[str | None], count: int = 1) -> None:
        self.pool = processes._Pool([], files)
        self.workers = [processes._Worker(self, ready=True) for _ in range(count)]  # type: ignore[arg-type]
        self.written: list[bytes] = []
        self.stdin = self

    def write(self, line: bytes) -> None:
        self.written.append(line)


def test_tasks_grow_and_wait_for_names() -> None:
    fake = Answers([*"abcdefghijklmnop", None, *("q" * 100)])
    (worker,) = fake.workers
    fake.pool._hand_out(worker)
    assert [len(task) for task in worker.tasks] == [
        8,
        8,
    ]  # the second would have 16, but no name comes for now
    worker.tasks.popleft()
    fake.pool._hand_out(worker)
    assert [len(task) for task in worker.tasks] == [8, 32]


def test_what_is_tried_again_is_tried_alone() -> None:
    fake = Answers([*"abcd"])
    (worker,) = fake.workers
    pool = fake.pool
    pool._next(4)
    pool._tried.update({1, 2})
    pool._again.extend([1, 2])
    pool._hand_out(worker)
    assert list(worker.tasks) == [{1}]
    worker.tasks.clear()
    pool._hand_out(worker)
    assert list(worker.tasks) == [{2}]


def test_not_too_far_ahead_of_a_file_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "AHEAD", 20)
    pool = Answers(["x"] * 100).pool
    assert len(pool._next(64)) == 20
    assert pool._next(64) == []
    pool.done(0)
    assert pool._next(64) == [20]
