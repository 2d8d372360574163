"""A model packed into one file: a plain .tar that is read by its list of digests, not by what its headers say.

model/digests.json    first: which files follow, in which order, with their sizes and SHA-256
model/model.json      and then the others, as asr.model.contents.FILES orders them

Of the same files it has the same bytes: no times, no owners. So all of it can be told beforehand but the contents of
the files, and those are known by their digests: whatever else stands in one (a link, a device, another name, a byte in
the padding) is not what was expected, and nothing of it is used.
"""

import hashlib
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from asr.errors import BundleError, StorageError
from asr.files import whole_file
from asr.model.contents import LIST, MODEL, WEIGHTS, Contents, File, Sources, contents_of, read_contents
from asr.model.exported import ONNX
from asr.model.foreign import EXPECTED, what_it_is
from asr.model.named import can_be

FOLDER = "model/"  # what every name begins with: `tar xf` makes one folder, and that is a bundle
SUFFIX = ".tar"
BLOCK, RECORD = 512, 20 * 512  # bytes: of a header, and what the length of a .tar is a multiple of
LONGEST_LIST = 1 << 16  # bytes
_CHUNK = 1 << 20  # bytes read at once


def write_packed(path: Path, sources: Sources) -> Contents:
    """Packs files into one, which appears whole or not at all.

    Raises:
        BundleError: a file cannot be read, is too large, or has changed under way.
        StorageError: `path` cannot be written.
    """
    contents = contents_of(sources)
    text = contents.to_bytes()
    with whole_file(path) as part, part.open("wb") as out:
        out.write(_header(LIST, len(text)) + text + bytes(_padding(len(text))))
        for name, file in contents.files.items():
            out.write(_header(name, file.bytes))
            _write(out, name, sources[name], file)
            out.write(bytes(_padding(file.bytes)))
        out.write(bytes(_end(out.tell())))
    return contents


def read_packed(path: Path, folder: Path | None = None) -> Contents:
    """Reads a packed model through and checks every byte of it.

    Args:
        folder: an empty one, into which its files are written as they are read, digests.json too; None: nowhere. What
            is there after an error is to be thrown away.

    Raises:
        BundleError: no packed model, of a newer format, cut off or altered; the message says which.
        StorageError: the folder cannot be written to.
    """
    with _opened(path) as stream:
        contents = _read_list(stream, path)
        if folder is not None:
            with _writing(folder / LIST) as out:
                out.write(contents.to_bytes())
        for number, (name, file) in enumerate(contents.files.items(), 2):
            header = stream.read(BLOCK)
            if header != _header(name, file.bytes):
                raise BundleError(f"{path}: {_surprise(header, number, name, file.bytes)}")
            digest = _copy(stream, file.bytes, folder / name if folder is not None else None)
            if digest != file.sha256:
                raise BundleError(
                    f"{path}: {name} in it is altered or damaged: SHA-256 is {digest[:12]}…, its list says "
                    f"{file.sha256[:12]}…; get it again"
                )
            _expect_zeros(stream, _padding(file.bytes), path)
        _expect_zeros(stream, _end(stream.tell()), path)
    return contents


def _read_list(stream: BinaryIO, path: Path) -> Contents:
    header = stream.read(BLOCK)
    size = _size_in(header)
    if header != _header(LIST, size):
        raise BundleError(f"{path}: {what_it_is(header, _length(stream))}")
    if size > LONGEST_LIST:
        raise BundleError(f"{path}: altered: a list of files of {size:,} bytes; get it again")
    text = stream.read(size)
    if len(text) < size:
        raise BundleError(f"{path}: cut off in its list of files; get it again")
    contents = read_contents(text, str(path))
    needed = (MODEL, ONNX if ONNX in contents.files else WEIGHTS)  # its weights may be left out then
    if missing := [name for name in needed if name not in contents.files]:
        raise BundleError(f"{path}: altered: no {missing[0]} in it; get it again")
    _expect_zeros(stream, _padding(size), path)
    expected = BLOCK + size + _padding(size)
    expected += sum(BLOCK + file.bytes + _padding(file.bytes) for file in contents.files.values())
    expected += _end(expected)
    if _length(stream) != expected:
        what = "cut off" if _length(stream) < expected else "altered: something follows the model"
        raise BundleError(
            f"{path}: {what}: {_length(stream):,} bytes, its list adds up to {expected:,}; get it again"
        )
    return contents


def _size_in(header: bytes) -> int:
    """Bytes of the file that a header announces; 0 where it is none."""
    digits = header[124:135]
    return int(digits, 8) if len(digits) == 11 and all(digit in b"01234567" for digit in digits) else 0


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(FOLDER + name)
    member.size, member.mode, member.mtime = size, 0o644, 0
    return member.tobuf(tarfile.USTAR_FORMAT)


def _padding(size: int) -> int:
    return -size % BLOCK


def _end(place: int) -> int:
    """Zeros after the last file: two blocks, and what fills the record."""
    return 2 * BLOCK + -(place + 2 * BLOCK) % RECORD


def _length(stream: BinaryIO) -> int:
    return os.fstat(stream.fileno()).st_size


def _surprise(header: bytes, number: int, name: str, size: int) -> str:
    expected = f"the file {FOLDER + name} of {size:,} bytes is expected"
    try:
        member = tarfile.TarInfo.frombuf(header, "utf-8", "replace")
    except tarfile.HeaderError:
        return f"altered or damaged: no header where {expected}; get it again"
    kind = _KINDS.get(member.type, "a member of another kind")
    found = f"member {number} is {kind}, {member.name!r}, {member.size:,} bytes"
    return f"altered, or not made by `asr models pack`: {found}, where {expected}; get it again"


_KINDS = {
    tarfile.REGTYPE: "a file",
    tarfile.AREGTYPE: "a file",
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.DIRTYPE: "a folder",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


def _write(out: BinaryIO, name: str, source: Path | bytes, file: File) -> None:
    digest, size = hashlib.sha256(), 0
    for chunk in _chunks(source):
        digest.update(chunk)
        size += len(chunk)
        out.write(chunk)
    if (size, digest.hexdigest()) != (file.bytes, file.sha256):
        raise BundleError(f"{name}: changed while it was packed; pack it again when nothing writes to it")


def _chunks(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _copy(stream: BinaryIO, size: int, target: Path | None) -> str:
    """SHA-256 of so many bytes, which are written to the target on the way."""
    digest = hashlib.sha256()
    with _writing(target) as out:
        while size and (chunk := stream.read(min(size, _CHUNK))):
            digest.update(chunk)
            size -= len(chunk)
            out.write(chunk)
    return digest.hexdigest()


def _expect_zeros(stream: BinaryIO, size: int, path: Path) -> None:
    if stream.read(size) != bytes(size):
        raise BundleError(f"{path}: altered or damaged: something between its files; get it again")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if can_be(path.is_dir):
        raise BundleError(f"{path}: is a folder; {EXPECTED}")
    if can_be(path.exists) and not path.is_file():
        raise BundleError(f"{path}: is no regular file; {EXPECTED}")
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        raise BundleError(f"{path}: no such file; `asr models pack` makes one of a run or a bundle") from None
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from None
    with stream:
        yield stream


@contextmanager
def _writing(target: Path | None) -> Iterator[BinaryIO]:
    try:
        with (target or Path(os.devnull)).open("xb" if target else "wb") as out:
            yield out
    except OSError as error:
        raise StorageError(f"{target}: cannot be written: {error.strerror or error}") from error
