"""The JSON files of a bundle: read and checked against what they have to say."""

import json
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from asr.errors import BundleError
from asr.frozen import Frozen, first_problem

T = TypeVar("T", bound=Frozen)


def read_description(path: Path, kind: type[T], what: str, version: int) -> T:
    """
    Args:
        what: it describes, for errors.
        version: of its format, which is its key `format`.

    Raises:
        FileNotFoundError, NotADirectoryError: there is no such file.
        BundleError: it cannot be read, or is of another format.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, ValueError) as error:
        raise BundleError(f"{path}: not a readable JSON file ({error})") from None
    found = tree.get("format") if isinstance(tree, dict) else None
    if found != version:
        raise BundleError(f"{path}: {what} format {found!r}; this version of Attest reads format {version}")
    try:
        return kind.model_validate_json(json.dumps(tree))
    except ValidationError as error:
        raise BundleError(f"{path}: {first_problem(error)}") from None
