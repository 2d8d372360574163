"""Unpacking: only plain files and folders, only inside the target, all of them or none."""

import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from asr.corpora.cache import exclusive, whole_folder
from asr.corpora.reading import Progress
from asr.errors import CorpusError

_Kind = Literal["r:gz", "r:bz2", "r:xz", "r:", "zip"]
_STARTS: dict[bytes, _Kind] = {
    b"\x1f\x8b": "r:gz",
    b"BZh": "r:bz2",
    b"\xfd7zXZ\x00": "r:xz",
    b"PK\x03\x04": "zip",
}
# Speech is packed two or three times smaller. What grows far beyond that was made to fill the disk.
MOST_TIMES = 20  # the archive's size, that may come out of it
MOST_BESIDES = 64 << 20  # bytes beyond that: a small archive may hold little more than zeros
ENTRY = 512  # bytes that each entry counts at the least, so that endless empty ones are too many as well
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, RuntimeError)


def archive_kind(path: Path) -> _Kind | None:
    """How the file is packed, by its first bytes; None when it is no archive."""
    with path.open("rb") as stream:
        start = stream.read(512)
    for magic, kind in _STARTS.items():
        if start.startswith(magic):
            return kind
    return "r:" if start[257:262] == b"ustar" else None


def unpack(archive: Path, target: Path, progress: Progress, nested: str = "") -> Path:
    """Unpacks into `target` unless that exists already (it is then whole), and gives back `target`.

    Args:
        nested: glob of archives that lie in the archive; each is unpacked where it lies, and removed.

    Raises:
        CorpusError: no archive, cut off or damaged, far too large, or an entry that is a link, a device, or
            points outside.
        OSError: no space or no permission.
    """
    with exclusive(target):
        if not target.is_dir():
            kind = archive_kind(archive)
            if kind is None:
                raise CorpusError(
                    f"{archive}: not an archive; expected .tar.gz, .tar.bz2, .tar.xz, .tar, .zip or a folder"
                )
            with whole_folder(target) as part:
                _unpack(archive, kind, part, progress)
                for inner in sorted(part.rglob(nested)) if nested else ():
                    _unpack_nested(inner, progress)
    return target


def _unpack_nested(archive: Path, progress: Progress) -> None:
    kind = archive_kind(archive)
    if kind is None:
        raise CorpusError(
            f"{archive.name}: not an archive, though its name says so; fetch what it lay in again"
        )
    _unpack(archive, kind, archive.parent, progress)
    archive.unlink()


def _unpack(archive: Path, kind: _Kind, folder: Path, progress: Progress) -> None:
    files, told, size = 0, 0, archive.stat().st_size
    left = most = MOST_TIMES * size + MOST_BESIDES
    try:
        with archive.open("rb") as stream:
            for name, length, contents in _entries(archive, kind, stream):
                left -= max(length, ENTRY)
                if left < 0:
                    raise CorpusError(
                        f"{archive}: its {size} bytes unpack to more than {most}, as no speech does; if they "
                        f"are right all the same, unpack the archive yourself and name the folder"
                    )
                _write(archive, folder, name, length, contents)
                files += contents is not None
                if stream.tell() - told >= 1 << 20:
                    told = stream.tell()
                    progress(f"unpack {archive.name}", told, size)
    except (*_DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the system's trouble; decompressors raise it without a number for bad contents
        raise CorpusError(
            f"{archive}: cut off or damaged after {files} files ({error}); fetch the archive again"
        ) from None
    if not files:
        raise CorpusError(f"{archive}: there are no files in this archive; fetch it again")
    progress(f"unpack {archive.name}", size, size)


def _write(archive: Path, folder: Path, name: str, length: int, contents: IO[bytes] | None) -> None:
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts or "\\" in name:
        raise CorpusError(f"{archive}: entry {name!r} points outside the archive; this is no corpus archive")
    path = folder / relative
    if contents is None:
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with contents, path.open("wb") as out:
        shutil.copyfileobj(contents, out, 1 << 20)
        if out.tell() != length:
            raise EOFError(f"{name} has {out.tell()} of {length} bytes")


def _entries(archive: Path, kind: _Kind, stream: IO[bytes]) -> Iterator[tuple[str, int, IO[bytes] | None]]:
    """Name, bytes and contents of each file; folders have no contents. Anything else is refused."""
    refusal = "is a link or a device; only files and folders are unpacked"
    if kind == "zip":
        with zipfile.ZipFile(stream) as packed:
            for info in packed.infolist():
                if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise CorpusError(f"{archive}: entry {info.filename!r} {refusal}")
                yield info.filename, info.file_size, None if info.is_dir() else packed.open(info)
        return
    with tarfile.open(fileobj=stream, mode=kind) as tar:
        for member in tar:
            if not (member.isreg() or member.isdir()):
                raise CorpusError(f"{archive}: entry {member.name!r} {refusal}")
            yield member.name, member.size, tar.extractfile(member) if member.isreg() else None
