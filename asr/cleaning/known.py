"""What is known of sounds from the last time: a file is measured again only when it has changed.

One SQLite file, to which results are added as they come: whoever is interrupted goes on from there. A file that cannot
be used is thrown away; that costs time, not correctness.
"""

import json
import os
import sqlite3
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import NamedTuple

import numpy as np

from asr.cleaning.prints import Prints
from asr.cleaning.sound import Measured, Sound
from asr.shard_file import shard_of

FORMAT = "1"  # of the measures: another one makes all of them anew


class Stretch(NamedTuple):
    """A file, or a part of it."""

    path: str
    offset: float  # seconds
    duration: float  # seconds; 0 is up to the end


class Known:
    """Sounds by the place and the state (size and times) of their file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._base: sqlite3.Connection | None = None
        for _ in range(2):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._base = self._opened()
                return
            except (sqlite3.DatabaseError, OSError):
                with suppress(OSError):
                    path.unlink()

    def _opened(self) -> sqlite3.Connection:
        base = sqlite3.connect(self._path, timeout=30.0)
        base.execute("PRAGMA synchronous = NORMAL")
        base.execute(
            "CREATE TABLE IF NOT EXISTS sounds "
            "(place TEXT PRIMARY KEY, state TEXT NOT NULL, sound TEXT NOT NULL, prints BLOB NOT NULL) WITHOUT ROWID"
        )
        base.execute(
            "CREATE TABLE IF NOT EXISTS judged (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
        )
        base.execute("SELECT 1 FROM sounds LIMIT 1")
        return base

    def find(self, stretch: Stretch) -> Measured | None:
        """Of a file that is as it was; of one that could not be read nothing is known."""
        state = state_of(stretch.path)
        if self._base is None or not state:
            return None
        try:
            query = "SELECT sound, prints FROM sounds WHERE place = ? AND state = ?"
            row = self._base.execute(query, (_place(stretch), state)).fetchone()
            return None if row is None else Measured(Sound(*json.loads(row[0])), _unpacked(row[1]))
        except (sqlite3.DatabaseError, ValueError, TypeError, struct.error):
            return None

    def add(self, found: Iterable[tuple[Stretch, str, Measured]]) -> None:
        """Each with the state of its file before it was read."""
        rows = [
            (_place(stretch), state, json.dumps(astuple(one.sound)), _packed(one.prints))
            for stretch, state, one in found
            if state
        ]
        if self._base is None or not rows:
            return
        # Another user's folder, or a full disk: the next time all is measured again.
        with suppress(sqlite3.DatabaseError), self._base:
            self._base.executemany("INSERT OR REPLACE INTO sounds VALUES (?, ?, ?, ?)", rows)

    def recall(self, key: str) -> str | None:
        """What was kept by this key."""
        if self._base is None:
            return None
        try:
            row = self._base.execute("SELECT value FROM judged WHERE key = ?", (key,)).fetchone()
        except sqlite3.DatabaseError:
            return None
        return None if row is None else str(row[0])

    def keep(self, values: Mapping[str, str]) -> None:
        """For `recall`."""
        if self._base is not None and values:
            with suppress(sqlite3.DatabaseError), self._base:
                self._base.executemany("INSERT OR REPLACE INTO judged VALUES (?, ?)", values.items())

    def close(self) -> None:
        if self._base is not None:
            self._base.close()


def state_of(path: str) -> str:
    """What changes when the file does; "" where there is none."""
    import soundfile

    try:
        state = os.stat(shard_of(path) or path)  # noqa: PTH116 - a hundred thousand of them
    except (OSError, ValueError):
        return ""
    decoder = soundfile.__libsndfile_version__
    return f"{FORMAT} {decoder} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"


def _place(stretch: Stretch) -> str:
    return f"{stretch.path} {stretch.offset!r}+{stretch.duration!r}"


def _packed(prints: Prints) -> bytes:
    arrays = (prints.signs, prints.weak, prints.margin)
    return struct.pack("<I", len(prints)) + b"".join(array.tobytes() for array in arrays)


def _unpacked(blob: bytes) -> Prints:
    (count,) = struct.unpack_from("<I", blob)
    return Prints(
        np.frombuffer(blob, np.uint32, count, 4),
        np.frombuffer(blob, np.uint32, count, 4 + 4 * count),
        np.frombuffer(blob, np.float32, count, 4 + 8 * count),
    )
