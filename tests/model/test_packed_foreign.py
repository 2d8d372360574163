"""What is no packed model is told by its first bytes, and the error says what to do."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from asr.errors import BundleError
from asr.model.packed import read_packed


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "an empty file"),
        (b"PK\x03\x04" + bytes(60), "a zip file, as those of PyTorch are; PyTorch files hold pickle"),
        (b"\x80\x02}q\x00.", "a pickle; PyTorch files hold pickle, which can run any code"),
        (b"\x1f\x8b\x08" + bytes(60), "compressed (gzip)"),
        (b"BZh9" + bytes(60), "compressed (bzip2)"),
        (b"\xfd7zXZ\x00" + bytes(60), "compressed (xz)"),
        ((8).to_bytes(8, "little") + b"{} " + bytes(60), "weights alone (safetensors)"),
        (b'{"format": 1}', "a text, perhaps JSON"),
        (b"RIFF" + bytes(600), "no packed model, or its beginning is damaged"),
    ],
)
def test_foreign_files(data: bytes, expected: str, refused: Callable[[bytes], str]) -> None:
    said = refused(data)
    assert expected in said and said.endswith("expected a packed model, a .tar of `asr models pack`")


def test_a_tar_of_somebody_else(refused: Callable[[bytes], str]) -> None:
    info = tarfile.TarInfo("model_config.yaml")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(info)
    said = refused(out.getvalue())
    assert "a .tar, but no packed model, or an altered one: it begins with 'model_config.yaml'" in said


def test_places_without_a_file(tmp_path: Path) -> None:
    for path, expected in (
        (tmp_path, "is a folder"),
        (tmp_path / "gone.tar", "no such file"),
        (Path("/dev/null"), "no regular file"),
    ):
        with pytest.raises(BundleError, match=expected):
            read_packed(path)
