"""The table [search] of a recipe: which keys are searched, where, with how much work, and by which rules.

    [search]
    trials = 30

    [search.keys]
    "train.learning_rate" = { low = 3e-4, high = 3e-3, log = true }
    "model.hidden" = [96, 128, 192]

The rest of the file is a recipe as any other, whole by itself or by `extends`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from asr.errors import RecipeError
from asr.frozen import Frozen, all_problems
from asr.recipe import Recipe
from asr.recipe.numbers import Count, Positive
from asr.recipe_file import named_files, recipe_from_tree, recipe_tree
from asr.runs.seal import canonical_digest
from asr.tuning.errors import TuningError

TABLE = "search"
# What may not be searched, and why: results of two trials could not be compared, or would not be trials of one study.
FIXED = {
    "corpus": "trials are compared on one development part",
    "text": "trials are compared on one wording",
    "score": "trials are compared by one rule",
    "decoder": "trials are read greedily; `decoder.tune` chooses the weights of a search",
    "numerics": "it says how exactly is computed, not what",
    "name": "it is no setting",
    "seed": "a lucky seed is no better recipe; search.seeds says which are averaged",
}

Values = Mapping[str, Any]  # of the searched keys, by dotted key
Choice = Annotated[list[Any], Field(min_length=2)]  # values of TOML, each once


class Range(Frozen):
    """Numbers between two limits, both among them."""

    low: float  # smallest
    high: float  # largest
    log: bool = False  # drawn evenly on a logarithmic scale
    step: Annotated[float, Field(ge=0)] = (
        0.0  # distance of the values that are tried; 0: any, of whole numbers 1
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"need low < high, got {self.low:g} and {self.high:g}")
        if self.log and (self.low <= 0 or self.step):
            raise ValueError("a logarithmic range needs low > 0, and has no step")
        steps = (self.high - self.low) / self.step if self.step else 0
        if abs(steps - round(steps)) > 1e-9 * max(1.0, steps):
            raise ValueError(
                f"no whole number of steps of {self.step:g} leads from {self.low:g} to {self.high:g}"
            )
        return self


class Search(Frozen):
    """How a study searches. Trials that are given up early, or fail, count as trials."""

    trials: Positive  # in the study
    minutes: Annotated[float, Field(ge=0)] = 0.0  # after which no trial begins any more; 0: no limit
    seed: Count = 1  # of the sampler: which values are tried
    seeds: tuple[Count, ...] = (1,)  # of the trainings of a trial, whose results are averaged
    objective: Literal["wer", "cer"] = "wer"  # of dev, at the best epoch; what is made small
    sampler: Literal["tpe", "random"] = "tpe"  # tree-structured Parzen estimator, or draws that learn nothing
    startup: Positive = 10  # finished trials before tpe learns from them; those before are draws
    lag: Positive = 4  # a trial is drawn from what those that began so many trials before it came to
    pruner: Literal["median", "none"] = (
        "median"  # gives up trials that are worse than half of the complete ones
    )
    warm_up: Positive = 4  # epochs that every trial is granted
    pruning_startup: Positive = 5  # complete trials before any other is given up
    keys: Annotated[dict[str, Range | Choice], Field(min_length=1)]  # where each key is searched

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds needs one seed or more, each once, got {list(self.seeds)}")
        for key, where in self.keys.items():
            if isinstance(where, list) and len({canonical_digest(each) for each in where}) < len(where):
                raise ValueError(f"{key}: the same choice twice in {where}")
        return self

    def digest(self) -> str:
        """Of what decides which trials there are; a study may be given a larger budget later."""
        return canonical_digest(self.model_dump(mode="json", exclude={"trials", "minutes"}))


@dataclass(frozen=True)
class Study:
    """A recipe and what is searched around it."""

    recipe: Recipe  # with the values that the file gives to the searched keys, or their defaults
    search: Search

    def digest(self) -> str:
        """Of all but the budget."""
        return canonical_digest([self.recipe.digest(), self.search.digest()])

    def recipe_of(self, values: Values, seed: int | None = None) -> Recipe:
        """The recipe of a trial.

        Args:
            seed: of one of its trainings; None is the first.

        Raises:
            RecipeError: these values do not go together.
        """
        tree = self.recipe.model_dump(mode="json")
        for key, value in values.items():
            _put(tree, key, value)
        tree["seed"] = self.search.seeds[0] if seed is None else seed
        return recipe_from_tree(tree, "trial")

    def is_whole(self, key: str) -> bool:
        """Whether the values of a key are whole numbers."""
        value = value_of(self.recipe, key)
        return isinstance(value, int) and not isinstance(value, bool)


def value_of(recipe: Recipe, key: str) -> Any:
    """What a recipe has at a dotted key; None where it has no such key."""
    tree: Any = recipe.model_dump(mode="json")
    table: Any = recipe
    for name in key.split("."):
        # Not said where it changes nothing, and there all the same.
        unsaid = getattr(table, name) if name in getattr(type(table), "model_fields", ()) else None
        tree, table = tree.get(name, unsaid) if isinstance(tree, dict) else None, unsaid
    return tree


def load_study(path: Path, changes: Iterable[str] = ()) -> Study:
    """Reads a recipe with a table [search].

    Raises:
        TuningError: there is no such table, or a key, range or choice in it cannot be; the message names it.
        RecipeError: the recipe itself is wrong.
    """
    tree = recipe_tree(path, changes)
    table = tree.pop(TABLE, None)
    if not isinstance(table, dict):
        raise TuningError(
            f"{path}: no table [{TABLE}], so nothing says which keys to search (docs/tuning.md); `asr run` is for "
            "recipes without one"
        )
    return study_of(recipe_from_tree(tree, str(path)), table, str(path))


def study_of(recipe: Recipe, table: Mapping[str, Any], source: str) -> Study:
    """Checks a table [search] against its recipe. `source` names it in errors.

    Raises:
        TuningError: a key, range or choice in it cannot be.
    """
    keys = table.get("keys")
    tree = {TABLE: {**table, "keys": dict(_flat(keys))} if isinstance(keys, dict) else table}
    try:
        search = _Whole.model_validate_json(json.dumps(tree, default=str)).search
    except ValidationError as error:
        told = all_problems(error, "the table", _allowed, ("Range", "list[any]"))
        raise TuningError(f"{source}: {told}") from None
    study = Study(recipe, search)
    for key, where in search.keys.items():
        _check(study, key, where, source)
    return study


class _Whole(Frozen):
    """So that complaints have the key as it is written."""

    search: Search


def _allowed(place: Any) -> list[str]:
    return sorted((Range if "keys" in place else Search).model_fields)


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """TOML makes tables of dots that are not quoted: train.clip = {...} means the same as "train.clip" = {...}."""
    for key, value in table.items():
        # A range, unless these are keys of the recipe themselves, as those of front_end are.
        limits = (
            [value[name] for name in Range.model_fields if name in value] if isinstance(value, dict) else []
        )
        if isinstance(value, dict) and value and all(isinstance(each, dict | list) for each in limits):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _check(study: Study, key: str, where: Range | list[Any], source: str) -> None:
    place = f"{source}: search.keys: {key}"
    if why := FIXED.get(key.partition(".")[0]):
        raise TuningError(f"{place}: cannot be searched: {why}")
    value = value_of(study.recipe, key)
    if value is None or isinstance(value, dict):
        raise TuningError(f"{place}: a recipe has no such key (docs/recipes.md has all)")
    if isinstance(where, Range):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TuningError(f"{place}: is no number (it is {json.dumps(value)}); give a list of choices")
        limits = (where.low, where.high, where.step)
        if study.is_whole(key) and any(limit != int(limit) for limit in limits):
            raise TuningError(f"{place}: needs whole numbers, got {limits[0]:g} to {limits[1]:g}")
    ends = [where.low, where.high] if isinstance(where, Range) else where
    for each in ends:
        tried = int(each) if isinstance(where, Range) and study.is_whole(key) else each
        try:
            recipe = study.recipe_of({key: tried})
        except RecipeError as error:
            told = str(error).removeprefix("trial: ")
            raise TuningError(f"{place}: {json.dumps(tried)} cannot be tried: {told}") from None
        if not named_files(recipe).items() <= named_files(study.recipe).items():
            raise TuningError(
                f"{place}: {json.dumps(tried)} cannot be tried: it names a file; files are those of the recipe, so "
                "make a study for each"
            )


def _put(tree: dict[str, Any], key: str, value: Any) -> None:
    *tables, last = key.split(".")
    for name in tables:
        tree = tree[name]
    tree[last] = value
