"""Models of other families are trained as the LSTM is: neither workers nor interruptions change a bit."""

from pathlib import Path
from typing import Any

import device_training
import miniature
import pytest
from device_training import Lesson, left_behind
from families import FAMILIES

from asr.model.acoustic import new_model
from asr.recipe import Recipe
from asr.training.reports import Interrupted

TRAINED: dict[str, dict[str, Any]] = {
    "all at once": FAMILIES["all at once"] | {"convolutions": [{"channels": 3, "pool": [2, 2]}]},
    "rnn": {"cell": "rnn", "normalisation": "none", "self_attention": {"place": "after", "reach": 4}},
}


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    return device_training.lesson(tmp_path_factory.mktemp("audio"))


def recipe_of(name: str) -> Recipe:
    model = miniature.TREE["model"] | {"projection": 8, "hidden": 8} | TRAINED[name]
    return miniature.recipe(train__epochs=1, model=model)


@pytest.mark.parametrize("name", TRAINED)
def test_interrupted_or_not_by_one_worker_or_two(taught: Lesson, tmp_path: Path, name: str) -> None:
    recipe = recipe_of(name)
    whole = taught.trainer(tmp_path / "whole", recipe, workers=2)
    whole.train()
    for stop in (1, 2):
        stopped = taught.trainer(tmp_path / "stopped", recipe, should_stop=miniature.on_step(stop))
        with pytest.raises(Interrupted):
            stopped.train()
    resumed = taught.trainer(tmp_path / "stopped", recipe)
    resumed.train()
    assert left_behind(resumed) == left_behind(whole)
    fresh = new_model(recipe.front_end, recipe.model, taught.tokens, recipe.seed).state_dict()
    assert all((value != fresh[name]).any() for name, value in resumed.learner.model.state_dict().items())


def test_steps_of_a_device_leave_the_same_bits(taught: Lesson, tmp_path: Path) -> None:
    recipe = recipe_of("all at once")
    ours, theirs = taught.trainer(tmp_path / "cpu", recipe), taught.on_device(tmp_path / "device", recipe)
    ours.train()
    theirs.train()
    assert left_behind(ours) == left_behind(theirs)
