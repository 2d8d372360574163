"""What tests of claims share."""

import shutil
from pathlib import Path
from typing import Any

import miniature
import pytest
import reproducing

from asr.claims.given import read_given
from asr.claims.reproduce import reproduce
from asr.claims.reproduction import Reproduction
from asr.claims.verdict import Scope
from asr.runs.options import RunOptions


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


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what is reproduced: an4/, cache/ and run/."""
    folder = tmp_path_factory.getbasetemp() / "reproduced"
    reproducing.finished(folder)
    return folder


@pytest.fixture(scope="session")
def base(home: Path) -> Path:
    """The run that is reproduced; not to be changed."""
    return home / "run"


@pytest.fixture
def again(home: Path, base: Path, tmp_path: Path) -> reproducing.Again:
    """Reproduces the run, or what else is given, in a folder of this test; `steps` is (FIRST, LAST)."""

    def again(given: Path = base, steps: tuple[int, int] = (0, 0), **more: Any) -> Reproduction:
        asked = {key: more.pop(key) for key in list(more) if key in RunOptions.__dataclass_fields__}
        usual = {
            "corpus": home / "an4",
            "out": tmp_path / "again",
            "cache": home / "cache",
            "check_lock": False,
        }
        return reproduce(read_given(given), RunOptions(**{**usual, **asked}), scope=Scope(*steps), **more)

    return again
