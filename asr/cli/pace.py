"""How many files are done, and how fast, in the last line of a terminal. Light: a single file must not wait for it."""

import sys
import time

EVERY = 0.2  # seconds


class Pace:
    """Counts files; writes nothing where standard error is no terminal."""

    def __init__(self, total: int) -> None:
        """
        Args:
            total: files; 0 where it is not known.
        """
        self.total = total
        self._on = sys.stderr.isatty() and total != 1
        self._begin = time.monotonic()
        self._last = 0.0
        self._done, self._audio = 0, 0.0
        self._shown = False

    def show(self, seconds: float) -> None:
        """One more file is done, with so many seconds of audio."""
        self._done += 1
        self._audio += seconds
        now = time.monotonic()
        if self._on and now - self._last >= EVERY:
            self._last = now
            self._shown = True
            sys.stderr.write(f"\r\x1b[K{self.line(now - self._begin)}")
            sys.stderr.flush()

    def line(self, elapsed: float) -> str:
        """What is shown after so many seconds."""
        speed = self._done / max(elapsed, 1e-6)
        of = f" of {self.total:,}" if self.total else ""
        parts = [f"{self._done:,}{of} files", f"{speed:.1f} files/s"]
        if self._audio:
            parts.append(f"real-time factor {elapsed / self._audio:.4f}")
        if self.total:
            minutes, seconds = divmod(round((self.total - self._done) / speed), 60)
            parts.append(f"{minutes}:{seconds:02} left")
        return ", ".join(parts)

    def clear(self) -> None:
        """Makes place for something else."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False
