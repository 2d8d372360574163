"""Estimators fitted to development data, and what they are worth on speakers that they have not heard.

What is fitted to a few words flatters itself on them. So speakers are held out in turns: all that is reported of
development data was said by estimators fitted to the other speakers. The one that is kept is fitted to all of them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from asr.confidence.calibration import Calibration, fit_calibration
from asr.confidence.estimator import Trained, scores
from asr.confidence.forest import Forest, Growth, grow
from asr.decoding.vocabulary import Vocabulary
from asr.errors import ConfidenceError

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Made = TypeVar("Made")
Said = TypeVar("Said")

FOREST = "forest"
FEWEST = 10  # wrong words that a forest needs
FOLDS = 10  # at most; with fewer speakers, each is one
FLOOR, FOREST_FLOOR = 1e-6, 1e-3  # how sure a score can be: a forest is as sure as its leaves have words


class TooFewError(ConfidenceError):
    """Too few words are wrong, or right, to learn from."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One utterance as it was recognised, and what of it is right."""

    id: str
    speaker: str  # "" when unknown: such an utterance counts as a speaker of its own
    features: Floats  # (words, len(FEATURES))
    right: Flags  # (words,)
    whole: bool  # all its words are right, and none is missing
    changed: bool = False  # heard in another way than it was recorded: to learn from, never to be measured


@dataclass(frozen=True, eq=False)
class Opinion:
    """What an estimator says of one utterance."""

    words: Floats  # (words,)
    utterance: float  # NaN for one without words


def fit(samples: Sequence[Sample], method: str, vocabulary: Vocabulary, growth: Growth) -> Trained:
    """
    Args:
        samples: forests are grown on all of them; probabilities are calibrated on those that were not changed.
        method: "forest", or the name of a feature.

    Raises:
        TooFewError: too few are wrong, or right, for that.
        ConfidenceError: scikit-learn is missing.
    """
    own = [sample for sample in samples if not sample.changed]
    refuse_too_few(own, method)
    held_out = _held_out(samples, own, method, growth)
    right = np.concatenate([sample.right for sample in own])
    floor = FOREST_FLOOR if method == FOREST else FLOOR
    of_words = fit_calibration(np.concatenate(held_out), right, floor)
    spoken = [(values, sample.whole) for values, sample in zip(held_out, own, strict=True) if len(values)]
    products = [float(np.prod(of_words(values))) for values, _ in spoken]
    of_utterances = _of_utterances(products, [whole for _, whole in spoken])
    forest = _grown(samples, growth) if method == FOREST else None
    return Trained(vocabulary, method, forest, of_words, of_utterances)


def cross_validated(
    samples: Sequence[Sample], method: str, vocabulary: Vocabulary, growth: Growth
) -> list[Opinion]:
    """Of each sample that was not changed, what an estimator fitted without its speaker says. The rest as for `fit`."""
    own = [sample for sample in samples if not sample.changed]
    return _in_turns(samples, own, lambda others: fit(others, method, vocabulary, growth), opinion)


def opinion(estimator: Trained, sample: Sample) -> Opinion:
    """What a finished estimator says of an utterance."""
    words = estimator.confidences(sample.features)
    return Opinion(words, estimator.of_confidences(words) if len(words) else math.nan)


def folds_of(samples: Sequence[Sample]) -> dict[str, int]:
    """Of each utterance its fold: speakers are never torn apart, and are dealt in the order of their words, so that
    folds are of like size. Where there is but one speaker, utterances stand for speakers."""
    sizes: dict[str, int] = {}
    several = len({sample.speaker for sample in samples}) > 1
    keys = {sample.id: (several and sample.speaker) or f"utterance {sample.id}" for sample in samples}
    for sample in samples:
        sizes[keys[sample.id]] = sizes.get(keys[sample.id], 0) + len(sample.right)
    order = sorted(sizes, key=lambda key: (-sizes[key], key))
    fold_of = {key: number % FOLDS for number, key in enumerate(order)}
    return {name: fold_of[key] for name, key in keys.items()}


def _held_out(samples: Sequence[Sample], own: Sequence[Sample], method: str, growth: Growth) -> list[Floats]:
    """Scores of each own sample, by a forest that has not seen its speaker; a feature has seen none."""
    if method != FOREST:
        return [scores(sample.features, method, None) for sample in own]
    return _in_turns(
        samples, own, lambda others: _grown(others, growth), lambda forest, sample: forest(sample.features)
    )


def _in_turns(
    samples: Sequence[Sample],
    own: Sequence[Sample],
    make: Callable[[Sequence[Sample]], Made],
    say: Callable[[Made, Sample], Said],
) -> list[Said]:
    """Of each own sample, what is said by what was made of the samples of the other folds."""
    folds = folds_of(own)
    found: dict[str, Said] = {}
    for fold in sorted(set(folds.values())):
        made = make([sample for sample in samples if folds[sample.id] != fold])
        found |= {sample.id: say(made, sample) for sample in own if folds[sample.id] == fold}
    return [found[sample.id] for sample in own]


def _grown(samples: Sequence[Sample], growth: Growth) -> Forest:
    features = np.concatenate([sample.features for sample in samples])
    right = np.concatenate([sample.right for sample in samples])
    try:
        return grow(features, right, growth)
    except ValueError as error:
        raise TooFewError(f"nothing to learn from: {error}") from None


def _of_utterances(products: Sequence[float], whole: Sequence[bool]) -> Calibration:
    """As it is, where all utterances are right or all are wrong."""
    if all(whole) or not any(whole):
        return Calibration(1.0, 0.0, FLOOR)
    return fit_calibration(products, whole, FLOOR)


def refuse_too_few(own: Sequence[Sample], method: str) -> None:
    """Raises TooFewError where words that are wrong, or right, are not enough to fit an estimator to."""
    words = sum(len(sample.right) for sample in own)
    wrong = words - sum(int(sample.right.sum()) for sample in own)
    needed = FEWEST if method == FOREST else 1
    if wrong < needed or words - wrong < needed:
        raise TooFewError(
            f"{wrong} of {words} words are wrong in {len(own)} utterances: {needed} wrong and {needed} right ones are "
            f"needed {'to grow a forest' if method == FOREST else 'to calibrate'}; more development data would help"
        )
