"""Scores to probabilities by a curve with two numbers, fitted where right and wrong are known."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ROUNDS = 100  # of Newton's method; ten are enough where there is a minimum
PRIOR = 0.01  # strength of the pull towards slope 1, which keeps a fit to well separated words finite


@dataclass(frozen=True)
class Calibration:
    """p -> sigmoid(slope * logit(p) + offset), p kept between `floor` and 1 - `floor`. It never changes an order."""

    slope: float  # above 0
    offset: float
    floor: float

    def __call__(self, scores: npt.ArrayLike) -> Floats:
        """(n,) scores from 0 to 1, to probabilities."""
        return _sigmoid(self.slope * logit(scores, self.floor) + self.offset)


def fit_calibration(scores: npt.ArrayLike, right: npt.ArrayLike, floor: float = 1e-6) -> Calibration:
    """The curve under which what was right and wrong is most probable.

    Args:
        scores: (n,) from 0 to 1.
        right: (n,) what was right; there must be right and wrong ones.
        floor: how close to 0 and 1 a score is taken to be at most.

    Platt, Probabilistic outputs for support vector machines, 1999: logistic regression on targets that are a little
    short of 0 and 1, (n + 1) / (n + 2) for n right ones and 1 / (m + 2) for m wrong ones, here on the logit of the
    score, by Newton's method (Lin, Lin and Weng, 2007).

    Raises:
        ValueError: all are right, or all are wrong.
    """
    flags = np.asarray(right, dtype=np.bool_)
    count, wrong = int(flags.sum()), int((~flags).sum())
    if not count or not wrong:
        raise ValueError(f"{count} right ones and {wrong} wrong ones: both are needed to fit a curve")
    inputs = logit(scores, floor)
    targets = np.where(flags, (count + 1) / (count + 2), 1 / (wrong + 2))
    columns = np.stack([inputs, np.ones_like(inputs)], axis=1)
    weights = np.array([1.0, 0.0])
    for _ in range(ROUNDS):
        found = _sigmoid(columns @ weights)
        slope: Floats = columns.T @ (found - targets) + PRIOR * (weights - [1.0, 0.0])
        curvature = (columns * (found * (1 - found))[:, None]).T @ columns + PRIOR * np.eye(2)
        weights, before = _down(weights, _solved(curvature, slope), columns, targets), weights
        if np.abs(weights - before).max() < 1e-12:
            break
    if weights[0] <= 0:
        # Scores that say nothing, or the contrary: the share of right ones is all that is left.
        share = targets.mean()
        return Calibration(1e-9, float(np.log(share / (1 - share))), floor)
    return Calibration(float(weights[0]), float(weights[1]), floor)


def logit(scores: npt.ArrayLike, floor: float) -> Floats:
    """log(p / (1 - p)), p kept between `floor` and 1 - `floor`."""
    bounded = np.clip(np.asarray(scores, dtype=np.float64), floor, 1 - floor)
    found: Floats = np.log(bounded) - np.log1p(-bounded)
    return found


def _down(weights: Floats, step: Floats, columns: Floats, targets: Floats) -> Floats:
    """A step that does not make the loss larger: halved until it does not."""
    before = _loss(weights, columns, targets)
    for _ in range(30):
        after: Floats = weights - step
        if _loss(after, columns, targets) <= before:
            return after
        step = step / 2
    return weights


def _solved(matrix: Floats, values: Floats) -> Floats:
    return np.asarray(np.linalg.solve(matrix, values), dtype=np.float64)


def _loss(weights: Floats, columns: Floats, targets: Floats) -> float:
    values = columns @ weights
    pull = PRIOR / 2 * float(((weights - [1.0, 0.0]) ** 2).sum())
    return float((np.logaddexp(0.0, values) - targets * values).sum()) + pull


def _sigmoid(values: Floats) -> Floats:
    found: Floats = np.exp(-np.logaddexp(0.0, -values))
    return found
