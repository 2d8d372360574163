"""Ids, texts and paths of other people on a terminal: what would command it is shown as an escape."""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # C0, delete, C1; ESC and CSI begin sequences


def visible(text: str) -> str:
    """The text on one line, with `\\x1b` and alike in place of control characters."""
    return _CONTROL.sub(lambda sign: sign[0].encode("unicode_escape").decode("ascii"), text)
