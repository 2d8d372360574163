"""The file of signatures: its bytes, what was signed, and every byte that is not as it was."""

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from shutil import which

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from asr.errors import SignatureError
from asr.safety.envelope import MODEL, RUN, new_envelope, parse_envelope, read_envelope, signed_bytes
from asr.safety.keys import SigningKey

ALICE, BOB = (SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([one]) * 32)) for one in (1, 2))
LISTED = b'{"files": {}}\n'
ENVELOPE = new_envelope(MODEL, LISTED, ALICE).signed_by(BOB)
DATA = ENVELOPE.to_bytes()


def broken(data: bytes) -> str:
    """What is wrong with it: what is said when it is read, or that a signature does not hold; "" when nothing is."""
    try:
        envelope = parse_envelope(data, "here")
    except SignatureError as error:
        return str(error)
    return "" if all(envelope.holds(one) for one in envelope.signatures) else "a signature does not hold"


def test_it_comes_back_and_holds() -> None:
    assert parse_envelope(DATA, "here") == ENVELOPE
    assert broken(DATA) == ""
    assert ENVELOPE.list == LISTED
    assert {one.key for one in ENVELOPE.signatures} == {ALICE.public, BOB.public}


def test_the_order_of_signing_does_not_matter() -> None:
    assert new_envelope(MODEL, LISTED, BOB).signed_by(ALICE).to_bytes() == DATA


def test_what_is_signed_is_the_encoding_of_dsse() -> None:
    # The example of the DSSE protocol.
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert signed_bytes("http://example.com/HelloWorld", b"hello world") == expected


def test_a_signature_is_of_one_kind_of_list() -> None:
    other = ENVELOPE.model_copy(update={"payloadType": RUN})
    assert not any(other.holds(one) for one in other.signatures)


def test_a_signature_is_of_one_list() -> None:
    other = ENVELOPE.model_copy(update={"payload": base64.b64encode(LISTED + b" ").decode()})
    assert not any(other.holds(one) for one in other.signatures)


def test_a_signature_of_another_key_in_its_place() -> None:
    first, second = ENVELOPE.signatures
    swapped = (first.model_copy(update={"sig": second.sig}), second.model_copy(update={"sig": first.sig}))
    assert (
        broken(ENVELOPE.model_copy(update={"signatures": swapped}).to_bytes()) == "a signature does not hold"
    )


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_any_other_byte_is_found(place: int, change: int) -> None:
    assert broken(DATA[:place] + bytes([DATA[place] ^ change]) + DATA[place + 1 :])


@given(st.integers(0, len(DATA) - 1))
def test_a_cut_is_found(length: int) -> None:
    said = broken(DATA[:length])
    assert ("cut off" in said) if 0 < length < len(DATA) - 1 else said


@given(st.integers(0, len(DATA)), st.binary(min_size=1, max_size=3))
def test_a_byte_more_is_found(place: int, more: bytes) -> None:
    data = DATA[:place] + more + DATA[place:]
    assert data == DATA or broken(data)


def test_every_line_twice_or_left_out_is_found() -> None:
    lines = DATA.splitlines(keepends=True)
    for row in range(len(lines)):
        assert broken(b"".join(lines[:row] + lines[row + 1 :]))
        assert broken(b"".join(lines[: row + 1] + lines[row:]))


def changed(**changes: object) -> bytes:
    return (json.dumps({**json.loads(DATA), **changes}, indent=2) + "\n").encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "here: empty; get it again"),
        (b"[]\n", "here: no signatures of Attest: expected kind 'attest-signatures'"),
        (changed(kind="attest-model"), "here: no signatures of Attest"),
        (changed(format=2), "here: of format 2, by a newer Attest; this one reads format 1: update it"),
        (changed(format=0), "here: of format 0, which there never was; expected 1"),
        (changed(format=True), "here: of format True"),
        (changed(format="1"), "here: of format '1'"),
        (changed(more=1), "here: altered or damaged: key more"),
        (changed(payloadType="text/plain"), "here: altered or damaged: key payloadType"),
        (changed(signatures=[]), "here: altered or damaged: key signatures"),
        (changed(signatures=json.loads(DATA)["signatures"] * 60), "here: altered or damaged: key signatures"),
        (changed(format=["x" * 10_000]), f"here: of format ['{'x' * 38}, which there never was"),
        (changed(**{"a\x1b[2J\nb": 1}), "here: altered or damaged: key a[2Jb: "),
        (changed(payload=""), "here: altered: payload is no base64"),
        (
            changed(signatures=[*json.loads(DATA)["signatures"]][::-1]),
            "here: altered: its signatures are not in order",
        ),
        (
            changed(signatures=[json.loads(DATA)["signatures"][0]] * 2),
            "here: altered: its signatures are not in order",
        ),
        (DATA.replace(b"\n", b"\r\n"), "here: altered: not as `asr sign` writes it"),
        (b"[" * 100_000, "here: cut off: no JSON"),
    ],
)
def test_other_files_are_answered(data: bytes, said: str) -> None:
    assert broken(data).startswith(said)


def test_it_is_read_from_a_file(tmp_path: Path) -> None:
    ENVELOPE.write(tmp_path / "signatures.json")
    assert read_envelope(tmp_path / "signatures.json") == ENVELOPE
    with pytest.raises(SignatureError, match="none: cannot be read: No such file"):
        read_envelope(tmp_path / "none")
    with pytest.raises(SignatureError, match="is no regular file; expected signatures"):
        read_envelope(tmp_path)


@pytest.mark.skipif(which("openssl") is None, reason="needs openssl, which is not installed")
def test_openssl_checks_it_by_itself(tmp_path: Path) -> None:
    """With nothing of ours but the file: as docs/safety.md says how."""
    tree = json.loads(DATA)
    payload = base64.b64decode(tree["payload"])
    text, made, pem = (tmp_path / name for name in ("text", "made", "pem"))
    kind = tree["payloadType"].encode()
    text.write_bytes(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
    for one in tree["signatures"]:
        raw = base64.b64decode(one["public_key"].split()[1])[-32:]
        made.write_bytes(base64.b64decode(one["sig"]))
        head = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: SubjectPublicKeyInfo of Ed25519
        body = base64.b64encode(head + raw).decode()
        pem.write_text(f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", pem, "-rawin", "-in", text]
        subprocess.run([*command, "-sigfile", made], check=True, capture_output=True)


def test_what_was_signed_once_can_be_checked_for_good() -> None:
    """Signatures of Ed25519 are the same each time: other bytes here are another format, with another number."""
    first, second = json.loads(DATA)["signatures"]
    assert first["keyid"] == "SHA256:4A9jyZBOhnKZvcGQ6TRFbf5Gymb41AfYvYaVmWHD+G4"
    assert first["public_key"].endswith("IIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU")
    expected = "sqKPhFfG1yJ6LFECJ1pnaFGvTuVrlcg6UZsrf1481zojedbm9ae/bupfuU+AHK1T5fRjrC7o/FiPURnO5dpIDg=="
    assert second["sig"] == expected
    assert (
        hashlib.sha256(DATA).hexdigest() == "7894c4d66dc2ae8776512c3ec45f151b205a0aebd7a0ce51cc4aac6bb777c589"
    )
