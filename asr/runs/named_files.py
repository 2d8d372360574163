"""Files that a recipe names: found in the folders that are given, and known to the record by their digests.

A recipe travels without the places of its files: a name is looked for from each folder in turn (`--files`, the
recipe's own, the one where the command is given), as it is written and then by its last part alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from asr.errors import RecipeError, RunError
from asr.files import sha256_file
from asr.model.named import DESCRIPTION, bundle_in
from asr.recipe import Recipe
from asr.recipe_file import named_files

Files = Mapping[str, Path]  # by the name in the recipe


def find_files(recipe: Recipe, folders: Sequence[Path], *, of_training: bool = False) -> dict[str, Path]:
    """Where each file is that the recipe names.

    Args:
        of_training: only those that the training needs.

    Raises:
        RecipeError: one is in none of the folders; names its key.
    """
    found = {}
    for key, name in named_files(recipe).items():
        if of_training and key.startswith("decoder."):
            continue
        what, found_at = ("model", _model_at) if key == "init.from" else ("file", _file_at)
        places = [folder / part for folder in folders for part in (name, PurePosixPath(name).name)]
        there = next(filter(None, map(found_at, places)), None)
        if there is None:
            looked = ", ".join(dict.fromkeys(str(place) for place in places)) or "no folder"
            raise RecipeError(
                f"{key}: no {what} {name!r} (looked for {looked}); name its folder with --files FOLDER"
            )
        found[name] = there
    return found


def _file_at(place: Path) -> Path | None:
    return place if place.is_file() else None


def _model_at(place: Path) -> Path | None:
    """A run or a bundle is known by the file in it that names the others."""
    bundle = bundle_in(place)
    return bundle and bundle / DESCRIPTION


def digests_of(files: Files) -> dict[str, str]:
    """SHA-256 by name.

    Raises:
        RunError: one cannot be read.
    """
    try:
        return {name: sha256_file(path) for name, path in files.items()}
    except OSError as error:
        raise RunError(f"{error.filename}: cannot be read: {error.strerror}") from None


def check_files(found: Mapping[str, str], expected: Mapping[str, str], whose: str, way_out: str) -> None:
    """
    Args:
        found: digests of the files that are here.
        expected: those of a record; a name that it does not have was not in its recipe.
        whose: the record, in words.
        way_out: what to do otherwise.

    Raises:
        RunError: a file is another one than that of the record.
    """
    for name, digest in found.items():
        if expected.get(name, digest) != digest:
            raise RunError(
                f"{name}: is not the file of {whose}: its SHA-256 is {digest[:12]}…, there it was "
                f"{expected[name][:12]}…; {way_out}"
            )
