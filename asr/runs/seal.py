"""The seal of a record: one digest for each of its parts, so that whatever was altered has a name.

It finds accidents and honest edits. Somebody who means harm can write a new seal: that is what signatures are for.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

SEAL = "seal"


def canonical_digest(value: Any) -> str:
    """SHA-256 of JSON with sorted keys, no spaces and ASCII only: the same in every program."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def seal_of(tree: dict[str, Any]) -> dict[str, str]:
    """Digests of the parts of a record, by dotted key; the seal itself is not one of them.

    A part is what stands at the top level, and of an object each of its keys, so that few digests name the place well.
    """
    return {key: canonical_digest(value) for key, value in _parts(tree)}


def _parts(tree: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if key == SEAL:
            continue
        if isinstance(value, dict) and value:
            for inner, part in value.items():
                yield f"{key}.{inner}", part
        else:
            yield key, value
