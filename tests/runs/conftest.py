"""What tests of runs share."""

from pathlib import Path

import miniature
import pytest


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A miniature corpus, which no test changes."""
    return miniature.write_corpus(tmp_path_factory.mktemp("corpus"))
