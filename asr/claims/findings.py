"""What a verification says: checks with their outcomes, and findings that name a file or a key."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from asr.runs.seal import SEAL, seal_of

Code = Literal[
    "missing",  # a key or file that must be there
    "unknown",  # a key that no record of this format has
    "invalid",  # a value or line that cannot be
    "duplicate",  # a key or id that is there twice
    "altered",  # does not match its digest
    "unsealed",  # a part that the seal does not know
    "unlisted",  # a file of the run without a digest in the record
    "unsafe-name",  # a name that leads out of the run folder
    "not-a-file",  # a link, folder or device in the place of a file
    "unreadable",  # there, but cannot be read
    "inconsistent",  # two places of the run contradict each other
    "leak",  # the test part shares with what was learned from, and no waiver says so
    "incomplete",  # the run is not over
    "unsigned",  # a signature was asked for, and there are none
    "bad-signature",  # a signature does not hold, or the file of signatures cannot be read
    "other-signer",  # it is signed, but not by the key that was asked for
    "other-thing",  # these are the signatures of something else
    "unknown-signer",  # remark: it is signed by a key that was not given
    "other-transcript",  # decoded again, an utterance gives another text
    "other-audio",  # decoded again, the audio is other than it was
    "other-corpus",  # remark: not the corpus of this installation's lock file
    "other-version",  # remark: another library here counts or draws otherwise
    "other-name",  # remark: the folder is called as that of another recipe would be
]
Outcome = Literal["ok", "remark", "failed", "not checked"]
Verdict = Literal["verified", "failed", "incomplete"]

_DIGEST = re.compile(r'"([0-9a-f]{12})[0-9a-f]{20,}"')
_MOST = 80  # characters of a value in a message


class NotChecked(Exception):  # noqa: N818  # nothing is wrong
    """Raised by a check that cannot be made; the text says why."""


class Nothing:
    """Stands for a key, line or file that is not there; JSON has no value for that."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING = Nothing()


@dataclass(frozen=True)
class Finding:
    """One thing that is not as the record says."""

    code: Code  # stable, for programs
    what: str  # a file inside the run folder, or a dotted key of the record
    found: str  # JSON, or "nothing"
    expected: str  # likewise; "" where many values would do
    message: str  # in words
    remark: bool = False  # worth knowing, but nothing is missing or altered


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str  # stable, for programs
    about: str  # what must hold, in words
    findings: tuple[Finding, ...]
    skipped: str  # why it was not made, or not to its end; "" when it was

    @property
    def outcome(self) -> Outcome:
        if any(not finding.remark for finding in self.findings):
            return "failed"
        if self.skipped:
            return "not checked"
        return "remark" if self.findings else "ok"


def made_check(name: str, about: str, findings: Iterable[Finding]) -> Check:
    """A check with what it finds, as far as it can be made: `findings` may raise NotChecked."""
    found: list[Finding] = []
    skipped = ""
    try:
        for finding in findings:
            found.append(finding)
    except NotChecked as reason:
        skipped = str(reason)
    return Check(name, about, tuple(found), skipped)


@dataclass(frozen=True)
class Report:
    """All checks of one run or record."""

    path: Path  # as it was given
    format: int  # of the record
    status: str  # of the run; "" where the record says none
    checks: tuple[Check, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for check in self.checks for finding in check.findings)

    @property
    def verdict(self) -> Verdict:
        """`incomplete` is a run that is not over: nothing is wrong with it, and it claims nothing yet."""
        wrong = {finding.code for finding in self.findings if not finding.remark}
        if not wrong:
            return "verified"
        return "incomplete" if wrong == {"incomplete"} else "failed"

    def to_json(self) -> dict[str, Any]:
        return {
            "run": str(self.path),
            "format": self.format,
            "status": self.status,
            "verdict": self.verdict,
            "checks": [
                {"name": check.name, "about": check.about, "outcome": check.outcome, "reason": check.skipped}
                for check in self.checks
            ],
            "findings": [{"check": c.name, **asdict(finding)} for c in self.checks for finding in c.findings],
        }


def shown(value: object) -> str:
    """JSON of a value, or "nothing"."""
    return repr(value) if value is NOTHING else json.dumps(value, ensure_ascii=False)


def contradiction(
    what: str, found: object, expected: object, by: str, *, remark: Code | None = None
) -> Finding:
    """`what` is `found`, and `by` (the source of the other value, in words) says `expected`."""
    message = f"is {brief(found)}, but {by}: {brief(expected)}"
    return Finding(remark or "inconsistent", what, shown(found), shown(expected), message, remark is not None)


def of_seal(tree: dict[str, Any]) -> Iterator[Finding]:
    """Parts of a sealed record that are not as its seal says."""
    for key, ours, theirs in differences(tree.get(SEAL, NOTHING), seal_of(tree)):
        message = "is not as it was when the record was written"
        yield Finding("altered", key, shown(ours), shown(theirs), message)


def brief(value: object) -> str:
    """A value for a message: long ones are cut, digests to their beginning."""
    text = _DIGEST.sub(r"\1…", shown(value))
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"


def differences(found: Any, expected: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two JSON values differ: dotted key, and both values there (NOTHING where one has none).

    1 and 1.0 are one number; true is none.
    """
    dot = f"{key}." if key else ""
    if isinstance(found, dict) and isinstance(expected, dict):
        for name in [*expected, *(name for name in found if name not in expected)]:
            yield from differences(found.get(name, NOTHING), expected.get(name, NOTHING), f"{dot}{name}")
    elif isinstance(found, list) and isinstance(expected, list):
        for row in range(max(len(found), len(expected))):
            ours = found[row] if row < len(found) else NOTHING
            theirs = expected[row] if row < len(expected) else NOTHING
            yield from differences(ours, theirs, f"{dot}{row}")
    elif isinstance(found, bool) != isinstance(expected, bool) or found != expected:
        yield key, found, expected
