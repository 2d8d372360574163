"""Forests: a tree by hand, and what scikit-learn says of the same forest."""

import json

import numpy as np
import pytest

from asr.confidence.forest import LEAF, Forest, Growth, grow
from asr.errors import ConfidenceError

# Two trees over two features: the first asks feature 1 (<= 0.5: 0.2, else 0.9), the second is a leaf of 0.6.
TREE = {
    "roots": [0, 3],
    "feature": [1, LEAF, LEAF, LEAF],
    "threshold": [0.5],
    "left": [1],
    "right": [2],
    "value": [0.2, 0.9, 0.6],
}


def test_by_hand() -> None:
    forest = Forest.from_json(TREE, 2)
    assert forest([[9.0, 0.5], [9.0, 0.6]]) == pytest.approx([(0.2 + 0.6) / 2, (0.9 + 0.6) / 2])
    assert forest(np.zeros((0, 2))).shape == (0,)
    assert forest.to_json() == TREE


@pytest.mark.parametrize(
    "change",
    [
        {"left": [0]},  # a circle
        {"right": [9]},
        {"feature": [2, LEAF, LEAF, LEAF]},  # there are two features
        {"value": [0.2, 1.9, 0.6]},
        {"roots": []},
        {"roots": [4]},
        {"threshold": [0.5, 0.6]},
    ],
)
def test_numbers_that_make_no_trees(change: dict[str, list[float]]) -> None:
    with pytest.raises(ValueError, match=r"no trees|shape|broadcast|assign"):
        Forest.from_json(TREE | change, 2)


def words(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 5))
    features[:, 3] = np.round(features[:, 3], 1)
    return features, rng.random(count) < 1 / (1 + np.exp(-2 * features[:, 0] + features[:, 1]))


def test_as_scikit_learn_says() -> None:
    from sklearn.ensemble import RandomForestClassifier

    features, right = words(400, 1)
    growth = Growth(trees=20, leaf=3, seed=7)
    forest = grow(features, right, growth)
    theirs = RandomForestClassifier(
        20, min_samples_leaf=3, max_features="sqrt", random_state=7, n_jobs=1
    ).fit(features.astype(np.float32), right)
    others, _ = words(300, 2)
    again = Forest.from_json(json.loads(json.dumps(forest.to_json())), 5)
    for each in (features, others):
        expected = theirs.predict_proba(each.astype(np.float32))[:, 1]
        assert np.abs(forest(each) - expected).max() < 1e-6
        assert (again(each) == forest(each)).all()
    assert grow(features, right, growth).to_json() == forest.to_json()
    assert grow(features, right, Growth(trees=20, leaf=3, seed=8)).to_json() != forest.to_json()


def test_a_threshold_between_two_floats() -> None:
    """scikit-learn compares float32 with float64: a value that is rounded up may not go the other way."""
    rng = np.random.default_rng(4)
    features = np.float32(0.1) + rng.integers(0, 4, size=(200, 2)).astype(np.float32) * np.float32(2**-26)
    right = features[:, 0] > np.float32(0.1)
    forest = grow(features, right, Growth(trees=5, leaf=1))
    from sklearn.ensemble import RandomForestClassifier

    theirs = RandomForestClassifier(5, min_samples_leaf=1, max_features="sqrt", random_state=0).fit(
        features, right
    )
    assert forest(features) == pytest.approx(theirs.predict_proba(features)[:, 1], abs=1e-12)


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.ensemble", None)
    with pytest.raises(ConfidenceError, match=r"pip install 'attest-asr\[confidence\]'"):
        grow(*words(10, 1), Growth())


def test_one_kind_of_words_only() -> None:
    with pytest.raises(ValueError, match="3 words that are all right"):
        grow(np.zeros((3, 2)), np.ones(3, bool), Growth())
