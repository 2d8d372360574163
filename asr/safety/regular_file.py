"""Regular files: opened without waiting for the other end of a pipe, and made whole or not at all, over nothing."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_OWN = Path("/proc/self/fd")  # where a file without a name can be found


class NoRegularFileError(Exception):
    """A folder, a device or a pipe is in the place of a file."""


def open_regular(path: Path, *, follow: bool = True) -> BinaryIO:
    """
    Args:
        follow: whether it may be a link.

    Raises:
        NoRegularFileError: it is no file.
        OSError: it is not there, cannot be read, or is a link (ELOOP).
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NoRegularFileError(path)
    return os.fdopen(descriptor, "rb")


@contextmanager
def new_file(path: Path, mode: int) -> Iterator[BinaryIO]:
    """Yields what to write into; at the end it gets its name, which nothing else may have.

    Until then it has none where the file system can do so, and is gone with the process, however that ends.

    Args:
        mode: permissions, less those that the umask takes.

    Raises:
        OSError: it cannot be written; FileExistsError: something is there.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        descriptor, part = _begun(folder, path.name, mode)
        try:
            with os.fdopen(descriptor, "wb") as out:
                yield out
                out.flush()
                os.fsync(out.fileno())
                source = part or str(_OWN / str(out.fileno()))
                os.link(source, path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=not part)
        finally:
            if part:
                os.unlink(part, dir_fd=folder)
        os.fsync(folder)
    finally:
        os.close(folder)


def _begun(folder: int, name: str, mode: int) -> tuple[int, str]:
    """A descriptor of an empty file, and its name; "": it has none."""
    unnamed = getattr(os, "O_TMPFILE", None)
    if unnamed is not None and _OWN.is_dir():
        try:
            return os.open(".", unnamed | os.O_WRONLY | os.O_CLOEXEC, mode, dir_fd=folder), ""
        except OSError:  # not every file system has it
            pass
    part = f".{name[:200]}.{secrets.token_hex(4)}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return os.open(part, flags, mode, dir_fd=folder), part
