"""Which files: names on the command line, folders, globs, and lists of names, one a line."""

import glob
import os
import select
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TextIO

from asr.errors import AsrError

# What files in a folder are taken for sound by; a file that is named itself may be called anything.
SUFFIXES = {
    *(".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".nist"),
    *(".oga", ".ogg", ".opus", ".rf64", ".snd", ".sph", ".w64", ".wav"),
    # with the extra `media`
    *(".3gp", ".aac", ".amr", ".avi", ".flv", ".m4a", ".m4b", ".m4v", ".mka"),
    *(".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wma", ".wmv"),
}
STDIN = "-"
WAIT = 0.2  # seconds without a name until those so far are heard


@dataclass(frozen=True)
class Named:
    """A file, and how it came to be meant."""

    path: str
    folder: str = ""  # the one that was named instead of it, or the fixed part of a glob

    @property
    def place(self) -> PurePath:
        """Where its transcripts belong in a folder of transcripts, without the suffix of sound.

        The path as it was given; of one that is absolute or goes up what is below the folder that was named, and that
        folder's name. So it depends on nothing but this name.
        """
        path = PurePath(self.path)
        if path.is_absolute() or ".." in path.parts:
            inside = path.relative_to(self.folder) if self.folder else PurePath(path.name)
            path = PurePath(Path(self.folder).resolve().name, inside) if self.folder else inside
        return PurePath("stdin") if self.path == STDIN else without_suffix(path)


def without_suffix(path: PurePath) -> PurePath:
    """Without .wav and the like; what is no suffix of sound belongs to the name."""
    return path.with_suffix("") if path.suffix.lower() in SUFFIXES else path


def named(paths: Iterable[str]) -> Iterator[Named]:
    """Files as they are; instead of a folder the sound files in it and its folders, sorted by name; of a glob that the
    shell has left what it fits, `**` any folders.

    A folder without any stays, and so does a glob, so that reading it says what it is.
    """
    for given in paths:
        if is_folder(given):
            yield from _or_itself(given, (Named(inside, given) for inside in _sound_in(given)))
        elif is_glob(given):
            yield from _or_itself(given, _fitting(given))
        else:
            yield Named(given)


def is_folder(path: str | Path) -> bool:
    """Not where nobody can tell: no permission, or a name that is too long. Whoever opens it says so."""
    try:
        return Path(path).is_dir()
    except OSError:
        return False


def is_glob(path: str) -> bool:
    """Not where a file is called so."""
    return glob.has_magic(path) and not os.path.lexists(path)


def _or_itself(given: str, found: Iterator[Named]) -> Iterator[Named]:
    first = next(found, None)
    yield Named(given) if first is None else first
    yield from found


def _fitting(pattern: str) -> Iterator[Named]:
    fixed = PurePath()
    for part in PurePath(pattern).parts[:-1]:
        if glob.has_magic(part):
            break
        fixed /= part
    for path in sorted(set(glob.iglob(pattern, recursive=True))):  # noqa: PTH207  # keeps "./" and finds links
        if not is_folder(path):
            yield Named(path, str(fixed))
        elif "**" not in PurePath(pattern).parts:  # which comes to the files in it by itself
            for inside in _sound_in(path):
                yield Named(inside, str(fixed))


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
    if path == STDIN or _is_read_once(path):
        return None
    with _open(path) as stream:
        return sum(1 for line in stream if line.rstrip("\r\n"))


def _is_read_once(path: str) -> bool:
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def _open(path: str) -> TextIO:
    try:
        # -sig: Notepad puts a mark before the first name
        return Path(path).open(encoding="utf-8-sig", errors="surrogateescape", newline="\n")
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
