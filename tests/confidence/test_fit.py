"""Fitting by speakers, and the file of what was fitted."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asr.confidence.estimator import Trained
from asr.confidence.estimator_file import TrainedOn, load_estimator, save_estimator
from asr.confidence.features import FEATURES
from asr.confidence.fit import FOREST, Sample, TooFewError, cross_validated, fit, folds_of, opinion
from asr.confidence.forest import Growth
from asr.confidence.judge import judge, plain_opinion
from asr.decoding.vocabulary import Vocabulary
from asr.errors import ConfidenceError

LETTERS = Vocabulary(("", " ", "a", "b"))
GROWTH = Growth(trees=5, leaf=5)
TRAINED_ON = TrainedOn(
    utterances=1, speakers=1, words=1, wrong=1, changes=(), trees=5, leaf=5, seed=0, scikit_learn="1"
)


def sample(number: int, speaker: str, wrong: float = 0.2, changed: bool = False) -> Sample:
    """Four words whose first feature tells nearly whether they are right."""
    rng = np.random.default_rng(number + 1000 * changed)
    right = rng.random(4) > wrong
    features = rng.normal(size=(4, len(FEATURES)))
    features[:, 0] = np.clip(np.where(right, 0.9, 0.5) + rng.normal(0, 0.15, 4), 0.01, 0.99)
    return Sample(f"u{number}", speaker, features, right, bool(right.all()), changed)


def samples(utterances: int = 40, wrong: float = 0.2) -> list[Sample]:
    return [sample(number, f"s{number % 4}", wrong) for number in range(utterances)]


def test_folds_are_speakers() -> None:
    folds = folds_of(samples())
    assert sorted(set(folds.values())) == [0, 1, 2, 3]
    assert len({folds[f"u{number}"] for number in range(0, 40, 4)}) == 1
    alone = folds_of([sample(number, "") for number in range(25)])  # nobody's name is known
    assert sorted(set(alone.values())) == list(range(10))
    one = folds_of([sample(number, "s1") for number in range(25)])  # utterances are what is left to hold out
    assert sorted(set(one.values())) == list(range(10))


def test_nobody_is_judged_by_an_estimator_that_has_heard_them() -> None:
    """One speaker's words are right and wrong the other way round: only an estimator that has seen it could know."""
    odd = [
        Sample(
            each.id, each.speaker, each.features, ~each.right if each.speaker == "s0" else each.right, False
        )
        for each in samples(80, wrong=0.5)
    ]
    said = cross_validated(odd, FOREST, LETTERS, GROWTH)
    fitted = fit(odd, FOREST, LETTERS, GROWTH)
    theirs = [number for number, one in enumerate(odd) if one.speaker == "s0"]
    wrongly = [np.mean((said[number].words > 0.5) != odd[number].right) for number in theirs]
    seen = [np.mean((opinion(fitted, odd[number]).words > 0.5) != odd[number].right) for number in theirs]
    assert np.mean(wrongly) > 0.7
    assert np.mean(seen) < np.mean(wrongly)


def test_calibrated_without_a_forest() -> None:
    found = fit(samples(200), "peak_mean", LETTERS, GROWTH)
    assert found.forest is None
    words = np.concatenate([found.confidences(each.features) for each in samples(200)])
    assert words.mean() == pytest.approx(np.mean([each.right.mean() for each in samples(200)]), abs=0.02)
    # Changed utterances are for forests: a calibration does not look at them.
    more = [*samples(200), *(sample(number, "s1", 0.9, changed=True) for number in range(100))]
    assert fit(more, "peak_mean", LETTERS, GROWTH) == found


def test_utterances_and_words_without_any() -> None:
    empty = Sample("none", "s1", np.zeros((0, len(FEATURES))), np.zeros(0, bool), False)
    own = [*samples(60), empty]
    said = cross_validated(own, "peak_mean", LETTERS, GROWTH)
    assert len(said[-1].words) == 0
    assert math.isnan(said[-1].utterance)
    first, second = judge(
        own, {"plain": [plain_opinion(each) for each in own], "calibrated": said}, resamples=20
    )
    assert first.gains is None
    assert second.gains is not None
    assert second.gains["nce"].value == pytest.approx(second.words["nce"].value - first.words["nce"].value)
    assert second.words["nce"].value > first.words["nce"].value
    assert second.utterances["auc"].value > 0.6
    assert sum(each.words for each in second.bins) == 240


def test_too_few_errors() -> None:
    with pytest.raises(
        TooFewError, match="0 of 160 words are wrong in 40 utterances: 1 wrong and 1 right ones are"
    ):
        fit(samples(wrong=0.0), "peak_mean", LETTERS, GROWTH)
    few = [*samples(wrong=0.0), sample(1234, "s0", 1.0)]
    with pytest.raises(
        TooFewError, match="4 of 164 words are wrong .* to grow a forest; more development data"
    ):
        fit(few, FOREST, LETTERS, GROWTH)


@pytest.fixture(scope="module")
def trained() -> Trained:
    return fit(samples(), FOREST, LETTERS, GROWTH)


@pytest.fixture
def file(tmp_path: Path, trained: Trained) -> Path:
    path = tmp_path / "confidence.json"
    save_estimator(path, trained, weights="abc", decoder={"name": "greedy"}, trained_on=TRAINED_ON)
    return path


def test_the_file_says_the_same(file: Path, trained: Trained, tmp_path: Path) -> None:
    again = load_estimator(file, weights="abc")
    for each in samples(8):
        assert (again.confidences(each.features) == trained.confidences(each.features)).all()
    other = tmp_path / "other.json"
    anew = fit(samples(), FOREST, LETTERS, GROWTH)
    save_estimator(other, anew, weights="abc", decoder={"name": "greedy"}, trained_on=TRAINED_ON)
    assert other.read_bytes() == file.read_bytes()
    assert b"pickle" not in file.read_bytes()


def altered(file: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    tree = json.loads(file.read_text(encoding="utf-8"))
    change(tree)
    file.write_text(json.dumps(tree), encoding="utf-8")
    return file


def test_files_that_are_none(file: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ConfidenceError, match=r"missing\.json: no such file; `asr confidence train` makes one"
    ):
        load_estimator(tmp_path / "missing.json")
    with pytest.raises(ConfidenceError, match=r"made for another model \(weights abc…, this one has 123"):
        load_estimator(file, weights="1234567890abcdef")
    with pytest.raises(ConfidenceError, match="altered or damaged"):
        load_estimator(altered(file, lambda tree: tree["of_words"].update(slope=2.0)))
    with pytest.raises(ConfidenceError, match=r"no confidence estimator of format 1 \(format 2\)"):
        load_estimator(altered(file, lambda tree: tree.update(format=2, new=1)))
    file.write_text("[1, 2]", encoding="utf-8")
    with pytest.raises(ConfidenceError, match="other keys than expected"):
        load_estimator(file)
    file.write_bytes(b"\x80pickle")
    with pytest.raises(ConfidenceError, match="not a readable JSON file"):
        load_estimator(file)


def test_using_one_needs_neither_torch_nor_scikit_learn() -> None:
    import subprocess
    import sys

    code = "import sys, asr.confidence.estimator_file; assert not {'torch', 'sklearn', 'jiwer'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
