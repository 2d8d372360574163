"""What tests of claims share."""

import shutil
from pathlib import Path

import miniature
import pytest


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A corpus, and a run that has learned it; neither is to be changed."""
    return miniature.trained(tmp_path_factory.getbasetemp())


@pytest.fixture
def run(trained: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the run."""
    folder = tmp_path / "run"
    shutil.copytree(trained[1], folder)
    return folder


@pytest.fixture
def alone(trained: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of its record, by itself."""
    return Path(shutil.copy(trained[1] / "record.json", tmp_path / "published.json"))
