"""What tests of reports share."""

from pathlib import Path

import miniature
import pytest
from reading import Page

from asr.report.material import read_runs
from asr.report.page import page


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that no test changes."""
    return miniature.trained(tmp_path_factory.getbasetemp())[1]


@pytest.fixture(scope="session")
def whole(run: Path) -> Page:
    """The report of that run, with the sound of two utterances."""
    return Page(page(read_runs([run], "test"), 2))
