"""Folders among the temporary files for what is nobody else's business, which do not outlive who made them for long.

Each is locked as long as its process lives. A process that is killed cannot remove its own; the next one that needs
such a folder sees that nobody holds it, and does.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "asr-private-"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def private_folder() -> Iterator[Path]:
    """A new folder of mode 0700, removed at the end.

    Raises:
        OSError: there is no room for one.
    """
    _remove_left_over()
    path, lock = _new()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _new() -> tuple[Path, int]:
    """The folder, and a descriptor that keeps its lock."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        descriptor = os.open(path, _FOLDER)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another process takes it for left over, and will remove it
            os.close(descriptor)
            continue
        except OSError:  # a file system without locks: nothing is ever taken for left over there
            return path, descriptor
        if path.exists():
            return path, descriptor
        os.close(descriptor)


def _remove_left_over() -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            descriptor = os.open(path, _FOLDER)
        except OSError:  # no folder, or that of somebody else
            continue
        try:
            if os.fstat(descriptor).st_uid == os.geteuid():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        except OSError:  # it is in use
            pass
        finally:
            os.close(descriptor)
