"""The table [search]: what can be searched, and every mistake named by its key."""

from pathlib import Path
from typing import Any

import pytest
from small_study import SEARCH, small_study

from asr.errors import RecipeError
from asr.recipe_file import load_recipe
from asr.tuning.errors import TuningError
from asr.tuning.search import Range, Search, load_study, value_of

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted((ROOT / "recipes" / "tuning").glob("*.toml"))


def refusal(**changes: Any) -> str:
    with pytest.raises(TuningError) as caught:
        small_study(**changes)
    return str(caught.value)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_studies_of_the_project(path: Path) -> None:
    study = load_study(path)
    assert study.recipe.name.startswith(path.stem)
    assert len(study.search.keys) >= 5


def test_a_study_extends_a_recipe_and_takes_changes(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        'name = "base"\n[corpus]\nname = "an4"\ndev_speakers = 7\n[train]\nepochs = 9\n'
    )
    path = tmp_path / "study.toml"
    path.write_text(
        'extends = "base.toml"\n[search]\ntrials = 3\n[search.keys]\ntrain.clip = { low = 0.5, high = 2.0 }\n'
        '"model.layers" = [1, 2]\n'
    )
    study = load_study(path, ["search.trials=5", "train.epochs=4"])
    assert study.recipe.train.epochs == 4
    assert study.search.trials == 5
    # A dot that is not quoted makes a table in TOML, and means the same.
    assert study.search.keys == {"train.clip": Range(low=0.5, high=2.0), "model.layers": [1, 2]}
    assert (
        study.recipe_of({"train.clip": 1.5, "model.layers": 2}, seed=4).model_dump()["train"]["clip"] == 1.5
    )
    assert study.recipe_of({}, seed=4).seed == 4


def test_asr_run_says_whose_such_a_recipe_is(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text('name = "x"\n[search]\ntrials = 3\n')
    with pytest.raises(RecipeError, match=r"study\.toml: has a table \[search\].* `asr tune .*study\.toml`"):
        load_recipe(path)


def test_a_recipe_without_the_table(tmp_path: Path) -> None:
    path = tmp_path / "plain.toml"
    path.write_text('name = "x"\n[corpus]\nname = "an4"\ndev_speakers = 7\n')
    with pytest.raises(TuningError, match=r"plain\.toml: no table \[search\]"):
        load_study(path)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"model.hiden": [1, 2]}, "model.hiden: a recipe has no such key"),
        ({"model": [1, 2]}, "model: a recipe has no such key"),
        ({"model.hidden": [16]}, "model.hidden"),
        ({"model.hidden": [16, 16]}, "same choice twice"),
        ({"model.hidden": [16, -1]}, "model.hidden: -1 cannot be tried: model.hidden: Input should be"),
        ({"model.hidden": {"low": 8.5, "high": 16}}, "needs whole numbers, got 8.5 to 16"),
        ({"model.hidden": {"low": 16, "high": 8}}, "need low < high, got 16 and 8"),
        ({"model.hidden": {"low": 8, "high": 16, "log": True, "step": 2}}, "has no step"),
        ({"model.hidden": {"low": 8, "high": 15, "step": 4}}, "no whole number of steps"),
        ({"model.hidden": {"low": 8, "hihg": 16}}, "unknown key search.keys.model.hidden.hihg"),
        ({"model.bidirectional": {"low": 0, "high": 1}}, "is no number"),
        ({"train.clip": {"low": 0.0, "high": 1.0}}, "train.clip: 0.0 cannot be tried"),
        ({"init.from": ["", "run"]}, 'init.from: "run" cannot be tried: it names a file'),
        ({"seed": [1, 2]}, "seed: cannot be searched: a lucky seed is no better recipe"),
        ({"corpus.dev_speakers": [1, 2]}, "cannot be searched: trials are compared on one development part"),
        ({}, "keys"),
    ],
)
def test_what_cannot_be_searched(keys: dict[str, Any], said: str) -> None:
    assert said in refusal(keys=keys)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trials": 0}, "search.trials"),
        ({"trails": 3}, "unknown key search.trails; allowed here: keys, lag"),
        ({"seeds": []}, "seeds needs one seed or more"),
        ({"seeds": [1, 1]}, "each once"),
        ({"sampler": "grid"}, "search.sampler"),
    ],
)
def test_what_a_study_cannot_be(changes: dict[str, Any], said: str) -> None:
    assert said in refusal(**changes)


def test_keys_that_are_called_as_limits_are() -> None:
    """TOML makes one table of front_end.low and front_end.high, and it is no range."""
    low, high = {"low": 20.0, "high": 50.0}, [3000.0, 4000.0]
    study = small_study(keys={"front_end": {"low": low, "high": high}})
    assert study.search.keys == {"front_end.low": Range(low=20.0, high=50.0), "front_end.high": high}


def test_a_larger_budget_is_the_same_study() -> None:
    assert small_study().digest() == small_study(trials=60, minutes=5).digest()
    assert small_study().digest() != small_study(seed=2).digest()
    assert small_study().digest() != small_study(lag=3).digest()


def test_every_key_of_the_table_is_documented() -> None:
    page = (ROOT / "docs" / "tuning.md").read_text(encoding="utf-8")
    keys = [*Search.model_fields, *Range.model_fields]
    assert [key for key in keys if f"`{key}`" not in page] == []
    assert SEARCH.keys() <= set(keys)


def test_keys_that_a_recipe_does_not_say_are_there() -> None:
    """Those that came later are left out of its JSON where they change nothing."""
    recipe = small_study().recipe
    assert value_of(recipe, "augment.joined") == 0.0
    assert value_of(recipe, "train.chosen_epoch") == "best"
    assert value_of(recipe, "train.epochs") == recipe.train.epochs
    for nothing in ("augment.model_dump", "augment.joint", "train.epochs.more", "seeds"):
        assert value_of(recipe, nothing) is None
    study = small_study(keys={"augment.joined": [0.0, 0.3]})
    assert study.recipe_of({"augment.joined": 0.3}).augment.joined == 0.3
    assert study.recipe_of({"augment.joined": 0.0}).digest() == study.recipe_of({}).digest()
