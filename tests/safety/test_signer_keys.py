"""Keys to sign with: the standard's vectors, files that other programs read, and files that cannot be keys."""

import os
import subprocess
from pathlib import Path
from shutil import which

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from asr.errors import KeyFileError
from asr.safety.key_files import write_pair
from asr.safety.keys import (
    PublicKey,
    SigningKey,
    is_weak,
    new_signing_key,
    read_public_keys,
    read_signing_key,
)

# RFC 8032, 7.1: secret key, public key, message, signature.
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595b"
        "be24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb430"
        "2aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716e"
        "d28dc027beceea1ec40a",
    ),
]


def never(what: str) -> str:
    raise AssertionError(f"asked for a passphrase of {what}")


def pair(folder: Path, name: str = "alice") -> tuple[SigningKey, Path, Path]:
    key = new_signing_key()
    return key, *write_pair(folder / name, key.to_pem(), f"{key.public.line} {name}\n")


@pytest.mark.parametrize(("secret", "public", "message", "signature"), VECTORS)
def test_vectors_of_rfc_8032(secret: str, public: str, message: str, signature: str) -> None:
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret)))
    assert key.public == PublicKey(bytes.fromhex(public))
    text, made = bytes.fromhex(message), bytes.fromhex(signature)
    assert key.sign(text) == made
    assert key.public.verifies(made, text)
    for place in range(0, 64, 7):
        other = made[:place] + bytes([made[place] ^ 1]) + made[place + 1 :]
        assert not key.public.verifies(other, text)
    assert not key.public.verifies(made, text + b"x")
    assert not key.public.verifies(made[:63], text)


def test_a_point_that_is_none_verifies_nothing() -> None:
    assert not PublicKey(b"\xff" * 32).verifies(bytes(64), b"")


def test_a_pair_comes_back(tmp_path: Path) -> None:
    key, secret, public = pair(tmp_path)
    assert (secret.name, public.name) == ("alice.key", "alice.pub")
    assert secret.stat().st_mode & 0o777 == 0o600
    assert read_signing_key(secret, never).public == key.public
    (found,) = read_public_keys(public).keys
    assert (found.raw, found.name) == (key.public.raw, "alice")
    assert read_public_keys(key.public.line).keys == (key.public,)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    pair(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(KeyFileError, match=r"alice\.key: already there, and keys are never written over"):
        pair(tmp_path)
    (tmp_path / "alice.key").unlink()  # the other one alone
    with pytest.raises(KeyFileError, match=r"alice\.pub: already there"):
        pair(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"alice.pub": before["alice.pub"]}


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be written: No such file"):
        pair(tmp_path / "none")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_private_key_that_others_can_read_is_refused(mode: int, tmp_path: Path) -> None:
    _, secret, _ = pair(tmp_path)
    secret.chmod(mode)
    with pytest.raises(
        KeyFileError, match=f"others can read this private key \\(mode {mode:04o}\\); chmod 600"
    ):
        read_signing_key(secret, never)


@pytest.mark.skipif(which("ssh-keygen") is None, reason="needs ssh-keygen, which is not installed")
def test_openssh_has_the_same_fingerprint_and_its_keys_are_read(tmp_path: Path) -> None:
    key, _, public = pair(tmp_path)
    said = subprocess.run(["ssh-keygen", "-lf", public], capture_output=True, text=True, check=True).stdout
    assert said.split()[:3] == ["256", key.public.fingerprint, "alice"]
    theirs = tmp_path / "theirs"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "x y", "-f", theirs], check=True)
    read = read_signing_key(theirs, never).public
    (listed,) = read_public_keys(theirs.with_suffix(".pub")).keys
    assert listed == PublicKey(read.raw, "x y")


@pytest.mark.skipif(which("openssl") is None, reason="needs openssl, which is not installed")
def test_openssl_checks_a_signature_and_its_keys_are_read(tmp_path: Path) -> None:
    key, secret, _ = pair(tmp_path)
    pem, text, made = (tmp_path / name for name in ("public.pem", "text", "made"))
    run = ["openssl", "pkey", "-in", secret, "-pubout", "-out", pem]
    subprocess.run(run, check=True, capture_output=True)
    text.write_bytes(b"what was signed")
    made.write_bytes(key.sign(b"what was signed"))
    check = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        pem,
        "-rawin",
        "-in",
        text,
        "-sigfile",
        made,
    ]
    subprocess.run(check, check=True, capture_output=True)
    assert read_public_keys(pem).keys[0].raw == key.public.raw
    locked = tmp_path / "locked.pem"
    command = ["openssl", "pkey", "-in", secret, "-aes256", "-passout", "pass:open sesame", "-out", locked]
    subprocess.run(command, check=True, capture_output=True)
    locked.chmod(0o600)
    assert read_signing_key(locked, lambda what: "open sesame").public == key.public
    with pytest.raises(KeyFileError, match="the passphrase is wrong, or the file is damaged"):
        read_signing_key(locked, lambda what: "open sesam")


def test_a_file_of_several_keys(tmp_path: Path) -> None:
    keys = [new_signing_key().public for _ in range(2)]
    file = tmp_path / "trusted"
    file.write_text(f"# those of us\n\n{keys[0].line}\n  {keys[1].line} bob of the archive\n")
    assert [key.raw for key in read_public_keys(file).keys] == [key.raw for key in keys]
    assert [key.name for key in read_public_keys(file).keys] == ["", "bob of the archive"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "no key in it"),
        (b"# nothing\n", "no key in it"),
        (
            b"ssh-rsa AAAAB3NzaC1yc2E= x\n",
            "line 1: no public Ed25519 key: expected ssh-ed25519 AAAA..., found ssh-rsa",
        ),
        (b"ssh-ed25519 AAAA\n", "line 1: no public Ed25519 key"),
        (b"ssh-ed25519 !!!\n", "line 1: no public Ed25519 key"),
        (b"\x00\xff\xfe garbage", "line 1: no public Ed25519 key: .*found something else"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public Ed25519 key"),
        (b"x" * (1 << 20) + b"x", "bytes are no keys"),
    ],
)
def test_what_is_no_public_key(text: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_bytes(text)
    with pytest.raises(KeyFileError, match=said):
        read_public_keys(file)


def test_a_private_key_in_the_place_of_a_public_one(tmp_path: Path) -> None:
    _, secret, public = pair(tmp_path)
    with pytest.raises(KeyFileError, match=r"a private key; give the public one, alice\.pub"):
        read_public_keys(secret)
    with pytest.raises(KeyFileError, match="no private key to sign with, but a public key; `asr keys new`"):
        read_signing_key(public, never)  # its mode is not what is wrong with it


def test_a_private_key_in_the_place_of_its_file_is_not_repeated(tmp_path: Path) -> None:
    secret = "AGE-SECRET-KEY-1" + "Q" * 58
    for given in (secret, secret.lower()):
        with pytest.raises(KeyFileError, match="a private key was given where the name of its file") as error:
            read_public_keys(given)
        assert "QQQ" not in str(error.value).upper()


# Points of order 1, 2, 4 and 8, and the neutral one written in another way: y = p + 1.
WEAK = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@pytest.mark.parametrize("raw", WEAK)
def test_a_key_under_which_anybody_can_sign_is_refused(raw: str) -> None:
    with pytest.raises(KeyFileError, match="under which anybody can sign"):
        read_public_keys(PublicKey(bytes.fromhex(raw)).line)


def test_why_it_is_refused() -> None:
    """The library takes the neutral point R and s = 0 for a signature of anything."""
    neutral = bytes([1]) + bytes(31)
    assert PublicKey(neutral).verifies(neutral + bytes(32), b"anything")


@pytest.mark.parametrize("seed", range(8))
def test_honest_keys_are_not_weak(seed: int) -> None:
    raw = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)).public.raw
    assert not is_weak(raw)


def test_what_is_no_private_key(tmp_path: Path) -> None:
    key, secret, _ = pair(tmp_path)
    secret.write_bytes(key.to_pem()[:60])
    with pytest.raises(KeyFileError, match="no private key that can be read"):
        read_signing_key(secret, never)
    rsa = generate_private_key(65537, 1024)
    secret.write_bytes(rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(KeyFileError, match="not an Ed25519 key"):
        read_signing_key(secret, never)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="no such file; `asr keys new NAME` makes keys"):
        read_public_keys(tmp_path / "none")
    with pytest.raises(KeyFileError, match="is no regular file"):
        read_public_keys(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(KeyFileError, match="is no regular file"):  # and nobody waits for the other end
        read_public_keys(tmp_path / "pipe")
