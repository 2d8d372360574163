"""What `asr export` makes of the run of tests/miniature.py, made once for all tests of a process."""

import functools
from pathlib import Path

import miniature


@functools.cache
def both(folder: Path) -> Path:
    """A bundle with weights and an ONNX file of float32.

    Args:
        folder: `tmp_path_factory.getbasetemp()`, as miniature.trained has it.
    """
    from asr.export.exporting import export

    return export(miniature.trained(folder)[1], folder / "exported" / "tones-onnx").folder


@functools.cache
def light(folder: Path) -> Path:
    """A bundle of 8 bits without weights."""
    from asr.export.exporting import export

    run_folder = miniature.trained(folder)[1]
    return export(run_folder, folder / "exported-light" / "tones", precision="int8", weights=False).folder
