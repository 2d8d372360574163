"""What tests of `verify` do to a run, and how they read what it says."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asr.claims.findings import Report
from asr.runs.seal import canonical_digest, seal_of

Change = Callable[[dict[str, Any]], object]


def change_record(record: Path, alter: Change, *, seal: bool = True) -> Path:
    """Alters a record; with `seal` as somebody would who knows how records are sealed."""
    tree = json.loads(record.read_text())
    alter(tree)
    if seal:
        tree["recipe_digest"] = canonical_digest(tree["recipe"])
        tree["seal"] = seal_of(tree)
    record.write_text(json.dumps(tree))
    return record


def list_again(run: Path, *names: str) -> None:
    """Puts the digests of altered files into the record."""
    digests = {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in names}
    change_record(run / "record.json", lambda tree: tree["files"].update(digests))


def codes(report: Report) -> dict[str, str]:
    """By file or key, what is the matter with it; remarks left out."""
    return {finding.what: finding.code for finding in report.findings if not finding.remark}


def remarks(report: Report) -> dict[str, str]:
    """By file or key, what is worth knowing of it."""
    return {finding.what: finding.code for finding in report.findings if finding.remark}


def outcomes(report: Report) -> dict[str, str]:
    """By name of the check."""
    return {check.name: check.outcome for check in report.checks}
