"""Fixtures that several test files share."""

import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from asr import numerics

# Before torch is imported, as every command does it: runs in this process and in others then have the same bits.
numerics.pin()
# Nor does onnxruntime, whoever imports it, write or send what it was used for.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# No deadline: the machine may be busy. The same examples every time: a failure in CI is a failure at home.
settings.register_profile("attest", deadline=None, derandomize=True, database=None)
settings.load_profile("attest")


@pytest.fixture(autouse=True)
def one_torch_thread() -> None:
    """Small tensors are up to 16 times slower on more threads. Torch is not imported for it."""
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "set_num_threads"):
        torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """What a test draws without a seed of its own does not depend on which tests this process ran before.

    That is another matter in every session: files go to whichever process is free.
    """
    random.seed(1)
    for name, seed in (("numpy", "random.seed"), ("torch", "manual_seed")):
        module: Any = sys.modules.get(name)
        for part in seed.split("."):
            module = getattr(module, part, None)
        if module is not None:
            module(1)


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of real corpora: $ASR_CORPORA, else ../shared/corpora beside the repository."""
    named = os.environ.get("ASR_CORPORA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "corpora"
    if not folder.is_dir():
        pytest.skip(f"needs real corpora, but there is no folder {folder}; set ASR_CORPORA to one")
    return folder


def _archive(corpora: Path, name: str) -> Path:
    path = corpora / name
    if not path.is_file():
        pytest.skip(f"needs {name}, which is not in {corpora}")
    return path


@pytest.fixture(scope="session")
def an4_archive(corpora: Path) -> Path:
    return _archive(corpora, "an4_sphere.tar.gz")


@pytest.fixture(scope="session")
def fsdd_archive(corpora: Path) -> Path:
    return _archive(corpora, "fsdd.tar.gz")


@pytest.fixture(scope="session")
def yesno_archive(corpora: Path) -> Path:
    return _archive(corpora, "waves_yesno.tar.gz")
