"""Signed things for all tests of this folder; whoever alters one puts it back."""

import shutil
from pathlib import Path

import pytest
from miniature import trained
from small_bundle import write_searching_bundle

from asr.claims.signing import sign
from asr.models.packing import pack
from asr.safety.keys import SigningKey, new_signing_key


@pytest.fixture(scope="session")
def key() -> SigningKey:
    return new_signing_key()


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory, key: SigningKey) -> Path:
    folder = write_searching_bundle(tmp_path_factory.mktemp("signed") / "bundle")
    sign(folder, key)
    return folder


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, key: SigningKey) -> Path:
    folder = tmp_path_factory.mktemp("signed") / "run"
    shutil.copytree(trained(tmp_path_factory.getbasetemp())[1], folder)
    sign(folder, key)
    return folder


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory, key: SigningKey) -> tuple[Path, bytes]:
    folder = tmp_path_factory.mktemp("packed")
    path = folder / "model.tar"
    pack(write_searching_bundle(folder / "bundle"), path)
    sign(path, key)
    return path, path.read_bytes()
