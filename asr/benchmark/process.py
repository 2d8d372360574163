"""A system in its process, seen from outside: asked, timed out, measured, ended."""

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asr.benchmark.errors import HearingError
from asr.benchmark.process_tree import descendants, peak_of, resident, with_own_memory
from asr.benchmark.program import Program
from asr.benchmark.system import SystemSpec

LOOK = 0.05  # seconds between two looks at the memory
BRIEF = 0.01  # likewise, of a system whose processes may live for an utterance only
GRACE = 5.0  # seconds beyond a limit, in which a system may say by itself that it was too slow
IDENTIFY = 300.0  # seconds to read weights for their digest
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class SystemProcess:
    """Of one system. Not ended by Ctrl-C, which is the caller's to notice; ended with the caller in any case."""

    def __init__(self, spec: SystemSpec, folder: Path, cores: int) -> None:
        self.spec = spec
        self.peak = 0  # bytes, at the most so far; 0: not known
        self.inside = True
        self._last_look = 0.0
        self._held = 0  # bytes, at the last look
        self._program = Program(
            [sys.executable, "-m", "asr.benchmark.worker"],
            Path(),
            asks=True,
            environment={**os.environ, **dict.fromkeys(_THREADS, str(cores))},
            apart=True,
        )
        _confine(self._program.id, cores)
        tree = spec.model_dump(mode="json")
        self.ask(system=tree, folder=str(folder.absolute()))

    def identify(self) -> dict[str, Any]:
        """Identity, size, concurrent, inside. Raises HearingError: it is not there."""
        self.ask(do="identity")
        found = self._only(IDENTIFY, "its identity")
        self.inside = bool(found["inside"])
        if self.spec.at_once > 1 and not found["concurrent"]:
            raise HearingError(f"at_once = {self.spec.at_once}, but this kind takes one utterance at a time")
        return found

    def open(self) -> float:
        """Seconds that it took to load. Raises HearingError: it cannot be started."""
        self.ask(do="open")
        return float(self._only(self.spec.start_timeout, "loading")["seconds"])

    def _only(self, limit: float, what: str) -> dict[str, Any]:
        try:
            found = next(self.answers(time.monotonic() + limit + GRACE), None)
        except Crash as crash:
            raise HearingError(str(crash)) from None
        if found is None:
            raise HearingError(f"no answer in {limit:g} s: {what}")
        if "failed" in found:
            raise HearingError(str(found["failed"]))
        return found

    def ask(self, **request: Any) -> None:
        """Sends a line. What has ended meanwhile is found out by `answers`."""
        self._program.ask(json.dumps(request))

    def answers(self, until: float) -> Iterator[dict[str, Any]]:
        """Answers as they come, to the given time (of time.monotonic) at the latest.

        Raises:
            Crash: the process has ended.
        """
        while True:
            try:
                line = self._program.line(min(until, time.monotonic() + self._pause))
            except TimeoutError:
                self._look()
                if time.monotonic() >= until:
                    return
                continue
            if line is None:
                raise Crash(self._program.how)
            self._look()
            answer: dict[str, Any] = json.loads(line)
            self.peak = max(self.peak, int(answer.pop("memory")))
            yield answer

    def _look(self) -> None:
        """Memory of the whole tree, now and then; and of the process itself at its most."""
        now = time.monotonic()
        if now - self._last_look < self._pause:
            return
        self._last_look = now
        own = self._program.id
        counted = [each for each in with_own_memory([own, *descendants(own)]) if each != own or self.inside]
        now_held = resident(counted)
        # What is seen once may be the moment in which a child is made, which seems to hold what its parent does.
        self.peak = max(self.peak, min(now_held, self._held), *map(peak_of, counted))
        self._held = now_held

    @property
    def _pause(self) -> float:
        return LOOK if self.inside else BRIEF

    def end(self) -> None:
        """At once, with all that it has started."""
        self._program.end()


class Crash(Exception):  # noqa: N818  # what happened, not what is wrong with the caller
    """The process of a system has ended; the text says how."""


def _confine(process: int, cores: int) -> None:
    """To so many of the cores that we may use ourselves, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        ours = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(process, ours[:cores])
