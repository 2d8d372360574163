"""Which files: names on the command line, folders, and lists of names, one a line."""

import os
import select
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from asr.errors import AsrError

# What files in a folder are taken for sound by; a file that is named itself may be called anything.
SUFFIXES = {
    *(".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".nist"),
    *(".oga", ".ogg", ".opus", ".rf64", ".snd", ".sph", ".w64", ".wav"),
}
STDIN = "-"
WAIT = 0.2  # seconds without a name until those so far are heard


def named(paths: Iterable[str]) -> Iterator[str]:
    """Files as they are, and instead of a folder the sound files in it and its folders, sorted by name.

    A folder without any stays, so that reading it says what it is.
    """
    for path in paths:
        inside = _sound_in(path) if Path(path).is_dir() else iter(())
        first = next(inside, None)
        yield path if first is None else first
        yield from inside


def listed(path: str) -> Iterator[str | None]:
    """The names in a file, or from standard input for "-", where None says that there is none for now.

    Raises:
        AsrError: the list cannot be read.
    """
    if path == STDIN:
        yield from _from_stdin()
        return
    with _open(path) as stream:
        for line in stream:
            if name := line.rstrip("\r\n"):
                yield name


def count_listed(path: str) -> int | None:
    """How many; None for what can be read only once. Errors are those of `listed`."""
    if path == STDIN or Path(path).is_fifo() or Path(path).is_char_device():
        return None
    with _open(path) as stream:
        return sum(1 for line in stream if line.rstrip("\r\n"))


def _open(path: str) -> TextIO:
    try:
        return Path(path).open(encoding="utf-8", errors="surrogateescape", newline="\n")
    except OSError as error:
        raise AsrError(
            f"--list {path}: cannot be read ({error.strerror}); give a file with a name a line"
        ) from None


def _sound_in(folder: str) -> Iterator[str]:
    """Links are followed, each folder once."""
    seen: set[str] = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(parent)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in sorted(files):
            if Path(name).suffix.lower() in SUFFIXES:
                yield str(Path(parent, name))


def _from_stdin() -> Iterator[str | None]:
    if sys.stdin is None:
        raise AsrError("--list -: there is no standard input")
    source, rest = sys.stdin.fileno(), b""
    while True:
        if not select.select([source], [], [], WAIT)[0]:
            yield None
            continue
        block = os.read(source, 1 << 16)
        *lines, rest = (rest + block).split(b"\n")
        if not block:
            lines = [rest]
        yield from (os.fsdecode(name) for line in lines if (name := line.rstrip(b"\r")))
        if not block:
            return
