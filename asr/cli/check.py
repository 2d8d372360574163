"""`asr check`: finds what is wrong with a corpus: its audio, its texts, and what its parts share.

    asr check train.jsonl dev.jsonl test.jsonl
    asr check corpus/ --model runs/an4-s1 --html found.html --fix cleaned/

Manifests are JSON Lines with audio_filepath, duration and text; a part is called as its file, or PART=FILE. Give all
parts of a corpus together: what they share is found, too. With --model its texts are compared with what the model
hears. What was measured is kept, so a second check is quick and an interrupted one goes on.

The exit status is 0 where nothing was found, 1 where something was (or after an error), 2 for a wrong command line.
docs/cleaning.md has all kinds of faults, and what --fix does about each.
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli.arguments import add_cache, add_device, add_workers, workers_of
from asr.cli.key_options import add_require_signature

if TYPE_CHECKING:
    from asr.cleaning.check import Part, Report
    from asr.cleaning.fix import Cleaned, Plan

NAME = "check"
SHOWN = 5  # worst findings of each kind
_NAMED = re.compile(r"(?P<part>[A-Za-z0-9][A-Za-z0-9._-]*)=(?P<path>.+)", re.DOTALL)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from asr.cleaning.kinds import KINDS
    from asr.text import VERSIONS

    parser.add_argument(
        "manifests", nargs="+", metavar="MANIFEST", help="a file, PART=FILE, or a folder of manifests"
    )
    parser.add_argument("--model", metavar="MODEL", help="a run folder or a bundle, which judges the texts")
    add_require_signature(parser)
    parser.add_argument(
        "--text", choices=VERSIONS, default="plain-1", help="version of the text normaliser (plain-1)"
    )
    parser.add_argument(
        "--all", action="store_true", help=f"show every finding, not the worst {SHOWN} of each kind"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="all findings, for programs")
    parser.add_argument("--html", type=Path, metavar="FILE", help="a page with players, in one file")
    parser.add_argument(
        "--fix", type=Path, metavar="FOLDER", help="write cleaned manifests into a new folder"
    )
    for name, what in (
        ("--keep", "with --fix: do nothing about this kind; may be given again"),
        ("--drop", "with --fix: leave out what has this kind of fault, also of test; may be given again"),
    ):
        parser.add_argument(
            name, action="append", default=[], choices=tuple(KINDS), metavar="KIND", help=what
        )
    add_device(parser)
    add_workers(parser)
    add_cache(parser)


def call(options: argparse.Namespace) -> int:
    from asr.cleaning.fix import Plan, check_folder, write_cleaned
    from asr.errors import BundleError

    if options.require_signature and options.model is None:
        raise BundleError("--require-signature is for a model: add --model")
    parts = read_parts(options.manifests)
    if options.fix is not None:
        check_folder(options.fix)  # before everything is measured
    report = _check(options, parts)
    plan = Plan(frozenset(options.keep), frozenset(options.drop))
    _print(report, plan, everything=options.all)
    if options.json is not None:
        from asr.cleaning.summary import to_json
        from asr.files import write_json

        write_json(options.json, to_json(report, plan))
    if options.html is not None:
        from asr.cleaning.page import write_page

        write_page(options.html, report, plan)
    if options.fix is not None:
        _print_cleaned(options.fix, write_cleaned(report, options.fix, plan))
    return 1 if report.findings else 0


def read_parts(given: Sequence[str]) -> "list[Part]":
    """The manifests that were named; of a folder all that are in it.

    Raises:
        ManifestError: one cannot be read, or two have one name.
    """
    from asr.cleaning.check import read_part
    from asr.cleaning.fix import LEFT_OUT, MENDED
    from asr.corpora.own import LEFT_OUT as LEFT_OUT_BEFORE
    from asr.errors import ManifestError

    parts: dict[str, Part] = {}
    for text in given:
        named = _NAMED.fullmatch(text)
        name, path = (
            ("", Path(text)) if named is None or Path(text).exists() else (named["part"], Path(named["path"]))
        )
        paths = [path]
        if path.is_dir():
            others = (LEFT_OUT, MENDED, LEFT_OUT_BEFORE)
            paths = sorted(one for one in path.glob("*.jsonl") if one.name not in others)
            if not paths or name:
                raise ManifestError(
                    f"{path}: no manifest in this folder; expected files like train.jsonl"
                    if not name
                    else f"{text}: is a folder; name a file"
                )
        for one in paths:
            part = read_part(one, name)
            if part.name in parts:
                raise ManifestError(
                    f"{one}: {parts[part.name].path} is called {part.name}, too; name them, as in train={one}"
                )
            parts[part.name] = part
    return list(parts.values())


def _check(options: argparse.Namespace, parts: "Sequence[Part]") -> "Report":
    from asr.cleaning.check import check
    from asr.cli.stages import stage_bars

    known = options.cache.expanduser() / "checked" / "sounds.sqlite"
    workers = workers_of(options)
    ear = None
    if options.model is not None:
        from asr import numerics

        numerics.pin()
        from asr.cleaning.heard import Ear

        ear = Ear(
            options.model,
            known,
            device=options.device,
            workers=workers,
            require_signature=options.require_signature,
        )
    with stage_bars() as progress:
        return check(parts, known=known, text=options.text, ear=ear, processes=workers, progress=progress)


def _print(report: "Report", plan: "Plan", *, everything: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    from asr.cleaning.kinds import KINDS
    from asr.cleaning.summary import done_about
    from asr.cli.visible import visible

    console = Console(highlight=False, markup=False, soft_wrap=True)
    count = sum(len(part.utterances) for part in report.parts)
    names = ", ".join(f"{part.name} {len(part.utterances)}" for part in report.parts)
    console.print(f"{count} utterances ({visible(names)}), {report.seconds / 3600:.2f} hours of audio")
    for kind, findings in report.by_kind.items():
        number = len(findings)
        heading = Text.assemble(
            "\n", (f"{kind}: {number}", "bold"), f"  {KINDS[kind].title}; {KINDS[kind].advice} ",
            (f"[{done_about(findings, plan)}]", "dim"),
        )  # fmt: skip
        console.print(heading)
        for one in findings if everything else findings[:SHOWN]:
            name, found = visible(f"{one.part}/{one.id}"), visible(one.found)
            console.print(Text.assemble("  ", (name, "cyan"), f"  {found}"))
            if one.file and one.file not in one.found:
                console.print(Text(f"      {visible(one.file)}", style="dim"))
        if not everything and number > SHOWN:
            console.print(Text(f"  and {number - SHOWN} more (--all)", style="dim"))
    if not report.findings:
        console.print("\nnothing was found")
    for number, note in enumerate(report.notes):
        console.print(Text("\n" * (not number) + f"note: {visible(note)}"))


def _print_cleaned(folder: Path, cleaned: "Cleaned") -> None:
    print(f"\n{folder}:")
    for name, kept in cleaned.kept.items():
        print(
            f"  {name}.jsonl: {kept} stay, {cleaned.mended[name]} of them mended; {cleaned.left_out[name]} left out"
        )
    print("  left_out.jsonl and mended.jsonl say which, and why")
