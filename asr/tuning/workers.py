"""Processes that train trials side by side, as the process that leads sees them: jobs go in, messages come out."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from asr.recipe import Recipe
from asr.runs.environment import code_digest

if TYPE_CHECKING:
    from asr.tuning.training import Job

PATIENCE = 60.0  # seconds in which a worker that was told to stop may write its checkpoint


class Message(NamedTuple):
    """What a worker says; None: it has ended."""

    worker: int
    said: dict[str, Any] | None


class Workers:
    """So many processes, numbered from 0; each computes with one thread. A worker is started when it gets a job."""

    def __init__(self, size: int, recipe: Recipe, device: str) -> None:
        """
        Args:
            recipe: whose numerics are set in each.
            device: auto, cpu, cuda or cuda:N.
        """
        self.size = size
        numerics = recipe.numerics
        self._arguments = [numerics.determinism, numerics.instructions, device, code_digest()]
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._said: queue.Queue[tuple[subprocess.Popen[bytes], Message]] = queue.Queue()

    def give(self, worker: int, job: "Job") -> None:
        """To a worker that has nothing to do."""
        if worker not in self._processes:
            self._start(worker)
        self._tell(worker, {"job": asdict(job)})

    def answer(self, worker: int, go: bool) -> None:
        """After an epoch."""
        self._tell(worker, {"go": go})

    def next(self, seconds: float) -> Message | None:
        """What is said next; None: nothing for so long."""
        try:
            process, message = self._said.get(timeout=seconds)
        except queue.Empty:
            return None
        if self._processes.get(message.worker) is not process:
            return None  # of one that was started anew since
        if message.said is None:
            _bury(process)
            del self._processes[message.worker]
        return message

    def stop(self) -> None:
        """All of them, once they have written where they stand; those that take too long are killed."""
        for worker in self._processes:
            self._tell(worker, {"stop": True})
        end = time.monotonic() + PATIENCE
        for process in self._processes.values():
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
        self._bury()

    def kill(self) -> None:
        """At once."""
        for process in self._processes.values():
            process.kill()
        self._bury()

    def _bury(self) -> None:
        for process in self._processes.values():
            _bury(process)
        self._processes.clear()

    def _start(self, worker: int) -> None:
        # In a session of its own, which a Ctrl-C in the terminal does not reach. -P: the working directory may hold
        # other code than this process runs.
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "asr.tuning.worker", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._processes[worker] = process
        threading.Thread(target=self._hear, args=(worker, process), daemon=True).start()

    def _hear(self, worker: int, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                if line.endswith(b"\n"):  # or it was killed in the middle of it
                    self._said.put((process, Message(worker, json.loads(line))))
        self._said.put((process, Message(worker, None)))

    def _tell(self, worker: int, message: dict[str, Any]) -> None:
        stream = self._processes[worker].stdin
        assert stream is not None
        with suppress(BrokenPipeError):  # where it has ended, its message says so
            os.write(stream.fileno(), (json.dumps(message) + "\n").encode())


def _bury(process: "subprocess.Popen[bytes]") -> None:
    """One that has ended, or is about to."""
    process.wait()
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
