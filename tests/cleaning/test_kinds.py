"""The page has every kind, with what is done about it."""

import re
from pathlib import Path

from asr.cleaning.kinds import KINDS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cleaning.md"


def test_the_page_has_every_kind() -> None:
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (remove|mend|warn) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert rows == [(kind.name, kind.action) for kind in KINDS.values()]
