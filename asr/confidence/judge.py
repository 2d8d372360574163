"""Estimators side by side on the same words, and on the same utterances as wholes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from asr.confidence.estimator import PLAIN
from asr.confidence.features import FEATURES
from asr.confidence.fit import Opinion, Sample
from asr.confidence.measures import Bin, Measured, Resampled, reliability, resampled

RESAMPLES = 1000


@dataclass(frozen=True)
class Judged:
    """What an estimator's confidences are worth."""

    name: str
    words: dict[str, Measured]
    utterances: dict[str, Measured]  # each taken for one word: is it right as a whole?
    gains: dict[str, Measured] | None  # of words, over the estimator that comes first; None for that one
    bins: list[Bin]  # of words, as many in each

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "words": {name: each.to_json() for name, each in self.words.items()},
            "utterances": {name: each.to_json() for name, each in self.utterances.items()},
            "gains": self.gains and {name: each.to_json() for name, each in self.gains.items()},
            "reliability": [[each.words, each.confidence, each.right] for each in self.bins],
        }


def plain_opinion(sample: Sample) -> Opinion:
    """What the model's probabilities alone say: as `asr.confidence.estimator.plain`."""
    words = sample.features[:, FEATURES.index(PLAIN)]
    return Opinion(words, float(words.min(initial=1.0)) if len(words) else math.nan)


def judge(
    samples: Sequence[Sample], opinions: Mapping[str, Sequence[Opinion]], *, resamples: int = RESAMPLES
) -> list[Judged]:
    """
    Args:
        samples: utterances as they are.
        opinions: by the name of the estimator, one a sample. The others are compared with the first.
        resamples: of the bootstrap intervals.
    """
    right = np.concatenate([sample.right for sample in samples])
    of_word = [sample.id for sample in samples for _ in sample.right]
    spoken = [number for number, sample in enumerate(samples) if len(sample.right)]
    whole = np.array([samples[number].whole for number in spoken], dtype=np.bool_)
    ids = [samples[number].id for number in spoken]
    first: dict[str, Resampled] | None = None
    found = []
    for name, each in opinions.items():
        words = np.concatenate([opinion.words for opinion in each])
        wholes = np.array([each[number].utterance for number in spoken])
        own = resampled(words, right, of_word, resamples=resamples)
        found.append(
            Judged(
                name,
                _measured(own),
                _measured(resampled(wholes, whole, ids, resamples=resamples)),
                None if first is None else _measured({key: own[key] - first[key] for key in own}),
                reliability(words, right, "mass"),
            )
        )
        first = first or own
    return found


def _measured(values: Mapping[str, Resampled]) -> dict[str, Measured]:
    return {name: each.measured for name, each in values.items()}
