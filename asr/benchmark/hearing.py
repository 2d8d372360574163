"""A system hears all that it has not heard yet. What it fails at is named; what breaks it does not stop the others."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asr.benchmark.answer_cache import AnswerCache, identity_digest
from asr.benchmark.errors import HearingError
from asr.benchmark.material import Spoken
from asr.benchmark.process import GRACE, Crash, SystemProcess
from asr.benchmark.spec import Benchmark
from asr.benchmark.system import SystemSpec
from asr.benchmark.transcripts import Answered

CRASHES = 3  # in a row, timeouts among them, after which nothing more is asked
FAILURES = 20  # likewise, of answers that a system itself says it does not have
Told = Callable[[int, int, Spoken, str], None]  # (done, total, the last one, its text or "")


@dataclass
class HeardAll:
    """What came of one system."""

    spec: SystemSpec
    identity: dict[str, Any] = field(default_factory=dict)
    digest: str = ""  # of identity and circumstances
    size: int | None = None  # bytes on disk
    error: str = ""  # why there is no result: it is not there, or cannot be started
    answers: dict[str, Answered] = field(default_factory=dict)  # by identity of the samples


def hear_all(
    spec: SystemSpec,
    benchmark: Benchmark,
    spoken: Sequence[Spoken],
    folder: Path,
    cache: Path,
    *,
    fresh: bool = False,
    told: Told = lambda done, total, last, text: None,
) -> HeardAll:
    """Every utterance, those of all corpora one after another; each different sound once.

    Args:
        folder: of the benchmark's file.
        cache: for the answers.
        fresh: forget what was heard before.

    Raises:
        BenchmarkError: another process hears with this system.
    """
    result = HeardAll(spec)
    hearing = _Hearing(benchmark, spec, folder, result, told)
    try:
        hearing.identify()
        with AnswerCache(cache / "benchmark" / "answers" / f"{result.digest}.jsonl", fresh=fresh) as kept:
            hearing.hear({each.audio: each for each in spoken}, kept)
    except HearingError as error:
        result.error = str(error)
    finally:
        hearing.end()
    return result


class _Hearing:
    """Of one system, in one process after another."""

    def __init__(
        self, benchmark: Benchmark, spec: SystemSpec, folder: Path, result: HeardAll, told: Told
    ) -> None:
        self.benchmark, self.spec, self.folder = benchmark, spec, folder
        self.result, self.told = result, told
        self.process: SystemProcess | None = None
        self.says: dict[str, Any] = {}  # what the process says that it is
        self.session, self.loading = 0, 0.0
        self.crashes = self.failures = 0  # in a row
        self.suspects = 0  # of several that a crash has met together: asked one by one
        self.done = self.total = 0

    def identify(self) -> None:
        self._running()
        self.result.identity, self.result.size = self.says["identity"], self.says["size"]
        self.result.digest = identity_digest(self.result.identity, self.benchmark.cores, self.spec.at_once)

    def hear(self, wanted: Mapping[str, Spoken], kept: AnswerCache) -> None:
        """Each sound, by its identity; those that have an answer are not heard."""
        self.total = len(wanted)
        waiting = []
        for audio, spoken in wanted.items():
            if audio in kept.by_audio:
                self._take(spoken, kept.by_audio[audio])
            else:
                waiting.append(spoken)
        self.session = kept.sessions
        waiting.reverse()  # the next one is the last
        while waiting and not self._gives_up(waiting):
            self._session(waiting, kept)
            self.session += 1

    def _gives_up(self, waiting: Sequence[Spoken]) -> bool:
        """Whether too much has failed in a row; then what waits has failed, too."""
        if self.crashes < CRASHES and self.failures < FAILURES:
            return False
        count = max(self.crashes, self.failures)
        reason = f"not asked, as {count} in a row had no answer"
        for each in reversed(waiting):
            self._fail(each, reason)
        return True

    def _session(self, waiting: list[Spoken], kept: AnswerCache) -> None:
        """From one start of the system to its end; takes what it was asked off the end of `waiting`."""
        process = self._started(warm=waiting[-1])
        asked: dict[int, _Asked] = {}  # by number
        number = 0
        while waiting or asked:
            while waiting and len(asked) < (1 if self.suspects else self.spec.at_once):
                number += 1
                asked[number] = _Asked(waiting.pop(), time.monotonic())
                process.ask(do="hear", number=number, path=str(asked[number].spoken.path))
            if not self._one_answer(process, asked, kept):
                waiting.extend(each.spoken for each in reversed(asked.values()))
                return
            if self.failures >= FAILURES and not asked:
                return
            self.suspects = max(0, self.suspects - 1)

    def _one_answer(self, process: SystemProcess, asked: dict[int, "_Asked"], kept: AnswerCache) -> bool:
        """Waits for one; False where the process has ended, or had to be."""
        first = next(iter(asked))
        try:
            answer = next(process.answers(asked[first].at + self.spec.timeout + GRACE), None)
        except Crash as crash:
            if len(asked) > 1:
                self.suspects = len(asked)
            else:
                self._fail(asked.pop(first).spoken, str(crash))
                self.crashes += 1
            self.end()
            return False
        if answer is None:
            self._fail(asked.pop(first).spoken, f"no answer in {self.spec.timeout:g} s")
            self.crashes += 1
            self.end()
            return False
        self.crashes = 0
        self._heard(asked.pop(answer["number"]).spoken, answer, process.peak, kept)
        return True

    def _heard(self, spoken: Spoken, answer: dict[str, Any], memory: int, kept: AnswerCache) -> None:
        if "failed" in answer:
            self.failures += 1
            self._fail(spoken, str(answer["failed"]))
            return
        self.failures = 0
        heard = Answered(
            id=spoken.id,
            audio=spoken.audio,
            text=answer["text"],
            seconds=round(float(answer["seconds"]), 6),
            cpu=round(float(answer["cpu"]), 6) if self.spec.at_once == 1 else 0.0,
            session=self.session,
            loading=round(self.loading, 3),
            memory=memory,
        )
        kept.add(heard)
        self._take(spoken, heard)

    def _started(self, warm: Spoken) -> SystemProcess:
        """A process that has loaded the system and has heard one file that does not count: the first is slower.

        Raises:
            HearingError: it cannot be started.
        """
        process = self._opened()
        process.ask(do="hear", number=0, path=str(warm.path))
        try:
            if next(process.answers(time.monotonic() + self.spec.timeout + GRACE), None) is not None:
                return process
        except Crash:
            pass  # that utterance will be asked again, and then it counts
        self.end()
        return self._opened()

    def _opened(self) -> SystemProcess:
        process = self._running()
        self.loading = process.open()
        return process

    def _running(self) -> SystemProcess:
        """One that has said what it is: that also decides how it is measured."""
        if self.process is None:
            self.process = SystemProcess(self.spec, self.folder, self.benchmark.cores)
            self.says = self.process.identify()
        return self.process

    def _fail(self, spoken: Spoken, reason: str) -> None:
        self._take(spoken, Answered(spoken.id, spoken.audio, failed=reason))

    def _take(self, spoken: Spoken, answered: Answered) -> None:
        self.result.answers[spoken.audio] = answered
        self.done += 1
        self.told(self.done, self.total, spoken, answered.text)

    def end(self) -> None:
        """Of the process, if there is one."""
        if self.process is not None:
            self.process.end()
            self.process = None


@dataclass(frozen=True)
class _Asked:
    """A request on its way."""

    spoken: Spoken
    at: float  # of time.monotonic
