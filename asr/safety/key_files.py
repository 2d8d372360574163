"""Files of keys: private ones are for their owner alone and are never written over."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from asr.errors import EncryptionError, KeyFileError
from asr.safety.passphrases import is_age, open_with_passphrase
from asr.safety.regular_file import NoRegularFileError, new_file, open_regular

LARGEST = 1 << 20  # bytes of a file of keys
PRIVATE, PUBLIC = ".key", ".pub"
PEM, IDENTITY = b"PRIVATE KEY-----", b"AGE-SECRET-KEY-1"  # what private keys have in them
RECIPIENT = "age1"  # how the public key of an IDENTITY begins
Ask = Callable[[str], str]  # for the passphrase of what is named


def check_new(name: Path) -> tuple[Path, Path]:
    """The two files of a new pair.

    Raises:
        KeyFileError: one of them is there.
    """
    secret, open_ = (name.with_name(name.name + suffix) for suffix in (PRIVATE, PUBLIC))
    for path in (secret, open_):
        if os.path.lexists(path):
            raise KeyFileError(f"{path}: already there, and keys are never written over; choose another name")
    return secret, open_


def write_pair(name: Path, private: bytes, public: str) -> tuple[Path, Path]:
    """NAME.key, mode 0600, and NAME.pub: both or none of them.

    Raises:
        KeyFileError: one of them is there already, or the folder cannot be written to.
    """
    secret, open_ = check_new(name)
    try:
        with new_file(secret, 0o600) as out:
            out.write(private)
        try:
            with new_file(open_, 0o644) as out:
                out.write(public.encode())
        except BaseException:
            secret.unlink()  # made just now: nothing depends on it
            raise
    except OSError as error:
        raise KeyFileError(f"{secret}: cannot be written: {error.strerror}") from None
    return secret, open_


def read_key_file(path: Path, *, private: bool = False) -> bytes:
    """
    Args:
        private: nobody but its owner may be able to read it.

    Raises:
        KeyFileError: it cannot be read, is no small regular file, or others can read what is private.
    """
    if str(path).upper().startswith(IDENTITY.decode()) and len(str(path)) > 60:  # no error may repeat it
        raise KeyFileError(
            "a private key was given where the name of its file is expected; by now others may have seen it (a command "
            "line is not secret): make a new one"
        )
    try:
        with open_regular(path) as stream:
            found = os.fstat(stream.fileno())
            data = stream.read(LARGEST + 1)
    except FileNotFoundError:
        raise KeyFileError(f"{path}: no such file; `asr keys new NAME` makes keys") from None
    except NoRegularFileError:
        raise KeyFileError(f"{path}: is no regular file; expected a file of keys") from None
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > LARGEST:
        raise KeyFileError(f"{path}: {found.st_size:,} bytes are no keys")
    if private and found.st_mode & 0o077 and is_private(data):
        mode = stat.S_IMODE(found.st_mode)
        raise KeyFileError(f"{path}: others can read this private key (mode {mode:04o}); chmod 600 it")
    return data


def read_public_file(path: Path) -> str:
    """Text of a file of public keys.

    Raises:
        KeyFileError: as `read_key_file`, or it is private.
    """
    data = read_key_file(path)
    if is_private(data):
        raise KeyFileError(f"{path}: a private key; give the public one, {path.with_suffix(PUBLIC).name}")
    return data.decode("utf-8-sig", "replace")


def key_lines(text: str) -> list[tuple[int, str]]:
    """Numbers, from 1, and the lines that have a key: neither empty nor comments."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    return [(number, line) for number, line in lines if line and not line.startswith("#")]


def is_private(data: bytes) -> bool:
    """Whether it has a private key, or may have one: an age file is one that has a passphrase."""
    return PEM in data or IDENTITY in data or is_age(data)


def what_it_is(data: bytes) -> str:
    """For errors, the keys that somebody gave where others are expected."""
    if PEM in data:
        return "a private key to sign with"
    if IDENTITY in data:
        return "a private key to decrypt with"
    if is_age(data):
        return "something encrypted"
    if has_recipient(data):
        return "a public key to encrypt for"
    if any(line.strip().startswith((b"ssh-", b"-----BEGIN PUBLIC KEY")) for line in data.splitlines()):
        return "a public key"
    return "something else"


def has_recipient(data: bytes) -> bool:
    """Whether a line of it begins as a public key of age does."""
    return any(line.strip().startswith(RECIPIENT.encode()) for line in data.splitlines())


def opened(path: Path, data: bytes, ask: Ask) -> bytes:
    """What is in a file of keys that has a passphrase, being an age file; any other as it is.

    Raises:
        KeyFileError: the passphrase is wrong, or the file damaged.
    """
    if not is_age(data):
        return data
    try:
        return open_with_passphrase(data, ask(str(path)), str(path))
    except EncryptionError as error:
        raise KeyFileError(str(error)) from None
