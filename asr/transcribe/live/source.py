"""Sound that comes as if it were live: a file that is played, or raw samples from a pipe."""

import contextlib
import os
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from asr.audio import Audio, stream_audio
from asr.errors import AudioError
from asr.sound_file import Samples

BLOCK = 0.1  # seconds of sound that a file gives at a time
LOOK = 0.1  # seconds between two looks whether to stop
PIPE = 1 << 20  # bytes that a pipe may hold: half a minute, in which who records need not wait
SET_SIZE = 1031  # F_SETPIPE_SZ, of Linux


class Played:
    """A sound file, block by block, when each is due. It waits for us, so nothing is lost.

    Args:
        path: any file that can be transcribed.
        speed: 1 is real time, 2 twice as fast; 0 does not wait.

    Raises:
        AudioError: the file cannot be read.
    """

    lost = 0

    def __init__(self, path: str | Path, speed: float = 1.0) -> None:
        self._path, self._speed = path, speed
        self._audio = stream_audio(path)
        self._first: Audio = next(self._audio)
        self.sample_rate = self._first.sample_rate  # Hz

    def __enter__(self) -> None:
        """It is open already."""

    def __exit__(self, *_: object) -> None:
        self._audio = iter(())  # what read the file closes it

    def blocks(self, stop: Callable[[], bool]) -> Iterator[Samples]:
        """What is due: more at a time where computing has been slower than the sound; until `stop` says so.

        Raises:
            AudioError: the file is cut off.
        """
        began, played = time.monotonic(), 0
        waiting: list[Samples] = []
        for block in self._parts():
            waiting.append(block)
            played += len(block)
            while (early := self._early(began, played)) > 0 and not stop():
                time.sleep(min(early, LOOK))
            if stop():
                break  # what was due until then was played
            if self._speed and self._early(began, played + len(block)) <= 0 and len(waiting) < 1 / BLOCK:
                continue  # the next block is due, too
            yield np.concatenate(waiting)
            waiting = []
        if waiting:
            yield np.concatenate(waiting)

    def _early(self, began: float, played: int) -> float:
        """Seconds until the sound so far has been played."""
        if not self._speed:
            return 0.0
        return began + played / self.sample_rate / self._speed - time.monotonic()

    def _parts(self) -> Iterator[Samples]:
        size = max(1, round(BLOCK * self.sample_rate))
        block: Audio | None = self._first
        while block is not None:
            for begin in range(0, len(block.samples), size):
                yield block.samples[begin : begin + size]
            block = next(self._audio, None)


class Piped:
    """Raw 16-bit little-endian mono samples from a file descriptor, as `arecord -t raw -f S16_LE` writes them."""

    lost = 0  # whoever writes waits, or knows

    def __init__(self, source: int, sample_rate: int) -> None:
        self._source, self.sample_rate = source, sample_rate
        with contextlib.suppress(ImportError, OSError):  # not Linux, or no pipe
            import fcntl

            fcntl.fcntl(source, SET_SIZE, PIPE)

    def __enter__(self) -> None:
        """Whoever opened the descriptor closes it."""

    def __exit__(self, *_: object) -> None:
        """Likewise."""

    def blocks(self, stop: Callable[[], bool]) -> Iterator[Samples]:
        """All that is there, as soon as there is something; until the end, or until `stop` says so.

        Raises:
            AudioError: what comes is a sound file and not raw samples, or nothing comes.
        """
        rest, begun = b"", False
        while not stop():
            if not select.select([self._source], [], [], LOOK)[0]:
                continue
            block = os.read(self._source, PIPE)
            if not block:
                break
            if not begun and (name := _container(block)):
                raise AudioError(
                    f"standard input: {name}, where raw 16-bit samples are expected; save it to a file and give its "
                    "name, or take off its header (arecord -t raw, ffmpeg -f s16le)"
                )
            begun = True
            block = rest + block
            whole = len(block) - len(block) % 2
            rest = block[whole:]
            if whole:
                yield np.frombuffer(block[:whole], "<i2").astype(np.float32) / np.float32(32768)
        if not begun and not stop():
            raise AudioError("standard input: it ended before any sound came")


def _container(block: bytes) -> str:
    """The kind of sound file that begins so."""
    kinds = {
        b"RIFF": "WAV",
        b"fLaC": "FLAC",
        b"OggS": "Ogg",
        b"ID3": "MP3",
        b"NIST": "SPHERE",
        b"FORM": "AIFF",
    }
    return next((kind for magic, kind in kinds.items() if block.startswith(magic)), "")
