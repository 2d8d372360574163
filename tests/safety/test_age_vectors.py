"""What the tool `age` has written is read."""

import json
from pathlib import Path

import pytest

from asr.errors import EncryptionError
from asr.safety.age_keys import identities_of
from asr.safety.encryption import decrypt_with_keys, decrypt_with_passphrase
from asr.safety.passphrases import open_with_passphrase

VECTORS = json.loads((Path(__file__).parent / "age_vectors.json").read_text(encoding="utf-8"))


def vector(name: str, folder: Path) -> Path:
    (folder / "vector.age").write_text(VECTORS[name])
    return folder / "vector.age"


@pytest.mark.parametrize(("name", "key"), [("for_identity", "identity"), ("for_ssh", "ssh_identity")])
def test_what_age_has_written_is_read(name: str, key: str, tmp_path: Path) -> None:
    identities = identities_of(VECTORS[key].encode(), Path(key))
    decrypt_with_keys(vector(name, tmp_path), tmp_path / "out", identities)
    assert (tmp_path / "out").read_text() == VECTORS["text"]


def test_passphrases_of_age_right_and_wrong(tmp_path: Path) -> None:
    path = vector("for_passphrase", tmp_path)
    decrypt_with_passphrase(path, tmp_path / "out", VECTORS["passphrase"])
    assert (tmp_path / "out").read_text() == VECTORS["text"]
    with pytest.raises(EncryptionError, match=r"vector\.age: this is not its passphrase"):
        decrypt_with_passphrase(path, tmp_path / "other", VECTORS["passphrase"] + " ")
    with pytest.raises(EncryptionError, match="for keys, not with a passphrase; give --key"):
        open_with_passphrase(VECTORS["for_ssh"].encode(), "x", "here")
    with pytest.raises(EncryptionError, match="cut off or altered"):
        open_with_passphrase(VECTORS["for_passphrase"].encode()[:150], VECTORS["passphrase"], "here")
    assert not (tmp_path / "other").exists()
