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


# ---- for what is run again

STEPS, KEPT = 9, 6  # of the training, and after which a checkpoint was kept
RECIPE = miniature.recipe(train__digest_every=2, train__keep_checkpoints=1)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus and a cache that all runs here share."""
    folder = tmp_path_factory.mktemp("reproduce")
    miniature.write_corpus(folder)
    return folder


@pytest.fixture(scope="session")
def base(home: Path) -> Path:
    """The run that is reproduced; not to be changed."""
    options = RunOptions(
        corpus=home / "an4", out=home / "run", cache=home / "cache", workers=2, check_lock=False
    )
    folder, record = run(RECIPE, options)
    assert [entry.step for entry in record.trail] == [0, 2, 3, 4, 6, 8, 9]
    assert list(record.checkpoints) == [f"checkpoints/step-{KEPT:07d}.safetensors"]
    return folder


Again = Callable[..., Reproduction]


@pytest.fixture
def again(home: Path, base: Path, tmp_path: Path) -> Again:
    """Reproduces the run, or what else is given, in a folder of this test; `steps` is FIRST, LAST."""

    def again(given: Path = base, steps: tuple[int, int] = (0, 0), **more: Any) -> Reproduction:
        options = {
            "corpus": home / "an4",
            "out": tmp_path / "again",
            "cache": home / "cache",
            "check_lock": False,
        }
        asked = {key: more.pop(key) for key in list(more) if key in RunOptions.__dataclass_fields__}
        return reproduce(read_given(given), RunOptions(**{**options, **asked}), scope=Scope(*steps), **more)

    return again


@pytest.fixture
def altered(home: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Makes a copy of the corpus in which the last bit of one sample of one file is another."""

    def altered(pattern: str) -> Path:
        corpus = tmp_path / "altered" / "an4"
        shutil.copytree(home / "an4", corpus)
        (path,) = corpus.rglob(pattern)
        samples, rate = soundfile.read(path, dtype="int16")
        samples[len(samples) // 2] ^= 1
        soundfile.write(path, samples, rate, subtype="PCM_16")
        return corpus

    return altered
