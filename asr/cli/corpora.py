"""`asr corpora`: which corpora are known, and how each is to be had.

`asr prepare NAME` gets one and makes manifests of it; a recipe names it with corpus.name. Your own recordings are read
in the formats that stand below the list: `asr prepare folder RECORDINGS --out FOLDER`, and so on.
"""

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asr.corpora.reading import Reader

NAME = "corpora"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")


def call(options: argparse.Namespace) -> int:
    from asr.corpora.exchange import FORMS
    from asr.corpora.registry import NAMES, get_reader

    corpora = [about(get_reader(name)) for name in NAMES]
    forms = [
        {"name": form.name, "title": form.title, "written": form.write is not None} for form in FORMS.values()
    ]
    if options.json:
        print(json.dumps({"corpora": corpora, "formats": forms}, indent=2, ensure_ascii=False))
        return 0
    _print(corpora, forms)
    return 0


def about(reader: "Reader") -> dict[str, Any]:
    """What a user asks of a corpus. Languages are codes; 0 hours are not known, or other for every user."""
    return {
        "name": reader.name,
        "title": reader.title,
        "language": reader.language,
        "hours": reader.hours,
        "licence": reader.licence,
        "parts": list(reader.parts),
        "usual_parts": list(reader.usual_parts),
        "how": _how(reader),
    }


def _how(reader: "Reader") -> str:
    if reader.source is not None:
        return "is downloaded"
    if reader.parts:
        return "its parts are downloaded"
    if reader.make is not None:
        return "is made here"
    return f"from your machine, by --corpus PATH{reader.obtain and f' ({reader.obtain})'}"


def _print(corpora: list[dict[str, Any]], forms: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 180)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("name", "title", "language", "hours", "licence", "how to get it"):
        table.add_column(
            heading,
            justify="right" if heading == "hours" else "left",
            overflow="fold",
            no_wrap=heading == "name",
        )
    for each in corpora:
        hours = f"{each['hours']:,.1f}".removesuffix(".0") if each["hours"] else ""
        table.add_row(
            *map(Text, (each["name"], each["title"], each["language"], hours, each["licence"], each["how"]))
        )
    console.print(table)
    console.print("Your own recordings, by `asr prepare FORMAT PATH --out FOLDER`:", soft_wrap=True)
    for form in forms:
        also = "; written by `asr export-corpus`, too" if form["written"] else ""
        console.print(f"  {form['name']:<12} {form['title']}{also}", soft_wrap=True)
