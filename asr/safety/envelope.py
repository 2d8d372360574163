"""The file of signatures: a list of digests, and who has signed it. DSSE, the envelope of in-toto and Sigstore.

What is signed is "DSSEv1", the type of the list, its length and its bytes (the pre-authentication encoding of DSSE):
so a signature under one kind of list is none under another, and none under anything else that a key may sign. Of the
same list and signatures the file has the same bytes, and any other file is refused.
"""

import base64
import binascii
import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from asr.errors import SignatureError
from asr.files import write_text
from asr.frozen import Frozen, first_problem
from asr.safety.key_files import LARGEST
from asr.safety.keys import SIGNATURE_BYTES, PublicKey, SigningKey, public_key_of
from asr.safety.regular_file import NoRegularFileError, open_regular

FORMAT = 1
KIND = "attest-signatures"
PayloadType = Literal["application/vnd.attest.model+json", "application/vnd.attest.run+json"]
MODEL: Final = "application/vnd.attest.model+json"
RUN: Final = "application/vnd.attest.run+json"
MOST_BYTES = 16 * LARGEST
MOST_SIGNATURES = 100  # each is computed over the whole list


class Signature(Frozen):
    """Of one signer."""

    keyid: str  # fingerprint of the key
    public_key: str  # ssh-ed25519 AAAA...
    sig: str  # base64 of 64 bytes

    @property
    def key(self) -> PublicKey:
        found = public_key_of(self.public_key)
        assert found is not None  # looked at when it was read
        return found


class Envelope(Frozen):
    """Of a file of signatures."""

    kind: Literal["attest-signatures"] = "attest-signatures"
    format: Literal[1] = 1
    payloadType: PayloadType  # noqa: N815  # as DSSE calls it
    payload: str  # base64
    signatures: Annotated[tuple[Signature, ...], Field(min_length=1, max_length=MOST_SIGNATURES)]

    @property
    def list(self) -> bytes:
        """What was signed, without its type."""
        return _decoded(self.payload)

    def to_bytes(self) -> bytes:
        return (json.dumps(self.model_dump(mode="json"), indent=2) + "\n").encode()

    def holds(self, signature: Signature) -> bool:
        """Whether a signature is one of its key under this list."""
        return signature.key.verifies(_decoded(signature.sig), signed_bytes(self.payloadType, self.list))

    def signed_by(self, key: SigningKey) -> "Envelope":
        """With one signature more, sorted by fingerprint.

        Raises:
            SignatureError: there are too many.
        """
        if len(self.signatures) == MOST_SIGNATURES:
            raise SignatureError(f"{MOST_SIGNATURES} have signed this; that is as many as there can be")
        made = _signature(key, self.payloadType, self.list)
        ordered = tuple(sorted((*self.signatures, made), key=lambda one: one.keyid))
        return self.model_copy(update={"signatures": ordered})

    def write(self, path: Path) -> None:
        """Whole or not at all."""
        write_text(path, self.to_bytes().decode())


def new_envelope(kind: PayloadType, listed: bytes, key: SigningKey) -> Envelope:
    """Of a list that nobody has signed yet."""
    payload = base64.b64encode(listed).decode()
    return Envelope(payloadType=kind, payload=payload, signatures=(_signature(key, kind, listed),))


def signed_bytes(kind: str, listed: bytes) -> bytes:
    """The pre-authentication encoding of DSSE."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(listed), listed)


def read_envelope(path: Path) -> Envelope:
    """
    Raises:
        SignatureError: it cannot be read, is no such file, cut off, altered, or of another format.
    """
    try:
        with open_regular(path) as stream:
            data = stream.read(MOST_BYTES + 1)
    except NoRegularFileError:
        raise SignatureError(f"{path}: is no regular file; expected signatures") from None
    except OSError as error:
        raise SignatureError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise SignatureError(f"{path}: more than {MOST_BYTES >> 20} MiB are no signatures")
    return parse_envelope(data, str(path))


def parse_envelope(data: bytes, where: str) -> Envelope:
    """Errors as of `read_envelope`."""
    tree = _tree(data, where)
    found = tree.get("format")
    if type(found) is not int or found != FORMAT:
        if type(found) is int and found > FORMAT:
            raise SignatureError(
                f"{where}: of format {found}, by a newer Attest; this one reads format {FORMAT}: update it"
            )
        raise SignatureError(f"{where}: of format {found!r:.40}, which there never was; expected {FORMAT}")
    try:
        envelope = Envelope.model_validate_json(data)
    except ValidationError as error:
        raise SignatureError(f"{where}: altered or damaged: {first_problem(error)}; get it again") from None
    if (wrong := _wrong(envelope)) or envelope.to_bytes() != data:
        raise SignatureError(
            f"{where}: altered: {wrong or 'not as `asr sign` writes it'}; get it again, or sign anew"
        )
    return envelope


def _tree(data: bytes, where: str) -> dict[str, Any]:
    if not data:
        raise SignatureError(f"{where}: empty; get it again")
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError) as error:
        what = "cut off" if not data.endswith(b"}\n") else "altered"
        raise SignatureError(f"{where}: {what}: no JSON ({error}); get it again") from None
    if not isinstance(tree, dict) or tree.get("kind") != KIND:
        raise SignatureError(f"{where}: no signatures of Attest: expected kind {KIND!r}")
    return tree


def _wrong(envelope: Envelope) -> str:
    """What no file of ours has."""
    keys = [one.keyid for one in envelope.signatures]
    if not envelope.list:
        return "payload is no base64"
    for one in envelope.signatures:
        key = public_key_of(one.public_key)
        if key is None:
            return "a public_key is none"
        if key.fingerprint != one.keyid:
            return "keyid is not that of its public_key"
        if len(_decoded(one.sig)) != SIGNATURE_BYTES:
            return "a sig is none"
    return "" if keys == sorted(set(keys)) else "its signatures are not in order"


def _signature(key: SigningKey, kind: str, listed: bytes) -> Signature:
    public = key.public
    sig = base64.b64encode(key.sign(signed_bytes(kind, listed))).decode()
    return Signature(keyid=public.fingerprint, public_key=public.line, sig=sig)


def _decoded(text: str) -> bytes:
    """Base64 as it is written here; nothing for any other."""
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""
    return data if base64.b64encode(data).decode() == text else b""
