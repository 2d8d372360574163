"""The base of everything that is read from TOML or JSON and checked: recipes, records, bundles."""

import tomllib
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from asr.errors import AsrError


class Frozen(BaseModel):
    """Strict, immutable, closed: what is not named here is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def first_problem(error: ValidationError) -> str:
    """Key and what is wrong with it."""
    first = error.errors()[0]
    # Of what somebody else wrote: a name may be long, or command a terminal.
    key = "".join(sign for sign in ".".join(map(str, first["loc"])) if sign.isprintable())[:100]
    return f"key {key}: {first['msg']}" if key else str(first["msg"])


def read_toml(path: Path, error: type[AsrError], *, name: str, missing: str) -> dict[str, Any]:
    """What somebody has written by hand.

    Args:
        error: is raised where there is no such file, no text or no TOML.
        name: what it should be, such as "recipe".
        missing: says that it is not there, and what to do.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise error(f"{path}: {missing}") from None
    except (OSError, UnicodeDecodeError) as found:
        raise error(f"{path}: not a readable text file ({found}); a {name} is a TOML file") from None
    except tomllib.TOMLDecodeError as found:
        raise error(f"{path}: not valid TOML: {found}") from None


def all_problems(
    error: ValidationError,
    whole: str,
    allowed: Callable[[Sequence[Any]], Iterable[str]],
    kinds: Sequence[str] = (),
) -> str:
    """Each complaint in our words: key, what was found, what is allowed.

    Args:
        whole: called so where no key is to blame.
        allowed: keys of the table at a place.
        kinds: by whose names a table is told what it is.
    """
    return "; ".join(_explain(item, whole, allowed, kinds) for item in error.errors())


def _explain(
    item: Any, whole: str, allowed: Callable[[Sequence[Any]], Iterable[str]], kinds: Sequence[str]
) -> str:
    # Pydantic puts the kind of a table behind its number, and validators of our own into the path.
    place = [
        part
        for before, part in pairwise((None, *item["loc"]))
        if not (isinstance(before, int) and part in kinds) and not str(part).startswith("function-")
    ]
    key = ".".join(map(str, place)) or whole
    if item["type"] == "extra_forbidden":
        return f"unknown key {key}; allowed here: {', '.join(allowed(place[:-1]))}"
    if item["type"] == "missing":
        return f"key {key} is missing"
    found = item["input"]
    if item["type"].startswith("union_tag"):
        kind = found.get("kind") if isinstance(found, dict) else found
        return f"{key}.kind: {kind!r} is none; known are {', '.join(kinds)}"
    message = item["msg"].removeprefix("Value error, ")
    tables = found if isinstance(found, list) else [found]
    shown = "" if any(isinstance(each, dict) for each in tables) else f" (got {found!r})"
    return f"{key}: {message}{shown}"
