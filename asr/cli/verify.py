"""`asr verify`: finds anything in a run or its record that is missing, altered or not matching its digest.

Nothing is computed again but digests, counts and scores, unless --decode or --audio asks for it. The exit status is 0
when all that could be checked is right, and 1 when something is not, is not there, or is no record at all.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from asr import numerics
from asr.cli.stages import stage_bars

if TYPE_CHECKING:
    from asr.claims.findings import Check, Finding, Report

NAME = "verify"
MOST = 20  # findings that are printed of one check


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run",
        type=Path,
        nargs="+",
        help="a run folder, or a record.json by itself, whose files are then not checked",
    )
    parser.add_argument(
        "--decode",
        action="store_true",
        help="decode dev and test again, one utterance at a time; compare transcripts",
    )
    parser.add_argument(
        "--audio", action="store_true", help="decode the audio of all parts again; compare identities"
    )
    parser.add_argument(
        "--json", action="store_true", help="checks and findings for programs; of several runs a list"
    )


def call(options: argparse.Namespace) -> int:
    if options.decode:
        numerics.pin()
    from asr.claims.verify import verify
    from asr.errors import AsrError

    reports, failed = [], False
    for run in options.run:
        try:
            with stage_bars() as progress:
                report = verify(run, decode=options.decode, audio=options.audio, progress=progress)
        except AsrError as error:
            print(f"asr: {error}", file=sys.stderr)
            failed = True
            continue
        reports.append(report)
        failed = failed or report.verdict != "verified"
        if not options.json:
            _print(report)
    if options.json and reports:
        trees = [report.to_json() for report in reports]
        print(json.dumps(trees if len(options.run) > 1 else trees[0], indent=2, ensure_ascii=False))
    return 1 if failed else 0


def _print(report: "Report") -> None:
    """A line for each check, one for each finding, and the verdict last."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    title = f"{report.path}: format {report.format}, status {report.status or 'missing'}"
    table = Table(title=Text(title), title_justify="left")
    for heading in ("check", "outcome", ""):
        table.add_column(heading)
    for check in report.checks:
        style = {"ok": "green", "remark": "yellow", "failed": "red"}.get(check.outcome, "")
        table.add_row(Text(check.name), Text(check.outcome, style=style), Text(_remark(check)))
    console.print(table)
    for check in report.checks:
        for finding in check.findings[:MOST]:
            console.print(_line(finding), soft_wrap=True)
        if len(check.findings) > MOST:
            console.print(
                f"{check.name}: and {len(check.findings) - MOST} more (--json has all)", soft_wrap=True
            )
    console.print(_verdict(report), soft_wrap=True)


def _remark(check: "Check") -> str:
    """What was looked for and found, or why that could not be."""
    if check.outcome == "not checked":
        return check.skipped
    wrong = sum(not finding.remark for finding in check.findings)
    if wrong:
        return f"{_count(wrong, 'finding')} against: {check.about}"
    return f"{check.about}{': see the remark' * bool(check.findings)}"


def _line(finding: "Finding") -> str:
    return f"{'remark: ' * finding.remark}{finding.what}: {finding.message}"


def _verdict(report: "Report") -> str:
    made = [check for check in report.checks if check.outcome != "not checked"]
    left = f" ({len(report.checks) - len(made)} not made)" * (len(made) < len(report.checks))
    if report.verdict == "verified":
        return f"{report.path}: verified: {_count(len(made), 'check')} right{left}"
    if report.verdict == "incomplete":
        return f"{report.path}: not complete, so nothing is claimed that could be verified"
    wrong = [finding for finding in report.findings if not finding.remark]
    names = list(dict.fromkeys(finding.what for finding in wrong))
    more = f" and {len(names) - 10} more" * (len(names) > 10)
    return f"{report.path}: NOT verified: {_count(len(wrong), 'finding')}: {', '.join(names[:10])}{more}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
