"""`asr verify`: finds anything in a run or its record that is missing, altered or not matching its digest.

Nothing is computed again but digests, counts and scores, unless --decode or --audio asks for it. Where something is
signed, so is every file compared with what was signed; --key says who must have done it. Bundles, packed models and the
folders of `asr benchmark` are checked, too. The exit status is 0 when all that could be checked is right, and 1 when
something is not, is not there, or is no record at all.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from asr import numerics
from asr.cli.stages import stage_bars
from asr.cli.visible import visible

if TYPE_CHECKING:
    from asr.claims.findings import Check, Finding, Report
    from asr.cli.stages import Progress
    from asr.safety.keys import Trusted
    from asr.safety.signed import Signed, Signer

NAME = "verify"
MOST = 20  # findings that are printed of one check


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run",
        type=Path,
        nargs="+",
        help="a run folder, or a record.json by itself, whose files are then not checked; or the folder of a "
        "benchmark or study, a bundle or a packed model",
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
        "--key",
        action="append",
        default=[],
        metavar="PUBLIC",
        help="a file of public keys (asr keys new), or one key, of whom one must have signed; may be given again",
    )
    parser.add_argument(
        "--json", action="store_true", help="checks and findings for programs; of several runs a list"
    )


def call(options: argparse.Namespace) -> int:
    if options.decode:
        numerics.pin()
    from asr.errors import AsrError
    from asr.safety.keys import read_trusted

    trusted = read_trusted(options.key)
    reports, trees, failed = [], [], False
    for run in options.run:
        try:
            with stage_bars() as progress:
                report, signed = _verify(run, options, trusted, progress)
        except AsrError as error:
            print(f"asr: {error}", file=sys.stderr)
            failed = True
            continue
        reports.append(report)
        signers = signed.signers if signed is not None else ()
        trees.append({**report.to_json(), "signers": [_signer_tree(signer) for signer in signers]})
        failed = failed or report.verdict != "verified"
        if not options.json:
            print_report(report)
            for signer in signers:
                print(f"{report.path}: signature of {signer}")
    if options.json and reports:
        print(json.dumps(trees if len(options.run) > 1 else trees[0], indent=2, ensure_ascii=False))
    return 1 if failed else 0


def _verify(
    path: Path, options: argparse.Namespace, trusted: "tuple[Trusted, ...]", progress: "Progress"
) -> "tuple[Report, Signed | None]":
    """Of a run or a record, and of a model; with its signatures, if there are or have to be some."""
    from asr.benchmark.record import is_benchmark
    from asr.claims.signing import signature_check, verify_model
    from asr.claims.verify import verify
    from asr.safety.signed import check_signed
    from asr.safety.things import find_thing, is_model
    from asr.tuning.record import is_study

    if is_model(path):
        return verify_model(path, trusted)
    if is_benchmark(path):
        return _verify_benchmark(path, options), None
    if is_study(path):
        return _verify_study(path, options), None
    report = verify(path, decode=options.decode, audio=options.audio, progress=progress)
    signed = check_signed(find_thing(path), trusted)
    if signed.unsigned and not trusted:
        return report, None
    return replace(report, checks=(*report.checks, signature_check(signed))), signed


def _verify_benchmark(path: Path, options: argparse.Namespace) -> "Report":
    from asr.benchmark.errors import BenchmarkError
    from asr.benchmark.verify import verify_benchmark

    for given, name in ((options.decode, "--decode"), (options.audio, "--audio"), (options.key, "--key")):
        if given:
            raise BenchmarkError(f"{path}: {name} is for runs, and this is a benchmark; leave it out")
    return verify_benchmark(path if path.is_dir() else path.parent)


def _verify_study(path: Path, options: argparse.Namespace) -> "Report":
    from asr.tuning.errors import TuningError
    from asr.tuning.verify import verify_study

    for given, name in ((options.decode, "--decode"), (options.audio, "--audio"), (options.key, "--key")):
        if given:
            raise TuningError(f"{path}: {name} is for runs, and this is a study; leave it out")
    return verify_study(path)


def _signer_tree(signer: "Signer") -> dict[str, object]:
    return {
        "fingerprint": signer.key.fingerprint,
        "public_key": signer.key.line,
        "known": list(signer.known),
    }


def print_report(report: "Report") -> None:
    """A line for each check, one for each finding, and the verdict last."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    kinds = {"bundle": "a bundle", "packed": "a packed model", "benchmark": "a benchmark", "study": "a study"}
    run = f"format {report.format}, status {report.status or 'missing'}"
    title = f"{report.path}: {kinds.get(report.status, run)}"
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
    return visible(f"{'remark: ' * finding.remark}{finding.what}: {finding.message}")


def _verdict(report: "Report") -> str:
    made = [check for check in report.checks if check.outcome != "not checked"]
    left = f" ({len(report.checks) - len(made)} not made)" * (len(made) < len(report.checks))
    if report.verdict == "verified":
        return f"{report.path}: verified: {_count(len(made), 'check')} right{left}"
    if report.verdict == "incomplete":
        return f"{report.path}: not complete, so nothing is claimed that could be verified"
    wrong = [finding for finding in report.findings if not finding.remark]
    names = list(dict.fromkeys(visible(finding.what) for finding in wrong))
    more = f" and {len(names) - 10} more" * (len(names) > 10)
    return f"{report.path}: NOT verified: {_count(len(wrong), 'finding')}: {', '.join(names[:10])}{more}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
