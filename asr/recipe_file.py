"""Recipe files: TOML to a checked recipe and back.

A recipe may say `extends = "other.toml"` (a path beside it) and change a few keys; `--set train.epochs=3` changes one
key from the command line. An unknown key, a wrong type or an impossible value is a `RecipeError` that names the key
and says what is allowed.
"""

import json
import os
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from asr.errors import RecipeError
from asr.frozen import all_problems, read_toml
from asr.recipe import Convolution, Recipe

# Keys that can name a file, and what else they can say.
FILES: dict[str, tuple[str, ...]] = {
    "decoder.language_model": ("", "train"),
    "decoder.lexicon": ("", "train", "model", "pronunciations"),
    "init.from": ("",),
    "tokenizer.pronunciations": ("", "corpus", "cmudict"),
}


def to_toml(recipe: Recipe) -> str:
    """The recipe whole, every default included, but for keys that came later and change nothing."""
    import tomli_w

    return tomli_w.dumps(recipe.model_dump(mode="json"))


def load_recipe(path: Path, changes: Iterable[str] = ()) -> Recipe:
    """Reads a recipe, what it extends, and `key.path=value` changes. A run record (.json) holds a recipe, too.

    Raises:
        RecipeError: the file, a key or a value is wrong; the message names it.
    """
    tree = recipe_tree(path, changes)
    if "search" in tree:
        raise RecipeError(
            f"{path}: has a table [search], so it is a study of many trainings: `asr tune {path}` is for that, and "
            "leaves a best.toml that `asr run` takes"
        )
    return recipe_from_tree(tree, str(path))


def recipe_tree(path: Path, changes: Iterable[str] = ()) -> dict[str, Any]:
    """Reads a recipe, what it extends, and changes, unchecked: with tables that belong to other commands.

    Raises:
        RecipeError: no such file, no TOML, or a change that cannot be read.
    """
    tree = _read_record(path) if path.suffix == ".json" else _read_tree(path, ())
    for change in changes:
        _apply_change(tree, change)
    return tree


def changed(recipe: Recipe, changes: Iterable[str]) -> Recipe:
    """A recipe with `key.path=value` changes.

    Raises:
        RecipeError: a key or value is wrong; the message names it.
    """
    tree = recipe.model_dump(mode="json")
    for change in changes:
        _apply_change(tree, change)
    return recipe_from_tree(tree, recipe.name)


def named_files(recipe: Recipe) -> dict[str, str]:
    """Names of the files that the recipe needs, by dotted key."""
    return _named(recipe.model_dump(mode="json"))


def _named(tree: dict[str, Any]) -> dict[str, str]:
    found = {}
    for key, words in FILES.items():
        table, _, last = key.partition(".")
        value = tree[table].get(last) if isinstance(tree.get(table), dict) else None
        if isinstance(value, str) and value not in words:
            found[key] = value
    return found


def recipe_from_tree(tree: dict[str, Any], source: str) -> Recipe:
    """Checks plain data (from TOML or a record). `source` names it in errors."""
    try:
        # JSON mode: TOML arrays become tuples and whole numbers are taken where a float is due.
        return Recipe.model_validate_json(json.dumps(tree, default=str))
    except ValidationError as error:
        raise RecipeError(f"{source}: {all_problems(error, 'the recipe', _allowed_keys)}") from None


def _read_tree(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path.resolve() in seen:
        raise RecipeError(f"{path}: recipes extend each other in a circle: {' -> '.join(map(str, seen))}")
    missing = "no such recipe; `ls recipes/` shows those of the project"
    tree = read_toml(path, RecipeError, name="recipe", missing=missing)
    parent = tree.pop("extends", None)
    if parent is None:
        return tree
    if not isinstance(parent, str):
        raise RecipeError(f"{path}: extends must be the name of a recipe file, got {parent!r}")
    base = _read_tree(path.parent / parent, (*seen, path.resolve()))
    for key, name in _named(base).items():  # a file is named as it is found from the recipe file
        if not name.startswith(("/", "~")):
            table, _, last = key.partition(".")
            moved = Path(os.path.normpath(Path(parent).parent / name)).as_posix()
            base[table][last] = (
                f"./{moved}" if moved in FILES[key] else moved
            )  # a file called "train" stays one
    return _merge(base, tree)


def _read_record(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeError(f"{path}: not a readable run record ({error})") from None
    recipe = tree.get("recipe") if isinstance(tree, dict) else None
    if not isinstance(recipe, dict):
        raise RecipeError(f"{path}: not a run record: it has no recipe; a recipe by itself is a TOML file")
    return recipe


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both_tables = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both_tables else value
    return merged


def _apply_change(tree: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    if not equals or not key.strip():
        raise RecipeError(f"--set {change}: expected KEY=VALUE, for example --set train.epochs=3")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string, so that --set tokenizer.kind=subwords needs no quotes
    *tables, last = key.strip().split(".")
    for name in tables:
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            raise RecipeError(f"--set {change}: {name} is a value, not a table")
    tree[last] = value


def _allowed_keys(location: Sequence[Any]) -> list[str]:
    model: type[BaseModel] = Recipe
    for part in location:
        if isinstance(part, int):
            model = Convolution  # the only array of tables
            continue
        annotation = next(
            field.annotation for name, field in model.model_fields.items() if part in (name, field.alias)
        )
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
    return sorted(field.alias or name for name, field in model.model_fields.items())
