"""`asr reproduce`: runs a record again, all of it or some steps, and says whether its result holds.

Ends in exactly one verdict: bit-identical, same transcripts, equivalent within the recipe's margin (exit status 0),
different (3), inconclusive (4), or not comparable (5). Interrupted or killed, the same command goes on.
"""

import argparse
import json
import sys
from pathlib import Path

from asr.cli.arguments import add_run_options, run_options
from asr.cli.stopping import StopOnSignal

NAME = "reproduce"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("record", type=Path, help="a record.json by itself, or a run folder")
    add_run_options(parser, out="runs/reproduce-NAME-sSEED-DIGEST")
    parser.add_argument(
        "--steps",
        type=_steps,
        default=(0, 0),
        metavar="FIRST:LAST",
        help="run only these steps of the training, from the run's last checkpoint at or before FIRST; 0 needs none",
    )
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="begin at this one of the record (its run folder's)"
    )
    parser.add_argument("--json", action="store_true", help="the verdict for programs")


def call(options: argparse.Namespace) -> int:
    from asr.claims.given import read_given

    given = read_given(options.record)  # numerics are pinned as the record says, before torch is imported
    record = given.record
    from asr.claims.pinning import pin_like
    from asr.recipe_file import changed

    warning = pin_like(record, changed(record.recipe, options.changes))
    if warning:
        print(f"asr: {warning}", file=sys.stderr)
    from asr.claims.reproduce import reproduce
    from asr.claims.verdict import Scope
    from asr.cli.comparison import print_reproduction
    from asr.cli.progress import RunProgress
    from asr.training.reports import Interrupted

    settings = run_options(options, command=f"asr reproduce {options.record.name}", beside=options.record)
    stop = StopOnSignal()
    try:
        with RunProgress(record.recipe) as progress, stop:
            found = reproduce(
                given,
                settings,
                changes=options.changes,
                scope=Scope(*options.steps),
                checkpoint=options.checkpoint,
                watcher=progress,
                should_stop=stop.is_asked,
            )
    except Interrupted as stopped:
        print(f"asr: interrupted; the same command goes on from {stopped.folder}", file=sys.stderr)
        return stop.status
    if options.json:
        print(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
    else:
        print_reproduction(found)
    return found.verdict.exit_status


def _steps(text: str) -> tuple[int, int]:
    first, colon, last = text.partition(":")
    if not colon or not (first or "0").isdecimal() or not last.isdecimal() or int(first or 0) >= int(last):
        raise argparse.ArgumentTypeError(
            f"expected FIRST:LAST with FIRST < LAST, such as 0:200, got {text!r}"
        )
    return int(first or 0), int(last)
