"""Files for certain readers alone, and what the tool `age` makes of them."""

import errno
import io
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.errors import EncryptionError, StorageError
from asr.safety import encryption, passphrases
from asr.safety.age_keys import identities_of, new_identity
from asr.safety.encryption import (
    decrypt_with_keys,
    decrypt_with_passphrase,
    encrypt_for,
    encrypt_with_passphrase,
)
from asr.safety.keys import new_signing_key

TEXT = bytes(range(256)) * 1000  # four pieces of 64 KiB, the last one not full
PRIVATE, RECIPIENT = new_identity()
IDENTITY = identities_of(PRIVATE, Path("mine"))


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("sealed")
    (folder / "text").write_bytes(TEXT)
    encrypt_for(folder / "text", folder / "out", [RECIPIENT])
    return (folder / "out").read_bytes()


def decrypted(data: bytes, folder: Path, identities: Any = IDENTITY) -> bytes:
    (folder / "sealed.age").write_bytes(data)
    decrypt_with_keys(folder / "sealed.age", folder / "text", identities)
    found = (folder / "text").read_bytes()
    (folder / "text").unlink()
    return found


def test_it_comes_back(sealed: bytes, tmp_path: Path) -> None:
    assert decrypted(sealed, tmp_path) == TEXT
    assert TEXT[:64] not in sealed
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537])
def test_sizes_around_a_piece(size: int, tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(TEXT[:size])
    encrypt_for(tmp_path / "plain", tmp_path / "out", [RECIPIENT])
    assert decrypted((tmp_path / "out").read_bytes(), tmp_path) == TEXT[:size]


def test_several_recipients_of_several_kinds(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(TEXT)
    other, recipient = new_identity()
    key = new_signing_key()
    encrypt_for(tmp_path / "plain", tmp_path / "out", [recipient, RECIPIENT, key.public.line])
    for private in (PRIVATE, other, key.to_pem(), key.to_openssh()):
        found = decrypted((tmp_path / "out").read_bytes(), tmp_path, identities_of(private, Path("key")))
        assert found == TEXT


def test_how_far_it_has_come(sealed: bytes, tmp_path: Path) -> None:
    told: list[int] = []
    (tmp_path / "sealed").write_bytes(sealed)
    decrypt_with_keys(tmp_path / "sealed", tmp_path / "out", IDENTITY, told.append)
    assert told == sorted(told) and told[-1] == len(sealed) and len(told) > 3


def test_the_wrong_key(sealed: bytes, tmp_path: Path) -> None:
    other = identities_of(new_identity()[0], Path("other"))
    with pytest.raises(
        EncryptionError, match=r"sealed\.age: encrypted for others: none of these keys opens it"
    ):
        decrypted(sealed, tmp_path, other)
    assert [path.name for path in tmp_path.iterdir()] == ["sealed.age"]


@given(data=st.data())
@settings(max_examples=60)
def test_any_other_byte_is_found(
    sealed: bytes, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("altered")
    altered = bytearray(sealed)
    altered[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(EncryptionError, match=r"sealed\.age: "):
        decrypted(bytes(altered), folder)
    assert [path.name for path in folder.iterdir()] == ["sealed.age"]  # not even a piece that was right


@given(data=st.data())
@settings(max_examples=40)
def test_a_cut_is_found(sealed: bytes, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("cut")
    length = data.draw(st.integers(0, len(sealed) - 1) | st.sampled_from([216 + 65552 * n for n in range(4)]))
    with pytest.raises(EncryptionError, match="cut off"):
        decrypted(sealed[:length], folder)
    assert [path.name for path in folder.iterdir()] == ["sealed.age"]


def test_where_it_was_altered(sealed: bytes, tmp_path: Path) -> None:
    altered = bytearray(sealed)
    altered[100_000] ^= 1
    with pytest.raises(EncryptionError, match=rf"altered before byte [\d,]+ of {len(sealed):,}"):
        decrypted(bytes(altered), tmp_path)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no file in the age format"),
        (b"PK\x03\x04" + bytes(300), "no file in the age format"),
        (b"age-encryption.org/v2\n-> X", "another version of the age format than v1"),
        (b"age-encryption.org/v1\n", "its first lines are altered or cut off"),
    ],
)
def test_other_files(data: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(EncryptionError, match=said):
        decrypted(data, tmp_path)
    with pytest.raises(EncryptionError):
        decrypt_with_passphrase(tmp_path / "sealed.age", tmp_path / "out", "a passphrase")


@pytest.mark.parametrize("work", [encrypt_for, decrypt_with_keys])
def test_nothing_is_written_over(work: Callable[..., None], sealed: bytes, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(sealed)
    (tmp_path / "out").write_bytes(b"dear to somebody")
    with pytest.raises(EncryptionError, match="out: already there, and nothing is written over"):
        work(tmp_path / "in", tmp_path / "out", [RECIPIENT] if work is encrypt_for else IDENTITY)
    assert (tmp_path / "out").read_bytes() == b"dear to somebody"


@pytest.mark.parametrize("work", [encrypt_for, decrypt_with_keys])
def test_an_interruption_leaves_nothing(work: Callable[..., None], sealed: bytes, tmp_path: Path) -> None:
    def interrupt(done: int) -> None:
        if done > 100_000:
            raise KeyboardInterrupt

    (tmp_path / "in").write_bytes(sealed)
    with pytest.raises(KeyboardInterrupt):
        work(tmp_path / "in", tmp_path / "out", [RECIPIENT] if work is encrypt_for else IDENTITY, interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


class Full(io.BytesIO):
    def write(self, block: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("work", [encrypt_for, decrypt_with_keys])
def test_a_full_disk_is_called_so(
    work: Callable[..., None], sealed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.fdopen

    def open_full(descriptor: int, mode: str) -> Any:
        return Full() if mode == "wb" else opened(descriptor, mode)

    (tmp_path / "in").write_bytes(sealed)
    monkeypatch.setattr(os, "fdopen", open_full)
    with pytest.raises(StorageError, match="out: cannot be written: No space left on device"):
        work(tmp_path / "in", tmp_path / "out", [RECIPIENT] if work is encrypt_for else IDENTITY)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_source_that_cannot_be_read_is_not_blamed_on_the_disk(
    sealed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(encryption, "_opened", lambda source: Broken())
    with pytest.raises(EncryptionError, match="in: cannot be read: Input/output error"):
        encrypt_for(tmp_path / "in", tmp_path / "out", [RECIPIENT])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("named", [False, True])
def test_what_was_decrypted_is_for_its_owner(
    named: bool, sealed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a file system cannot make a file without a name; and nothing is left of one that has been."""
    if named:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    (tmp_path / "in").write_bytes(sealed)
    decrypt_with_keys(tmp_path / "in", tmp_path / "out", IDENTITY)
    assert (tmp_path / "out").read_bytes() == TEXT
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


@pytest.mark.parametrize("named", [False, True])
def test_a_file_that_somebody_makes_meanwhile_stays(
    named: bool, sealed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if named:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)

    def make(done: int) -> None:
        (tmp_path / "out").write_text("dear")

    (tmp_path / "in").write_bytes(sealed)
    with pytest.raises(EncryptionError, match="out: already there"):
        decrypt_with_keys(tmp_path / "in", tmp_path / "out", IDENTITY, make)
    assert (tmp_path / "out").read_text() == "dear"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


KILLED = """import os, signal, sys
from pathlib import Path
from asr.safety.age_keys import identities_of
from asr.safety.encryption import decrypt_with_keys
folder = Path(sys.argv[1])
keys = identities_of((folder / "key").read_bytes(), folder)
def told(done):
    if done > 200_000:
        os.kill(os.getpid(), signal.SIGKILL)
decrypt_with_keys(folder / "in", folder / "out", keys, told)
"""


@pytest.mark.skipif(
    not hasattr(os, "O_TMPFILE"), reason="needs O_TMPFILE: elsewhere a file has a name from the start"
)
def test_a_killed_process_leaves_nothing_of_the_text(sealed: bytes, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(sealed)
    (tmp_path / "key").write_bytes(PRIVATE)
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=False, timeout=200)
    assert done.returncode == -signal.SIGKILL
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "key"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(TEXT)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        encrypt_for(tmp_path / "plain", tmp_path / "file" / "out", [RECIPIENT])
    with pytest.raises(EncryptionError, match="none: cannot be read: No such file"):
        encrypt_for(tmp_path / "none", tmp_path / "out", [RECIPIENT])
    with pytest.raises(EncryptionError, match="is no regular file"):
        encrypt_for(tmp_path, tmp_path / "out", [RECIPIENT])


def test_there_is_a_limit_with_a_passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passphrases, "MOST", 10)
    (tmp_path / "plain").write_bytes(TEXT)
    with pytest.raises(EncryptionError, match="with a passphrase at most .*asr keys new NAME --encryption"):
        encrypt_with_passphrase(tmp_path / "plain", tmp_path / "out", "correct horse")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(shutil.which("age") is None, reason="needs the tool age, which is not installed")
def test_age_reads_what_is_written_here(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(TEXT)
    (tmp_path / "key").write_bytes(PRIVATE)
    encrypt_for(tmp_path / "plain", tmp_path / "out.age", [RECIPIENT])
    found = subprocess.run(
        ["age", "-d", "-i", "key", "out.age"], cwd=tmp_path, capture_output=True, check=True
    )
    assert found.stdout == TEXT
    subprocess.run(["age", "-r", RECIPIENT, "-o", "theirs.age", "plain"], cwd=tmp_path, check=True)
    assert decrypted((tmp_path / "theirs.age").read_bytes(), tmp_path) == TEXT
    assert stat.S_IMODE((tmp_path / "out.age").stat().st_mode) & 0o400
