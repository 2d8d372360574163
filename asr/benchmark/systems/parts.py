"""What a system is made of: files and folders by digest and size, without their place; packages by version."""

import hashlib
from importlib import metadata
from pathlib import Path

from asr.benchmark.errors import HearingError
from asr.files import sha256_file

MOST = 10_000  # files of a folder


def digest_of(path: Path) -> str:
    """Hexadecimal SHA-256: of a file's bytes; of a folder over the names and digests of all files in it.

    Raises:
        HearingError: it is not there, or cannot be read.
    """
    try:
        if not path.is_dir():
            return sha256_file(path)
        whole = hashlib.sha256()
        for each in files_in(path):
            whole.update(f"{each.relative_to(path).as_posix()}\0{sha256_file(each)}\n".encode())
        return whole.hexdigest()
    except OSError as error:
        raise HearingError(f"{path}: cannot be read ({error.strerror}); check the path") from None


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; 0 where there is none."""
    if path.is_dir():
        return sum(each.stat().st_size for each in files_in(path))
    return path.stat().st_size if path.is_file() else 0


def files_in(folder: Path) -> list[Path]:
    """All files in a folder and its folders, but what Python leaves beside its modules; sorted by name.

    Raises:
        HearingError: they are more than a recogniser has.
    """
    found = []
    for each in folder.rglob("*"):
        if each.is_file() and "__pycache__" not in each.parts:
            found.append(each)
        if len(found) > MOST:
            raise HearingError(
                f"{folder}: more than {MOST} files; name those that decide the answers, by `files`"
            )
    return sorted(found)


def versions_of(extra: str, *distributions: str) -> dict[str, str]:
    """Version of each package, by its name.

    Args:
        extra: of ours, that brings them.

    Raises:
        HearingError: one is not installed; says how to get it.
    """
    found = versions_here(*distributions)
    missing = [name for name in distributions if name not in found]
    if missing:
        raise HearingError(f"needs {missing[0]}, which is not installed: pip install 'attest-asr[{extra}]'")
    return found


def versions_here(*distributions: str) -> dict[str, str]:
    """The same of those that are installed."""
    found = {}
    for name in distributions:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
