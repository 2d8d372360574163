"""Keys to encrypt for and to decrypt with: those of age, and Ed25519 or RSA keys as SSH has them.

NAME.key   private: AGE-SECRET-KEY-1... as of `age-keygen`, mode 0600, or that inside an age file with a passphrase
NAME.pub   public: age1..., the recipient
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asr.errors import KeyFileError
from asr.safety.key_files import (
    IDENTITY,
    PEM,
    RECIPIENT,
    Ask,
    key_lines,
    opened,
    read_key_file,
    read_public_file,
    what_it_is,
)
from asr.safety.keys import signing_key_of
from asr.safety.passphrases import need_pyrage

_BEGINNINGS = (RECIPIENT, "ssh-ed25519 ", "ssh-rsa ")  # of recipients


def read_recipients(given: str) -> tuple[str, ...]:
    """A recipient (age1..., or a line of an SSH public key), or those in a file with one a line, # for comments.

    Raises:
        KeyFileError: no such file, or what is in it is no recipient.
    """
    if given.startswith(_BEGINNINGS):  # whatever lies here under such a name
        return (given,)
    path = Path(given)
    found = tuple(line for _, line in key_lines(read_public_file(path)))
    if not found:
        raise KeyFileError(
            f"{path}: no recipient in it; expected lines that begin with {RECIPIENT} or ssh-ed25519"
        )
    for line in found:
        if not line.startswith(_BEGINNINGS):
            raise KeyFileError(
                f"{path}: {line[:20]!r}... is no recipient; expected {RECIPIENT}... or ssh-ed25519 ..."
            )
    return found


def parsed_recipient(text: str) -> Any:
    """What can be encrypted to, of one of those that `read_recipients` gives.

    Raises:
        KeyFileError: it is none.
    """
    pyrage = need_pyrage()
    kind = pyrage.x25519 if text.startswith(RECIPIENT) else pyrage.ssh
    try:
        return kind.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise KeyFileError(f"{text[:30]}...: no recipient that can be encrypted to: {error}") from None


def read_identities(path: Path, ask: Ask) -> tuple[Any, ...]:
    """Private keys of a file: of `asr keys new --encryption` or `age-keygen`, or an SSH key without passphrase.

    Raises:
        KeyFileError: none there, others can read it, or its passphrase is wrong.
    """
    return identities_of(opened(path, read_key_file(path, private=True), ask), path)


def identities_of(data: bytes, path: Path) -> tuple[Any, ...]:
    """As `read_identities`, of what is in its file."""
    pyrage = need_pyrage()
    if b"BEGIN PRIVATE KEY-----" in data:
        data = signing_key_of(data, path, _nobody).to_openssh()
    try:
        if PEM in data:
            return (pyrage.ssh.Identity.from_buffer(data),)
        lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines()]
        found = tuple(
            pyrage.x25519.Identity.from_str(line) for line in lines if line.startswith(IDENTITY.decode())
        )
    except pyrage.IdentityError as error:
        raise KeyFileError(f"{path}: no private key for decryption: {error}") from None
    if not found:
        raise KeyFileError(
            f"{path}: no private key for decryption, but {what_it_is(data)}; `asr keys new NAME --encryption` makes one"
        )
    return found


def new_identity() -> tuple[bytes, str]:
    """A file of a new private key as `age-keygen` has it, and its recipient."""
    identity = need_pyrage().x25519.Identity.generate()
    recipient = str(identity.to_public())
    return f"# public key: {recipient}\n{identity}\n".encode(), recipient


def recipients_of(identities: Sequence[Any]) -> list[str]:
    """age1... of those that have one."""
    return [str(one.to_public()) for one in identities if hasattr(one, "to_public")]


def _nobody(what: str) -> str:
    raise KeyFileError(f"{what}: has a passphrase of its own")
