"""Passphrases: asked for on the terminal or read from a file descriptor, and what is encrypted with one (age, scrypt).

A command line is seen by everybody on the machine and kept by shells, so there is no option with the passphrase itself.
"""

import os
import warnings
from getpass import GetPassWarning, getpass
from typing import Any

from asr.errors import EncryptionError

HEADER, ARMOR = b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----"
MOST = 1 << 30  # bytes: with a passphrase, a file is encrypted in memory
SHORTEST = 8  # characters of a new one
_TOO_LONG = 1 << 12  # bytes


class Passphrases:
    """Gives passphrases to those who ask.

    Args:
        descriptor: of a file or pipe that has the passphrase in its first line; None: the terminal is asked.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor
        self._read: str | None = None

    def __call__(self, what: str) -> str:
        """The passphrase of something that is there.

        Raises:
            EncryptionError: there is no terminal, or nothing in the file.
        """
        if self._descriptor is not None:
            return self._line_of(self._descriptor)
        return _prompt(f"passphrase of {what}: ")

    def new(self, what: str) -> str:
        """One for something new: on the terminal it is asked for twice.

        Raises:
            EncryptionError: as above, it is too short, or the two are not the same.
        """
        if self._descriptor is not None:
            chosen = self._line_of(self._descriptor)
        else:
            chosen = _prompt(f"new passphrase for {what}: ")
            if chosen != _prompt("the same again: "):
                raise EncryptionError("the two passphrases are not the same; nothing was written")
        if len(chosen) < SHORTEST:
            raise EncryptionError(
                f"a passphrase of {len(chosen)} characters can be guessed: take {SHORTEST} or more, best several "
                "random words"
            )
        return chosen

    def _line_of(self, descriptor: int) -> str:
        """Read once: of a pipe it would be gone."""
        if self._read is None:
            self._read = _first_line(descriptor)
        return self._read


def is_age(data: bytes) -> bool:
    """Whether it begins as an age file does."""
    return data.startswith((HEADER, ARMOR))


def close_with_passphrase(data: bytes, passphrase: str, *, armored: bool = False) -> bytes:
    """An age file of it.

    Raises:
        EncryptionError: pyrage is not installed, or there is too much.
    """
    check_size(len(data), "this")
    sealed: bytes = need_pyrage().passphrase.encrypt(data, passphrase, armored=armored)
    return sealed


def open_with_passphrase(data: bytes, passphrase: str, where: str) -> bytes:
    """What is in an age file.

    Raises:
        EncryptionError: pyrage is not installed, the passphrase is wrong, or the file cut off or altered.
    """
    pyrage = need_pyrage()
    check_size(len(data), where)
    try:
        found: bytes = pyrage.passphrase.decrypt(data, passphrase)
    except pyrage.DecryptError as error:
        raise EncryptionError(f"{where}: {_reason(str(error))}") from None
    return found


def need_pyrage() -> Any:
    """The library.

    Raises:
        EncryptionError: it is not installed.
    """
    try:
        import pyrage
    except ImportError:
        raise EncryptionError(
            "encryption needs the package pyrage: pip install 'attest-asr[encryption]'"
        ) from None
    return pyrage


def _reason(said: str) -> str:
    if said == "Decryption failed":
        return "this is not its passphrase (or its first lines were altered)"
    if said == "No matching keys found":
        return "it is encrypted for keys, not with a passphrase; give --key FILE"
    if said == "Excessive work parameter for passphrase.":
        return "its passphrase was made to take longer to try than this machine is ready to; it was not tried"
    return f"cut off or altered ({said}); get it again"


def check_size(size: int, where: str) -> None:
    """
    Raises:
        EncryptionError: too much for the memory.
    """
    if size > MOST:
        raise EncryptionError(
            f"{where}: {size / 2**30:.1f} GiB; with a passphrase at most {MOST >> 30} GiB. For more, make a key: "
            "`asr keys new NAME --encryption --passphrase`, and encrypt --to it"
        )


def _prompt(text: str) -> str:
    try:
        with warnings.catch_warnings():
            # Instead of reading standard input, and showing what is typed.
            warnings.simplefilter("error", GetPassWarning)
            typed = getpass(text)
        typed.encode()
    except GetPassWarning:
        raise EncryptionError(
            "a passphrase is needed and there is no terminal to ask: give it by --passphrase-fd N"
        ) from None
    except UnicodeError:
        raise EncryptionError("the passphrase typed is no UTF-8 text; set the terminal to UTF-8") from None
    except EOFError:
        raise EncryptionError("no passphrase was given") from None
    return typed


def _first_line(descriptor: int) -> str:
    data = b""
    try:
        while b"\n" not in data and len(data) <= _TOO_LONG and (more := os.read(descriptor, 1 << 10)):
            data += more
        line = data.split(b"\n")[0].removesuffix(b"\r").decode()
    except OSError as error:
        raise EncryptionError(f"--passphrase-fd {descriptor}: cannot be read: {error.strerror}") from None
    except OverflowError:
        raise EncryptionError(f"--passphrase-fd {descriptor}: there is no such file descriptor") from None
    except UnicodeDecodeError:
        raise EncryptionError(f"--passphrase-fd {descriptor}: no UTF-8 text") from None
    if not line or len(data) > _TOO_LONG:
        raise EncryptionError(
            f"--passphrase-fd {descriptor}: expected the passphrase in the first line, found "
            f"{'nothing' if not line else 'more than fits'}"
        )
    return line
