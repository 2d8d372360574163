"""Files of records that are none of a run: told apart by their kind, each of one format."""

import json
from pathlib import Path
from typing import Any

from asr.errors import AsrError


def is_record(file: Path, kind: str) -> bool:
    """Whether it is a record of this kind, such as "benchmark"."""
    try:
        tree = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(tree, dict) and tree.get("kind") == kind


def read_record_tree(
    file: Path, error: type[AsrError], *, kind: str, format: int, missing: str
) -> dict[str, Any]:
    """A record as it is written, checked for its kind and format alone.

    Args:
        error: is raised where there is no such file, no JSON, or no record of this kind and format.
        missing: says that it is not there, and what to do.
    """
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise error(missing) from None
    except (OSError, ValueError, RecursionError) as found:
        raise error(f"{file}: not a readable JSON file ({found})") from None
    if not isinstance(tree, dict) or tree.get("kind") != kind:
        raise error(f"{file}: not the record of a {kind}")
    if tree.get("format") != format:
        raise error(
            f"{file}: format {tree.get('format')!r} of a {kind}; this version of Attest reads format {format}"
        )
    return tree
