"""What tests of commands share."""

from collections.abc import Callable
from pathlib import Path

import miniature
import pytest
import reproducing
import soundfile

from asr.cli.main import main
from asr.runs.record import Record, write_record


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A miniature corpus, and a run that has learned it."""
    return miniature.trained(tmp_path_factory.getbasetemp())


@pytest.fixture
def run(trained: tuple[Path, Path]) -> Path:
    """The folder of that run."""
    return trained[1]


@pytest.fixture
def model(run: Path) -> Path:
    """Likewise, for commands that want a model."""
    return run


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """A file that says "yes go"."""
    path = tmp_path / "speech.wav"
    soundfile.write(path, miniature.speech("YES GO", "spoken"), miniature.RATE, subtype="PCM_16")
    return path


@pytest.fixture
def complaint(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Calls a command that must fail, and gives back its one line of error."""

    def complaint(*words: object) -> str:
        capsys.readouterr()
        assert main([str(word) for word in words]) == 1  # a traceback would come through as an exception
        out, error = capsys.readouterr()
        assert out == ""
        said = [line for line in error.splitlines() if line.startswith("asr: ")]
        assert len(said) == 1, error
        assert error.splitlines()[-1] == said[0]  # one line: no continuation
        return said[0]

    return complaint


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., list[Path]]:
    """Writes records into files of their own: 0.json, 1.json, ..."""

    def files(*records: Record) -> list[Path]:
        paths = []
        for number, made in enumerate(records):
            write_record(tmp_path, made)
            paths.append((tmp_path / "record.json").rename(tmp_path / f"{number}.json"))
        return paths

    return files


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what is reproduced: an4/, cache/ and run/."""
    folder = tmp_path_factory.getbasetemp() / "reproduced"
    reproducing.finished(folder)
    return folder


@pytest.fixture
def again(home: Path, tmp_path: Path) -> list[str]:
    """The command line of a reproduction, complete; its last word is the new run's folder."""
    line = ["reproduce", home / "run", "--corpus", home / "an4", "--cache", home / "cache", "--any-corpus"]
    return [*map(str, line), "--workers", "2", "--out", str(tmp_path / "again")]
