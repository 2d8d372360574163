"""A report for programs, and what is done about each kind, in words."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from asr.cleaning.check import Report
from asr.cleaning.fix import Plan
from asr.cleaning.kinds import KINDS, Finding

FORMAT = 1
_WORDS = {"remove": "left out", "mend": "mended", "warn": "stays"}


def done_about(findings: Sequence[Finding], plan: Plan) -> str:
    """What --fix does about findings of one kind."""
    actions = Counter(plan.action(one) for one in findings)
    if len(actions) == 1:
        return f"--fix: {_WORDS[next(iter(actions))]}"
    return "--fix: " + ", ".join(f"{count} {_WORDS[action]}" for action, count in actions.most_common())


def to_json(report: Report, plan: Plan) -> dict[str, Any]:
    """Everything that was found."""
    findings = []
    for one in report.findings:
        tree = asdict(one)
        tree["others"] = list(one.others)
        tree["line"] = one.row + 1 if one.row >= 0 else None
        tree["badness"] = round(float(one.badness), 6)
        del tree["row"]
        findings.append(tree | {"fix": plan.action(one)})
    return {
        "format": FORMAT,
        "text": report.text,
        "model": report.model,
        "seconds": report.seconds,
        "parts": [
            {"name": part.name, "manifest": str(part.path), "utterances": len(part.utterances)}
            for part in report.parts
        ],
        "counts": report.counts,
        "kinds": {
            name: {"title": KINDS[name].title, "advice": KINDS[name].advice, "fix": KINDS[name].action}
            for name in report.counts
        },
        "notes": list(report.notes),
        "findings": findings,
    }
