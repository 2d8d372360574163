"""One server, and what it serves, for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import miniature
import pytest
from served import Served, served


@pytest.fixture(scope="session")
def corpus_and_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return miniature.trained(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def run_folder(corpus_and_run: tuple[Path, Path]) -> Path:
    return corpus_and_run[1]


@pytest.fixture(scope="session")
def recordings(corpus_and_run: tuple[Path, Path]) -> list[Path]:
    """Files that the model has not heard."""
    return sorted((corpus_and_run[0] / "wav" / "an4test_clstk").rglob("*.wav"))


@pytest.fixture(scope="session")
def server(run_folder: Path) -> Iterator[Served]:
    """`asr serve` of one model, called `tones`."""
    with served(
        [f"tones={run_folder}"], "--workers", "1", "--max-megabytes", "2", "--max-seconds", "60"
    ) as started:
        yield started
