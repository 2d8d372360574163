"""Cleaned manifests, in a new folder: the originals stay as they are, and so does the order of what is left."""

import json
import os
import secrets
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.cleaning.check import Part, Report
from asr.cleaning.kinds import KINDS, Action, Finding
from asr.corpora.cache import whole_folder
from asr.errors import CorpusError, StorageError

LEFT_OUT, MENDED = "left_out.jsonl", "mended.jsonl"


@dataclass(frozen=True)
class Plan:
    """What is done about each kind. By default nothing leaves a part that is tested on: a score is of all of it."""

    keep: Collection[str] = ()  # kinds about which nothing is done
    drop: Collection[str] = ()  # kinds whose utterances leave, whichever part they are in

    def action(self, finding: Finding) -> Action:
        if finding.row < 0 or finding.kind in self.keep:
            return "warn"
        if finding.kind in self.drop:
            return "remove"
        action = KINDS[finding.kind].action
        if action == "mend" and finding.mended is None:
            return "warn"
        return "warn" if action == "remove" and is_tested(finding.part) else action


@dataclass(frozen=True)
class Cleaned:
    """How many utterances."""

    kept: dict[str, int]  # by part
    left_out: dict[str, int]
    mended: dict[str, int]


def is_tested(part: str) -> bool:
    """Whether a part is one that is tested on, by its name."""
    return part.lower().startswith(("test", "eval"))


def write_cleaned(report: Report, folder: Path, plan: Plan) -> Cleaned:
    """Writes PART.jsonl for each part, `left_out.jsonl` and `mended.jsonl`, all of them or nothing.

    Lines that stay are as they were, further keys included, but for what is mended and for relative paths of audio,
    which would lead elsewhere from the new folder, and become absolute.

    Raises:
        CorpusError: the folder is not new or empty, or nothing would be left of a part.
        StorageError: it cannot be written.
    """
    check_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with whole_folder(folder) as part:
            return _write(report, part, plan)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written: {error.strerror or error}") from None


def check_folder(folder: Path) -> None:
    """
    Raises:
        CorpusError: it is neither new nor empty.
        StorageError: it cannot be made.
    """
    nearest = next(path for path in folder.absolute().parents if path.exists())
    tried = nearest / f".{folder.name}.{secrets.token_hex(4)}.part"
    try:
        tried.mkdir()
        tried.rmdir()
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written: {nearest}: {error.strerror or error}") from None
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CorpusError(
            f"{folder}: is there already, and not an empty folder; name a new one for cleaned manifests"
        )


def _write(report: Report, folder: Path, plan: Plan) -> Cleaned:
    of_row: dict[tuple[str, int], list[Finding]] = defaultdict(list)
    for finding in report.findings:
        of_row[finding.part, finding.row].append(finding)
    kept, left, mended = {}, {}, {}
    with (
        (folder / LEFT_OUT).open("w", encoding="utf-8") as out,
        (folder / MENDED).open("w", encoding="utf-8") as changed,
    ):
        for part in report.parts:
            lines, leaving, mending = [], 0, 0
            for row, tree in enumerate(_trees(part)):
                found = of_row.get((part.name, row), [])
                if reasons := [one for one in found if plan.action(one) == "remove"]:
                    leaving += 1
                    out.write(_said(part, row, tree, reasons))
                    continue
                if mends := _to_mend(found, plan):
                    mending += 1
                    changed.write(_said(part, row, tree, mends, before=_before(tree, mends)))
                    tree = _mended(tree, mends)
                lines.append(_line(tree))
            if not lines:
                raise CorpusError(
                    f"{part.path}: nothing would be left of {part.name}; see what was found, and --keep"
                )
            (folder / f"{part.name}.jsonl").write_text("".join(lines), encoding="utf-8")
            kept[part.name], left[part.name], mended[part.name] = len(lines), leaving, mending
    return Cleaned(kept, left, mended)


def _trees(part: Part) -> list[dict[str, Any]]:
    """The lines as they are in the file."""
    trees = []
    try:
        with part.path.open("rb") as stream:
            for line in stream:
                if line.strip():
                    trees.append(json.loads(line))
    except (OSError, ValueError):
        trees = []
    if len(trees) != len(part.utterances):
        raise CorpusError(f"{part.path}: it has changed while it was checked; check it again")
    for tree, utterance in zip(trees, part.utterances, strict=True):
        tree["audio_filepath"] = os.path.abspath(utterance.audio_filepath)  # noqa: PTH100 - links stay as they are
    return trees


def _to_mend(found: Sequence[Finding], plan: Plan) -> list[Finding]:
    """Findings after which the line is another. Each mended text has what the faults before it needed, too: so a text
    is mended of all its faults, or of none where one of them is to be kept."""
    mends = [one for one in found if plan.action(one) == "mend"]
    text = [one for one in found if one.mended is not None and "text" in one.mended]
    if all(one in mends for one in text):
        return mends
    return [one for one in mends if one not in text]


def _mended(tree: dict[str, Any], mends: Sequence[Finding]) -> dict[str, Any]:
    tree = dict(tree)
    for finding in mends:
        tree.update(finding.mended or {})
    for key in ("digest", "audio_digest"):  # they are of what was there before
        tree.pop(key, None)
    return tree


def _before(tree: dict[str, Any], mends: Sequence[Finding]) -> dict[str, Any]:
    return {key: tree.get(key) for one in mends for key in one.mended or {}}


def _said(part: Part, row: int, tree: dict[str, Any], findings: Sequence[Finding], **more: Any) -> str:
    utterance = part.utterances[row]
    said = {
        "part": part.name,
        "id": utterance.id,
        "kinds": [one.kind for one in findings],
        "found": [one.found for one in findings],
        **more,
        "line": tree,
    }
    return _line(said)


def _line(tree: Mapping[str, Any]) -> str:
    return json.dumps(tree, ensure_ascii=False) + "\n"
