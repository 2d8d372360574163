"""How much of a stage is done, how fast, and how long the rest will take: a bar, or a line now and then in a log."""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EVERY = 10.0  # seconds between lines, where there is no terminal
WINDOW = 30.0  # seconds that the rate is taken over
Progress = Callable[[str, int, int], None]  # (what, done, total); total 0 is unknown


class Rate:
    """Of one stage, over the last half minute: what an earlier try has left is passed over in a blink."""

    def __init__(self, done: int, now: float) -> None:
        self._seen = deque([(now, done)])

    def line(self, what: str, done: int, total: int, now: float) -> str:
        """`decode an4: 600 of 1,078, 151.2/s, 0:03 left`"""
        bytes_ = what.startswith(("download", "unpack"))
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW:
            self._seen.popleft()
        start, first = self._seen[0]
        speed = (done - first) / max(now - start, 1e-6)
        unit, shown = (1_000_000, " MB") if bytes_ else (1, "")
        parts = [f"{what}: {done // unit:,}{f' of {total // unit:,}' if total else ''}{shown}"]
        if done > first:
            parts.append(f"{speed / unit:.1f}{shown}/s")
            if total:
                minutes, seconds = divmod(round((total - done) / speed), 60)
                parts.append(f"{minutes}:{seconds:02} left")
        return ", ".join(parts)


class RateLine:
    """On standard error: the line of the terminal, rewritten; in a log one each ten seconds."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._rates: dict[str, Rate] = {}
        self._told = time.monotonic()

    def __call__(self, what: str, done: int, total: int, more: str = "") -> None:
        """`more` stands at the end of the line; a stage that has such a thing to say also says its last one."""
        now = time.monotonic()
        rate = self._rates.setdefault(what, Rate(done, now))
        if now - self._told < (0.2 if self._terminal else EVERY) and not (more and done == total):
            return
        self._told = now
        line = rate.line(what, done, total, now) + more
        sys.stderr.write(f"\r\x1b[K{line}" if self._terminal else f"{line}\n")
        sys.stderr.flush()

    def clear(self) -> None:
        if self._terminal and self._rates:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


@contextmanager
def shown_rate() -> Iterator[RateLine]:
    """The line, gone when all is done."""
    line = RateLine()
    try:
        yield line
    finally:
        line.clear()
