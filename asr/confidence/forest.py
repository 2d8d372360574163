"""A random forest as arrays of numbers: trained by scikit-learn, stored and evaluated without it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.errors import ConfidenceError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LEAF = -1


@dataclass(frozen=True, eq=False)
class Forest:
    """Binary decision trees whose leaves hold the share of right words; the forest says the mean of its trees.

    Nodes of all trees stand in one numbering. From node n one goes to `left[n]` if the feature `feature[n]`, as
    float32, is at most `threshold[n]`, else to `right[n]`.

    Breiman, Random forests, Machine Learning 45, 2001; probabilities as scikit-learn's `predict_proba`.
    """

    roots: Integers  # (trees,) their first nodes
    feature: Integers  # (nodes,) LEAF for a leaf
    threshold: Floats  # (nodes,) 0 for a leaf
    left: Integers  # (nodes,) a leaf's is itself
    right: Integers  # (nodes,)
    value: Floats  # (nodes,) share of right words among those of the training that came here

    def __call__(self, features: npt.ArrayLike) -> Floats:
        """(n, features) to (n,) probabilities of being right."""
        inputs = np.asarray(features, dtype=np.float32)
        at = np.tile(self.roots, (len(inputs), 1))
        rows = np.arange(len(inputs))[:, None]
        while True:
            asked = self.feature[at]
            inner = asked != LEAF
            if not inner.any():
                break
            goes_left = inputs[rows, np.where(inner, asked, 0)] <= self.threshold[at]
            at = np.where(goes_left, self.left[at], self.right[at])
        found: Floats = self.value[at].mean(axis=1) if len(inputs) else np.zeros(0)
        return found

    def to_json(self) -> dict[str, list[Any]]:
        """Lists; of leaves only what they have."""
        inner = self.feature != LEAF
        return {
            "roots": self.roots.tolist(),
            "feature": self.feature.tolist(),
            "threshold": self.threshold[inner].tolist(),
            "left": self.left[inner].tolist(),
            "right": self.right[inner].tolist(),
            "value": self.value[~inner].tolist(),
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any], features: int) -> "Forest":
        """
        Args:
            features: how many there are.

        Raises:
            ValueError: not such lists, or numbers that make no trees.
        """
        feature = np.array(tree["feature"], dtype=np.int64)
        roots = np.array(tree["roots"], dtype=np.int64)
        inner = feature != LEAF
        nodes = np.arange(len(feature))
        threshold, value = np.zeros(len(feature)), np.zeros(len(feature))
        left, right = nodes.copy(), nodes.copy()
        threshold[inner], value[~inner] = tree["threshold"], tree["value"]
        left[inner], right[inner] = tree["left"], tree["right"]
        forward = (left > nodes) & (right > nodes) & (left < len(nodes)) & (right < len(nodes))
        whole = len(roots) and len(nodes) and roots.min() >= 0 and roots.max() < len(nodes)
        sane = np.isfinite(threshold).all() and bool(((value >= 0) & (value <= 1)).all())
        if not (
            whole and sane and forward[inner].all() and feature.min() >= LEAF and feature.max() < features
        ):
            raise ValueError("these numbers make no trees")
        return cls(roots, feature, threshold, left, right, value)


@dataclass(frozen=True)
class Growth:
    """How a forest is grown."""

    trees: int = 100
    leaf: int = 20  # words in a leaf at least
    seed: int = 0


def grow(features: npt.ArrayLike, right: npt.ArrayLike, growth: Growth) -> Forest:
    """A forest of (n, features) and (n,) right or wrong. One seed and one version of scikit-learn: the same numbers.

    Raises:
        ConfidenceError: scikit-learn is not installed.
        ValueError: all are right, or all are wrong.
    """
    check_installed()
    from sklearn.ensemble import RandomForestClassifier

    flags = np.asarray(right, dtype=np.bool_)
    if flags.all() or not flags.any():
        raise ValueError(f"{len(flags)} words that are all {'right' if flags.all() else 'wrong'}")
    grown = RandomForestClassifier(
        growth.trees, min_samples_leaf=growth.leaf, max_features="sqrt", random_state=growth.seed, n_jobs=1
    ).fit(np.asarray(features, dtype=np.float32), flags)
    return _joined([estimator.tree_ for estimator in grown.estimators_])


def check_installed() -> None:
    """
    Raises:
        ConfidenceError: scikit-learn is not there.
    """
    try:
        import sklearn.ensemble  # noqa: F401
    except ImportError as error:
        raise ConfidenceError(
            f"growing a forest needs scikit-learn ({error}); pip install 'attest-asr[confidence]', or leave the forest "
            "out: --no-forest"
        ) from None


def _joined(trees: list[Any]) -> Forest:
    """scikit-learn's trees in one numbering."""
    roots = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]
    feature, threshold, left, right, value = [], [], [], [], []
    for root, tree in zip(roots, trees, strict=True):
        leaf = tree.children_left < 0
        nodes = np.arange(tree.node_count)
        feature.append(np.where(leaf, LEAF, tree.feature))
        threshold.append(np.where(leaf, 0.0, tree.threshold))
        left.append(np.where(leaf, nodes, tree.children_left) + root)
        right.append(np.where(leaf, nodes, tree.children_right) + root)
        shares = tree.value[:, 0, :]
        value.append(shares[:, 1] / shares.sum(axis=1))
    parts = [np.concatenate(each) for each in (feature, threshold, left, right, value)]
    integers = [parts[number].astype(np.int64) for number in (0, 2, 3)]
    return Forest(roots.astype(np.int64), integers[0], parts[1], integers[1], integers[2], parts[4])
