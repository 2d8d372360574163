"""Files for certain readers alone: the age format (https://age-encryption.org/v1), by pyrage.

The `age` tool reads them, and what it writes is read here.

For recipients a file of any size is encrypted as it is read. With a passphrase it is held in memory: that is all that
pyrage offers there.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from asr.errors import EncryptionError, StorageError
from asr.safety.age_keys import parsed_recipient
from asr.safety.passphrases import (
    ARMOR,
    HEADER,
    check_size,
    close_with_passphrase,
    is_age,
    need_pyrage,
    open_with_passphrase,
)
from asr.safety.regular_file import NoRegularFileError, new_file, open_regular

SUFFIX = ".age"
_PASSPHRASE = b"\n-> scrypt "
ENCRYPTED, DECRYPTED = 0o666, 0o600  # modes: what was for certain readers is for its owner alone
Told = Callable[[int], None]  # bytes read so far


def encrypt_for(source: Path, target: Path, recipients: Sequence[str], told: Told = lambda _: None) -> None:
    """Encrypts a file for recipients, each of whom can read it alone.

    Args:
        recipients: as `read_recipients` gives them.

    Raises:
        EncryptionError: the source cannot be read, or the target is there.
        KeyFileError: one is no recipient.
        StorageError: the target cannot be written.
    """
    pyrage = need_pyrage()
    parsed = [parsed_recipient(one) for one in recipients]

    def work(reader: "_Reader", out: "_Writer") -> None:
        pyrage.encrypt_io(reader, out, parsed)

    _stream(source, target, ENCRYPTED, told, work, pyrage.EncryptError)


def encrypt_with_passphrase(source: Path, target: Path, passphrase: str) -> None:
    """As `encrypt_for`, but with a passphrase, in memory."""
    check_target(target)
    data = close_with_passphrase(_read(source), passphrase)
    with _writing(target, ENCRYPTED) as out:
        out.write(data)


def decrypt_with_keys(
    source: Path, target: Path, identities: Sequence[Any], told: Told = lambda _: None
) -> None:
    """What is in an age file, for one of the identities that `read_identities` gives.

    Raises:
        EncryptionError: no age file, for others, cut off, altered; or the target is there.
        StorageError: the target cannot be written.
    """
    pyrage = need_pyrage()

    def work(reader: "_Reader", out: "_Writer") -> None:
        pyrage.decrypt_io(reader, out, list(identities))

    _check_is_age(source)
    _stream(source, target, DECRYPTED, told, work, pyrage.DecryptError)


def decrypt_with_passphrase(source: Path, target: Path, passphrase: str) -> None:
    """As `decrypt_with_keys`, but with a passphrase, in memory."""
    _check_is_age(source)
    check_target(target)
    data = open_with_passphrase(_read(source), passphrase, str(source))
    with _writing(target, DECRYPTED) as out:
        out.write(data)


class _Reader:
    """A stream that says how far it is read. What goes wrong in it would otherwise become the library's error."""

    def __init__(self, stream: BinaryIO, told: Told) -> None:
        self._stream, self._told = stream, told
        self.done = 0  # bytes
        self.error: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            block = self._stream.read(size)
            self.done += len(block)
            self._told(self.done)
        except BaseException as error:
            self.error = error  # a Ctrl-C, too
            raise
        return block


class _Writer:
    """Likewise for what is written: a disk that is full is nothing that was altered."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.error: BaseException | None = None

    def write(self, block: bytes) -> int:
        try:
            return self._stream.write(block)
        except BaseException as error:
            self.error = error
            raise

    def flush(self) -> None:
        """Is done when it is closed."""


def _stream(
    source: Path,
    target: Path,
    mode: int,
    told: Told,
    work: Callable[[_Reader, _Writer], None],
    failure: type[Exception],
) -> None:
    with _opened(source) as stream, _writing(target, mode) as out:
        reader, writer = _Reader(stream, told), _Writer(out)
        try:
            work(reader, writer)
        except (failure, OSError) as error:
            if isinstance(reader.error, OSError):
                raise _unreadable(source, reader.error) from None
            if (cause := reader.error or writer.error) is not None:
                raise cause from None
            if "KeyboardInterrupt" in str(error):  # it came between the calls
                raise KeyboardInterrupt from None
            raise EncryptionError(f"{source}: {_reason(error, reader, source)}") from None


@contextmanager
def _writing(target: Path, mode: int) -> Iterator[BinaryIO]:
    """A new file, which is there when all went well, and never in the place of another."""
    check_target(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with new_file(target, mode) as out:
            yield out
    except OSError as error:
        check_target(target)  # somebody else may have made one
        raise StorageError(f"{target}: cannot be written: {error.strerror or error}") from error


def _reason(error: Exception, reader: _Reader, source: Path) -> str:
    """Every 64 KiB have their own proof, and the last ones that they are the last."""
    size = source.stat().st_size
    if str(error) == "No matching keys found":
        with _opened(source) as stream:
            if _PASSPHRASE in stream.read(len(HEADER) + 2 * len(_PASSPHRASE)):
                return "encrypted with a passphrase, not for keys; give --passphrase"
        return "encrypted for others: none of these keys opens it (or its first lines were altered)"
    if not isinstance(error, OSError):
        return f"its first lines are altered or cut off ({error}); get it again"
    if reader.done < size:
        return f"altered before byte {reader.done:,} of {size:,}; get it again"
    return f"cut off (it has {size:,} bytes), or altered near its end; get it again"


def _check_is_age(source: Path) -> None:
    with _opened(source) as stream:
        begin = stream.read(len(ARMOR))
    if begin.startswith(HEADER) and b"org/v1\n" not in begin:
        raise EncryptionError(
            f"{source}: another version of the age format than v1; a newer `age` may read it"
        )
    if not is_age(begin):
        raise EncryptionError(
            f"{source}: no file in the age format; it is not encrypted, or cut off or altered"
        )


def check_target(target: Path) -> None:
    """
    Raises:
        EncryptionError: something is there.
    """
    if os.path.lexists(target):
        raise EncryptionError(
            f"{target}: already there, and nothing is written over; choose another name with -o"
        )


def _read(source: Path) -> bytes:
    with _opened(source) as stream:
        check_size(os.fstat(stream.fileno()).st_size, str(source))
        try:
            return stream.read()
        except OSError as error:
            raise _unreadable(source, error) from None


def _opened(source: Path) -> BinaryIO:
    try:
        return open_regular(source)
    except NoRegularFileError:
        raise EncryptionError(f"{source}: is no regular file") from None
    except OSError as error:
        raise _unreadable(source, error) from None


def _unreadable(source: Path, error: OSError) -> EncryptionError:
    return EncryptionError(f"{source}: cannot be read: {error.strerror}")
