"""What tests of studies share: a small study of a miniature corpus, made once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import miniature
import pytest
from inside import Inside
from small_study import small_study

from asr.tuning import importance
from asr.tuning import study as leading
from asr.tuning.options import TuningOptions
from asr.tuning.record import StudyRecord
from asr.tuning.study import tune

FEW = 2  # forests of an importance, each of which takes a fifth of a second


@pytest.fixture(autouse=True)
def few_forests(monkeypatch: pytest.MonkeyPatch) -> None:
    """In whatever is computed or verified."""
    monkeypatch.setattr(importance, "FORESTS", FEW)


@pytest.fixture(scope="session")
def options(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., TuningOptions]:
    """How a study is run on the miniature corpus, which is decoded once."""
    home = tmp_path_factory.mktemp("tuning")
    corpus = miniature.write_corpus(home, train=16, test=4)

    def options(out: Path, **changes: Any) -> TuningOptions:
        given = {"corpus": corpus, "out": out, "cache": home / "cache", "check_lock": False, "workers": 2}
        return TuningOptions(**{**given, **changes})

    return options


@pytest.fixture(scope="session")
def finished(
    options: Callable[..., TuningOptions], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, StudyRecord]:
    """A study that is complete, by one worker, in this process: fresh interpreters cost more than what they train."""
    given = options(
        tmp_path_factory.mktemp("study") / "study", command="asr tune small.toml", workers=1, device="cpu"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importance, "FORESTS", FEW)
        patch.setattr(leading, "Workers", Inside)
        return tune(small_study(), given)
