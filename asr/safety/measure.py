"""Size and digest of a file as it is, or in words why there is none; links are not followed."""

import errno
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from pydantic import Field

from asr.frozen import Frozen
from asr.safety.regular_file import NoRegularFileError, open_regular

Code = Literal["missing", "altered", "not-a-file", "unreadable"]
_CHUNK = 1 << 20  # bytes


class File(Frozen):
    """One that was read."""

    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class Unmeasured:
    """No file that could be read."""

    code: Code
    message: str


Measured = File | Unmeasured


def measured(path: Path, copy: Path | None = None, *, most: int | None = None) -> Measured:
    """Reads it once.

    Args:
        copy: where what was read is written to, byte by byte as it was measured; it must not be there.
        most: bytes that it may have; a longer one, which might fill the disk, is not read to its end.
    """
    try:
        with open_regular(path, follow=False) as stream:
            if copy is None:
                return _measured(stream, None, most)
            with copy.open("xb") as out:
                return _measured(stream, out, most)
    except FileNotFoundError:
        return Unmeasured("missing", "is missing")
    except NoRegularFileError:
        return Unmeasured("not-a-file", "is a folder or a device where a file should be")
    except OSError as error:
        if error.errno == errno.ELOOP:
            return Unmeasured("not-a-file", "is a link where a file should be")
        if copy is not None and (error.filename == str(copy) or error.errno in (errno.ENOSPC, errno.EDQUOT)):
            raise
        return Unmeasured("unreadable", f"cannot be read ({error.strerror})")


def _measured(stream: BinaryIO, out: BinaryIO | None, most: int | None) -> Measured:
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
        if most is not None and size > most:
            return Unmeasured("altered", f"altered: more than the {most:,} bytes that were signed")
        if out is not None:
            out.write(chunk)
    return File(bytes=size, sha256=digest.hexdigest())
