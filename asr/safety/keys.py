"""Ed25519 keys for signatures, in files that other programs read.

NAME.key   private: PEM PKCS#8 (RFC 8410), mode 0600, or that inside an age file with a passphrase
NAME.pub   public: a line as OpenSSH has it, "ssh-ed25519 AAAA... NAME", with the fingerprint of `ssh-keygen -l`
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.errors import KeyFileError
from asr.safety.key_files import PEM, Ask, key_lines, opened, read_key_file, read_public_file, what_it_is

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ALGORITHM = "ssh-ed25519"
BYTES, SIGNATURE_BYTES = 32, 64  # of a public key, of a signature
_P = (1 << 255) - 19  # of the field
_D = -121665 * pow(121666, -1, _P) % _P  # of the curve -x² + y² = 1 + d·x²·y²
_HEAD = len(ALGORITHM).to_bytes(4, "big") + ALGORITHM.encode() + BYTES.to_bytes(4, "big")


@dataclass(frozen=True)
class PublicKey:
    """Of somebody who signs."""

    raw: bytes  # 32
    name: str = ""  # as the file of keys calls it

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -lf` prints it."""
        digest = hashlib.sha256(_HEAD + self.raw).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    @property
    def line(self) -> str:
        """As in a .pub file, without the name."""
        return f"{ALGORITHM} {base64.b64encode(_HEAD + self.raw).decode()}"

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether this key has signed this message (RFC 8032).

        Raises:
            KeyFileError: `cryptography` is not installed.
        """
        need_cryptography()
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):  # a key that is no point of the curve verifies nothing
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """A private key, open."""

    private: "Ed25519PrivateKey"

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """64 bytes; of the same message always the same ones."""
        return self.private.sign(message)

    def to_pem(self) -> bytes:
        """PKCS#8, not encrypted."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def to_openssh(self) -> bytes:
        """The same, for programs that read OpenSSH's format alone."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        return self.private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


@dataclass(frozen=True)
class Trusted:
    """Public keys of one file, or of one line: one of them must have signed."""

    source: str  # the file, as it was given
    keys: tuple[PublicKey, ...]


def new_signing_key() -> SigningKey:
    """From the system's random numbers."""
    need_cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return SigningKey(Ed25519PrivateKey.generate())


def read_signing_key(path: Path, ask: Ask) -> SigningKey:
    """Of a PEM file (PKCS#8 or OpenSSH's), or one inside an age file with a passphrase.

    Args:
        ask: is called for the passphrase, where one is needed.

    Raises:
        KeyFileError: no private Ed25519 key there, others can read it, or the passphrase is wrong.
    """
    return signing_key_of(opened(path, read_key_file(path, private=True), ask), path, ask)


def signing_key_of(data: bytes, path: Path, ask: Ask) -> SigningKey:
    """As `read_signing_key`, of what is in its file."""
    need_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    load: Any = load_ssh_private_key if b"BEGIN OPENSSH PRIVATE KEY" in data else load_pem_private_key
    if PEM not in data:
        raise KeyFileError(
            f"{path}: no private key to sign with, but {what_it_is(data)}; `asr keys new` makes one (NAME.key)"
        )
    try:
        try:
            key = load(data, password=None)
        except TypeError:  # it is encrypted
            key = load(data, password=ask(str(path)).encode())
    except UnsupportedAlgorithm as error:
        raise KeyFileError(
            f"{path}: cannot be opened ({error}); take a key of `asr keys new --passphrase`"
        ) from None
    except (ValueError, TypeError):
        raise KeyFileError(
            f"{path}: no private key that can be read: the passphrase is wrong, or the file is damaged"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: not an Ed25519 key; `asr keys new` makes one")
    return SigningKey(key)


def read_public_keys(given: str | Path) -> Trusted:
    """Of a file with a key a line, of a PEM file, or of one such line itself. # begins a comment.

    Raises:
        KeyFileError: it cannot be read, or something in it is no public Ed25519 key.
    """
    if isinstance(given, str) and given.startswith(f"{ALGORITHM} "):
        return Trusted("the key given", (_public_key(given, "the key given"),))
    path = Path(given)
    text = read_public_file(path)
    if "-----BEGIN PUBLIC KEY-----" in text:
        return Trusted(str(path), (_of_pem(path, text),))
    keys = tuple(_public_key(line, f"{path}: line {number}") for number, line in key_lines(text))
    if not keys:
        raise KeyFileError(f"{path}: no key in it; expected lines that begin with {ALGORITHM}")
    return Trusted(str(path), keys)


def read_trusted(given: Sequence[str | Path] | str | Path) -> tuple[Trusted, ...]:
    """Each as `read_public_keys` has it."""
    several = [given] if isinstance(given, str | Path) else given
    return tuple(read_public_keys(each) for each in several)


def public_key_of(line: str) -> PublicKey | None:
    """The key of a line without a name, to the letter; None: it is none."""
    try:
        key = _public_key(line, "")
    except KeyFileError:
        return None
    return key if key.line == line else None


def is_weak(raw: bytes) -> bool:
    """Whether these 32 bytes are a point of small order, or no number below the field's prime (RFC 8032, 5.1.3).

    Signatures under such a point can be made by anybody, and libraries accept them.
    """
    y = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    square = y * y % _P
    # Twice the point has y = 0 where x² = -y², which on the curve is d·y⁴ + 2·y² - 1 = 0.
    return y >= _P or y in (0, 1, _P - 1) or (_D * square * square + 2 * square - 1) % _P == 0


def need_cryptography() -> None:
    """
    Raises:
        KeyFileError: it is not installed.
    """
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise KeyFileError("signatures need the package cryptography: pip install cryptography") from None


def _public_key(line: str, where: str) -> PublicKey:
    kind, _, rest = line.partition(" ")
    text, _, name = rest.strip().partition(" ")
    try:
        blob = base64.b64decode(text, validate=True)
    except ValueError:
        blob = b""
    if kind != ALGORITHM or blob[: len(_HEAD)] != _HEAD or len(blob) != len(_HEAD) + BYTES:
        short = kind.isprintable() and len(kind) < 40
        found = kind if short else what_it_is(line.encode())
        raise KeyFileError(f"{where}: no public Ed25519 key: expected {ALGORITHM} AAAA..., found {found}")
    return _strong(
        blob[len(_HEAD) :], "".join(char for char in name.strip() if char.isprintable())[:80], where
    )


def _of_pem(path: Path, text: str) -> PublicKey:
    need_cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(text.encode())
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{path}: no public Ed25519 key; `asr keys new` makes one")
    return _strong(key.public_bytes_raw(), path.stem, str(path))


def _strong(raw: bytes, name: str, where: str) -> PublicKey:
    if is_weak(raw):
        raise KeyFileError(f"{where}: a key under which anybody can sign; do not trust who gave it to you")
    return PublicKey(raw, name)
