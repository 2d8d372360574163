"""Many files over several processes, each with one computing thread: what one process suffers, the others survive.

The processes are started fresh, never forked, and each maps the same weights into its memory. They answer line by line
(asr.transcribe.worker), so what a process had not answered when it ended is known: each of those files gets one more
try, by itself, in another process. A file that ends that one too is reported, and the rest goes on.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from asr import errors
from asr.audio import Track
from asr.errors import AsrError, AudioError
from asr.transcribe.transcript import Found, Transcript, Wanted, Word, in_order

FIRST, MOST = 8, 64  # files in the first task of a process, and in any
TASKS = 2  # that a process has at a time: the next one's files are read while the first is computed
AHEAD = 4096  # files handed out before the first of them is done, at most
PAUSE = 0.05  # seconds between two looks at whether there are more names
STARTS = 3  # processes that may end before they were ready, in a row


def transcribe_in_processes(
    model: str | Path,
    files: Iterable[str | Path | Track | None],
    *,
    processes: int,
    device: str = "cpu",
    wanted: Wanted | None = None,
) -> Generator[tuple[Path | Track, Found]]:
    """Transcripts of files, in order, as `Transcriber.many` gives them. Tracks are of files, not of streams.

    Raises:
        BundleError: no model there, or it is damaged.
        AsrError: the processes end before they can begin.
        ValueError: fewer than one process.
    """
    if processes < 1:
        raise ValueError(f"processes must be 1 or more, got {processes}")
    asked = json.dumps(asdict(wanted or Wanted()))
    pool = _Pool([str(model), "--device", device, "--wanted", asked], files)
    try:
        pool.start(processes)
        for number, found in in_order(pool.results()):
            yield pool.done(number), found
    finally:
        pool.end()


@dataclass
class _Worker:
    """A process and the files that it has not answered for yet."""

    process: "subprocess.Popen[bytes]"
    ready: bool = False
    tasks: deque[set[int]] = field(default_factory=deque)
    size: int = FIRST  # of its next task
    rest: bytes = b""  # of a line that is not whole yet

    @property
    def unanswered(self) -> list[int]:
        return sorted(set().union(*self.tasks))


class _Pool:
    def __init__(self, arguments: list[str], files: Iterable[str | Path | Track | None]) -> None:
        self._arguments = arguments
        self._files = iter(files)
        self._exhausted = False
        self._names: dict[int, Path | Track] = {}  # of files that have no result yet, or are not yet due
        self._count = 0
        self._again: deque[int] = deque()  # files whose process has ended, to be tried alone
        self._tried: set[int] = set()
        self._failed: list[tuple[int, Found]] = []
        self._false_starts = 0
        self._selector = selectors.DefaultSelector()
        self._workers: list[_Worker] = []

    def start(self, processes: int) -> None:
        for _ in range(processes):
            self._add()

    def done(self, number: int) -> Path | Track:
        """Its name, which is not needed any more."""
        return self._names.pop(number)

    def results(self) -> Iterator[tuple[int, Found]]:
        """With the number of each file, in any order."""
        while True:
            for worker in self._workers:
                self._hand_out(worker)
            if self._exhausted and not self._again and not any(worker.tasks for worker in self._workers):
                return
            # With a process to spare there may be new names before there are new answers.
            idle = not self._exhausted and any(w.ready and len(w.tasks) < TASKS for w in self._workers)
            for key, _ in self._selector.select(PAUSE if idle else None):
                yield from self._read(key.data)
            yield from self._failed
            self._failed.clear()

    def end(self) -> None:
        """They hold nothing that could be lost."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            self._close(worker)
        self._selector.close()

    def _add(self) -> None:
        # -P: the working directory may hold other code. In a session of its own a Ctrl-C in the terminal misses it.
        command = [sys.executable, "-P", "-m", "asr.transcribe.worker", *self._arguments]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
        )
        worker = _Worker(process)
        self._workers.append(worker)
        assert process.stdout is not None
        self._selector.register(process.stdout, selectors.EVENT_READ, worker)

    def _hand_out(self, worker: _Worker) -> None:
        while worker.ready and len(worker.tasks) < TASKS:
            if self._again:
                if worker.tasks:  # alone: if its process ends, it is this file
                    return
                numbers = [self._again.popleft()]
            elif worker.tasks and worker.tasks[0] & self._tried:
                return
            else:
                numbers = self._next(worker.size)
                worker.size = min(MOST, 2 * worker.size)
            if not numbers:
                return
            worker.tasks.append(set(numbers))
            files = [[number, *_named(self._names[number])] for number in numbers]
            try:
                assert worker.process.stdin is not None
                worker.process.stdin.write(json.dumps({"files": files}).encode() + b"\n")
            except BrokenPipeError:
                return  # it has ended: the selector says so, too

    def _next(self, size: int) -> list[int]:
        numbers: list[int] = []
        while not self._exhausted and len(numbers) < size and len(self._names) < AHEAD:
            file = next(self._files, self)
            if file is self:
                self._exhausted = True
            elif isinstance(file, str | Path | Track):
                self._names[self._count] = file if isinstance(file, Track) else Path(file)
                numbers.append(self._count)
                self._count += 1
            else:  # None: no more for now
                break
        return numbers

    def _read(self, worker: _Worker) -> Iterator[tuple[int, Found]]:
        assert worker.process.stdout is not None
        block = os.read(worker.process.stdout.fileno(), 1 << 16)
        *lines, worker.rest = (worker.rest + block).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            if "fatal" in answer:
                raise getattr(errors, answer["error"], AsrError)(answer["fatal"])
            if "ready" in answer:
                worker.ready, self._false_starts = True, 0
                continue
            worker.tasks[0].discard(answer["file"])
            if not worker.tasks[0]:
                worker.tasks.popleft()
            yield answer["file"], _found(answer)
        if not block:
            self._replace(worker)

    def _replace(self, worker: _Worker) -> None:
        """It has ended before its time."""
        self._workers.remove(worker)
        self._close(worker)
        how = _how(worker.process.returncode)
        if not worker.ready:
            self._false_starts += 1
            if self._false_starts >= STARTS:
                raise AsrError(
                    f"{STARTS} processes ended before they could transcribe anything, the last {how}"
                )
        for number in worker.unanswered:
            if number in self._tried:
                message = (
                    f"{self._names[number]}: the process that read it ended twice, now {how}; leave it out"
                )
                self._failed.append((number, AudioError(message)))
            else:
                self._tried.add(number)
                self._again.append(number)
        self._add()

    def _close(self, worker: _Worker) -> None:
        process = worker.process
        assert process.stdin is not None and process.stdout is not None
        self._selector.unregister(process.stdout)
        process.stdin.close()
        process.stdout.close()
        process.wait()


def _named(file: Path | Track) -> tuple[str, int | None, str]:
    """Path, channel and name of a file."""
    if isinstance(file, Path):
        return str(file), None, ""
    if not isinstance(file.source, str | Path):
        raise ValueError(f"{file}: other processes need the path of a file, got {file.source!r}")
    return str(file.source), file.channel, file.name


def _found(answer: dict[str, Any]) -> Found:
    if "fault" in answer:
        return AudioError(answer["fault"])
    words = tuple(Word(*word) for word in answer["words"])
    return Transcript(answer["text"], answer["seconds"], words, answer["segmentation"], answer["engine"])


def _how(status: int) -> str:
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"with exit status {status}"
