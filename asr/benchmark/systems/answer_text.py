"""The text in an answer: plain, found by an expression, or at a place in JSON."""

import json
import re
from collections.abc import Iterator
from typing import Any

from asr.benchmark.errors import HearingError

_SHOWN = 80  # characters of an answer in a message


def text_in(answer: bytes, *, json_path: str = "", pattern: str = "") -> str:
    """
    Args:
        json_path: names and numbers with points between them, * for all of a list; several texts get a space between.
        pattern: a regular expression; the text is its first group, or all that it fits. Where it fits several times, a
            space between.

    Raises:
        HearingError: no UTF-8, no JSON, or no text where it should be; shows what was found.
    """
    try:
        text = answer.decode()
    except UnicodeDecodeError as error:
        raise HearingError(f"the answer is no UTF-8 ({error.reason}): {_shown(answer)}") from None
    if json_path:
        return _at(text, json_path)
    if pattern:
        found = [match[1 if match.re.groups else 0] for match in re.finditer(pattern, text, re.MULTILINE)]
        if not found:
            raise HearingError(f"nothing in the answer fits {pattern}: {_shown(answer)}")
        return " ".join(filter(None, found)).strip()
    return text.strip()


def _at(text: str, json_path: str) -> str:
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise HearingError(f"the answer is no JSON ({error}): {_shown(text.encode())}") from None
    found = list(_places(tree, json_path.split(".")))
    for each in found:
        if not isinstance(each, str):
            raise HearingError(f"{json_path} in the answer is no text: {_shown(json.dumps(each).encode())}")
    return " ".join(each.strip() for each in found)


def _places(tree: Any, path: list[str]) -> Iterator[Any]:
    if not path:
        yield tree
        return
    first, *rest = path
    if first == "*" and isinstance(tree, list):
        for each in tree:
            yield from _places(each, rest)
        return
    if isinstance(tree, dict) and first in tree:
        yield from _places(tree[first], rest)
    elif isinstance(tree, list) and first.lstrip("-").isdigit() and -len(tree) <= int(first) < len(tree):
        yield from _places(tree[int(first)], rest)
    else:
        raise HearingError(f"no {first!r} in the answer: {_shown(repr(tree).encode())}")


def _shown(answer: bytes) -> str:
    return repr(answer.decode(errors="replace")[:_SHOWN])
