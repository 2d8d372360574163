"""What a system has heard, kept as soon as it is there: JSON Lines in the cache, one file for each identity.

An answer is known by the system that gave it (all that decides its answers and its speed), the machine, and the samples
that were heard. Whoever changes any of them has another file or another line, and hears again.
"""

import fcntl
import os
from pathlib import Path
from typing import Any, Self

from asr.benchmark.errors import BenchmarkError
from asr.benchmark.transcripts import Answered, line_of, read_line
from asr.runs.environment import processor
from asr.runs.seal import canonical_digest

FORMAT = 2


def identity_digest(identity: dict[str, Any], cores: int, at_once: int) -> str:
    """Of a system with its circumstances: cores, utterances at the same time, this machine's processor."""
    return canonical_digest(
        {"format": FORMAT, "identity": identity, "cores": cores, "at_once": at_once, "processor": processor()}
    )


class AnswerCache:
    """The answers of one system, in a file that this process holds."""

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        """
        Raises:
            BenchmarkError: another process holds the file, or it cannot be read.
        """
        self.path = path
        self.by_audio: dict[str, Answered] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = path.open("a+b", buffering=0)
        except OSError as error:
            raise BenchmarkError(
                f"{path}: cannot be written: {error.strerror}; choose another --cache"
            ) from None
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._stream.close()
            raise BenchmarkError(
                f"{path}: another process is hearing with this system; wait for it, or choose another --cache"
            ) from None
        try:
            if fresh:
                self._stream.truncate(0)
            self._read()
        except BaseException:
            self._stream.close()
            raise

    @property
    def sessions(self) -> int:
        """Starts of the system that have left answers."""
        return 1 + max((each.session for each in self.by_audio.values()), default=-1)

    def _read(self) -> None:
        """What a killed process has left of its last line is taken off."""
        self._stream.seek(0)
        content = self._stream.readall() or b""
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._stream.truncate(whole)
        for number, line in enumerate(content[:whole].split(b"\n")[:-1], 1):
            try:
                heard = read_line(line, f"{self.path}:{number}", Answered)
            except BenchmarkError as error:
                raise BenchmarkError(f"{error}; delete the file, or hear again with --fresh") from None
            self.by_audio[heard.audio] = heard

    def add(self, heard: Answered) -> None:
        """On disk when this returns, as far as a killed process goes.

        Raises:
            BenchmarkError: it cannot be written, as on a full disk; then nothing of it is left.
        """
        line = line_of(heard).encode()
        begun = self._stream.seek(0, os.SEEK_END)
        try:
            written = 0
            while written < len(line):
                written += self._stream.write(line[written:])
        except OSError as error:
            self._stream.truncate(begun)
            raise BenchmarkError(
                f"{self.path}: cannot be written: {error.strerror}; what was heard before is kept"
            ) from None
        self.by_audio[heard.audio] = heard

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
