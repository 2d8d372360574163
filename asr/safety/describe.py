"""What is in a file of keys, whichever kind it is."""

from collections.abc import Iterator
from pathlib import Path

from asr.safety.age_keys import identities_of, read_recipients, recipients_of
from asr.safety.key_files import IDENTITY, PEM, Ask, has_recipient, opened, read_key_file
from asr.safety.keys import PublicKey, read_public_keys, signing_key_of


def describe(path: Path, ask: Ask) -> Iterator[dict[str, str]]:
    """For each key its kind, its fingerprint (of those for encryption the recipient), and its name.

    Raises:
        KeyFileError: no keys there, a private one that others can read, or its passphrase is wrong.
    """
    data = opened(path, read_key_file(path, private=True), ask)
    if PEM in data:
        yield _signing("private key to sign with", signing_key_of(data, path, ask).public)
    elif IDENTITY in data:
        for recipient in recipients_of(identities_of(data, path)):
            yield {"kind": "private key to decrypt with", "fingerprint": recipient, "name": ""}
    elif has_recipient(data):
        for recipient in read_recipients(str(path)):
            yield {"kind": "public key to encrypt for", "fingerprint": recipient, "name": ""}
    else:
        for key in read_public_keys(path).keys:
            yield _signing("public key of a signer", key)


def _signing(kind: str, key: PublicKey) -> dict[str, str]:
    return {"kind": kind, "fingerprint": key.fingerprint, "name": key.name}
