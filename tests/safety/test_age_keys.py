"""Files of keys to encrypt for and to decrypt with, and files that cannot be such."""

from pathlib import Path

import pytest

from asr.errors import KeyFileError
from asr.safety.age_keys import new_identity, read_identities, read_recipients
from asr.safety.encryption import encrypt_for
from asr.safety.keys import new_signing_key

PRIVATE, RECIPIENT = new_identity()


def never(what: str) -> str:
    raise AssertionError(f"asked for a passphrase of {what}")


def test_a_file_called_like_a_recipient_is_not_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can write into the folder would otherwise choose who can read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / RECIPIENT).write_text(new_identity()[1])
    assert read_recipients(RECIPIENT) == (RECIPIENT,)


def test_files_of_recipients(tmp_path: Path) -> None:
    line = new_signing_key().public.line
    (tmp_path / "all").write_text(f"# the team\n{RECIPIENT}\n\n{line} alice\n")
    assert read_recipients(str(tmp_path / "all")) == (RECIPIENT, f"{line} alice")
    assert read_recipients(RECIPIENT) == (RECIPIENT,)
    for text, said in (
        ("# nobody\n", "no recipient in it"),
        ("somebody\n", "'somebody'... is no recipient; expected age1"),
        (PRIVATE.decode(), "a private key; give the public one, all.pub"),
    ):
        (tmp_path / "all").write_text(text)
        with pytest.raises(KeyFileError, match=said):
            read_recipients(str(tmp_path / "all"))
    other = "q" if RECIPIENT.endswith("x") else "x"  # its checksum finds any one letter that is another
    with pytest.raises(KeyFileError, match="no recipient that can be encrypted to"):
        encrypt_for(tmp_path / "all", tmp_path / "out", [RECIPIENT[:-1] + other])


def test_files_of_private_keys(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(PRIVATE)
    file.chmod(0o644)
    with pytest.raises(KeyFileError, match="others can read this private key"):
        read_identities(file, never)
    file.chmod(0o600)
    assert len(read_identities(file, never)) == 1
    for text, said in (("nothing", "no private key for decryption"), ("AGE-SECRET-KEY-1X", "no private key")):
        file.write_text(text)
        with pytest.raises(KeyFileError, match=said):
            read_identities(file, never)
