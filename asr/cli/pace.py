"""How many files are done, and how fast, in the last line of a terminal. Light: a single file must not wait for it."""

import sys
import threading
import time
from collections.abc import Iterable

EVERY = 0.2  # seconds
SOON = 1.0  # seconds in which a file is done without a word


class Pace:
    """Counts files; writes nothing where standard error is no terminal. Any thread may tell it something."""

    def __init__(self, total: int) -> None:
        """
        Args:
            total: files; 0 where it is not known.
        """
        self.total = total
        self.seconds = 0.0  # of sound in all of them; 0: not known
        self.on = sys.stderr.isatty()
        self._begin = time.monotonic()
        self._last = 0.0
        self._single = total == 1
        self._working = 0.0  # since when; 0: the model is still loaded
        self._done, self._tracks, self._audio = 0, 0, 0.0
        self._within: dict[int, float] = {}  # seconds of files that are not done
        self._shown, self._over = False, False
        self._lock = threading.RLock()

    def show(self, seconds: float, tracks: int = 1) -> None:
        """One more file is done, with so many seconds of audio, heard in so many tracks."""
        with self._lock:
            for track in range(self._tracks, self._tracks + tracks):
                self._within.pop(track, None)
            self._done += 1
            self._tracks += tracks
            self._audio += seconds * tracks
            if not self._single:
                self._write()

    def heard(self, track: int, seconds: float) -> None:
        """A file that is not done has been heard up to this second. Tracks are counted from 0."""
        if self.on:
            with self._lock:
                if track >= self._tracks:
                    self._within[track] = max(seconds, self._within.get(track, 0.0))
                now = time.monotonic()
                self._working = self._working or now
                if now - max(self._last, self._working) >= SOON:  # done soon, they speak for themselves
                    self._write()

    def measure(self, lengths: Iterable[float | None]) -> None:
        """Finds out meanwhile how many files there are, and how much sound.

        Args:
            lengths: seconds of each file; None where nobody knows: then it is taken to be as long as the others.
        """
        if self.on:
            threading.Thread(target=self._measure, args=(lengths,), name="measuring", daemon=True).start()

    def line(self, elapsed: float) -> str:
        """What is shown after so many seconds."""
        speed = self._done / max(elapsed, 1e-6)
        audio = self._audio + sum(self._within.values())
        of = f" of {self.total:,}" if self.total else ""
        parts = [f"{self._done:,}{of} files", f"{speed:.1f} files/s"]
        if audio:
            parts.append(f"real-time factor {elapsed / audio:.4f}")
        if self.seconds and audio:
            parts.append(f"{_clock(max(0.0, self.seconds - audio) * elapsed / audio)} left")
        elif self.total and self._done:
            parts.append(f"{_clock((self.total - self._done) / speed)} left")
        return ", ".join(parts)

    def clear(self) -> None:
        """Makes place for something else."""
        with self._lock:
            if self._shown:
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()
                self._shown = False

    def end(self) -> None:
        """Nothing more is shown."""
        with self._lock:
            self.clear()
            self.on, self._over = False, True

    def _write(self) -> None:
        now = time.monotonic()
        if self.on and now - self._last >= EVERY:
            self._last = now
            self._shown = True
            sys.stderr.write(f"\r\x1b[K{self.line(now - self._begin)}")
            sys.stderr.flush()

    def _measure(self, lengths: Iterable[float | None]) -> None:
        total, known, seconds = 0, 0, 0.0
        for length in lengths:
            if self._over:
                return
            total += 1
            known += length is not None
            seconds += length or 0.0
        with self._lock:
            self.total = total
            self.seconds = seconds * total / known if known else 0.0


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
