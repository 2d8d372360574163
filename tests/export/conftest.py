"""One trained run, and what `asr export` makes of it, for all tests of this folder."""

from pathlib import Path

import exported_tones
import miniature
import pytest


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return miniature.trained(tmp_path_factory.getbasetemp())[1]


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files that the model has not heard."""
    corpus = miniature.trained(tmp_path_factory.getbasetemp())[0]
    return sorted((corpus / "wav" / "an4test_clstk").rglob("*.wav"))


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with weights and an ONNX file."""
    return exported_tones.both(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of 8 bits without weights."""
    return exported_tones.light(tmp_path_factory.getbasetemp())
