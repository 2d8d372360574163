"""One benchmark that several test files look at."""

from pathlib import Path

import pytest
from benchmarked import run, write_corpus, write_script, write_spec

from asr.benchmark.record import BenchmarkRecord


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BenchmarkRecord]:
    """Three systems: all right; first words only; one that cannot be started; one without an answer for "YES"."""
    folder = tmp_path_factory.mktemp("whole")
    said = write_corpus(folder)
    right = write_script(folder, "right", {size: f"echo {text}" for size, text in said.items()})
    first = write_script(folder, "first", {size: f"echo {text.split()[0]}" for size, text in said.items()})
    fails = write_script(
        folder, "fails", {size: "exit 3" if text == "YES" else f"echo {text}" for size, text in said.items()}
    )
    spec = write_spec(
        folder,
        [
            {"name": "first", "command": first},
            {"name": "right", "command": right, "note": "knows | all", "at_once": 2},
            {"name": "absent", "command": "no-such-program-anywhere {audio}"},
            {"name": "fails", "command": fails},
        ],
    )
    return folder, run(folder, spec)
