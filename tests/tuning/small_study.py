"""A study of the miniature corpus: six trials of two epochs, of a blink each."""

from collections.abc import Mapping
from typing import Any

import miniature

from asr.tuning.search import Study, study_of

SEARCH: Mapping[str, Any] = {
    "trials": 6,
    "objective": "cer",  # in so few epochs no word is right
    "lag": 2,
    "startup": 2,
    "warm_up": 1,
    "pruning_startup": 1,
    "keys": {
        "train.learning_rate": {"low": 1e-3, "high": 3e-2, "log": True},
        "model.hidden": {"low": 8, "high": 16, "step": 8},
        "augment.speed": [[1.0], [0.9, 1.0, 1.1]],
    },
}


def small_study(**changes: Any) -> Study:
    """Of the miniature recipe: trainings of two epochs."""
    recipe = miniature.recipe(train__epochs=2, train__averaging=0.5, augment={"speed": [1.0]})
    return study_of(recipe, {**SEARCH, **changes}, "study")
