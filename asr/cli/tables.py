"""Tables of results for people."""

import sys
from collections.abc import Collection, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from asr.scoring import Unit


def wide_console() -> Console:
    """Wide where output goes to a file: paths, digests and rows in one piece."""
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 160)


def figures(title: str, headings: Sequence[str], names: Collection[str]) -> Table:
    """An empty table whose columns stand to the right, except those of names."""
    table = Table(
        title=Text(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1)
    )
    for heading in headings:
        table.add_column(heading, justify="left" if heading in names else "right", no_wrap=True)
    return table


def rate_of(unit: Unit) -> str:
    """Heading of the rate of errors in these units; "CER" is the column beside it, in which blanks count."""
    return "WER" if unit == "word" else "by character"
