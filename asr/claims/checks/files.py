"""Are the files of the run there and as they were: by their digests, and by what they say of the record."""

import json
import os
import re
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from asr.claims.evidence import Evidence
from asr.claims.findings import NOTHING, Finding, NotChecked, brief, contradiction, differences, shown
from asr.files import sha256_file
from asr.runs.folder import RunFolder

_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_files(evidence: Evidence) -> Iterator[Finding]:
    """Every file that the record lists is there with its SHA-256, and every file of the run is listed."""
    evidence.need_complete()
    listed = _digests(evidence, "files")
    yield from _unlisted_of_all_runs(listed, search=bool(evidence.tree.get("search")))
    root = evidence.need_folder().path
    for name, digest in listed.items():
        yield from _compare(root, "files", name, digest, may_be_gone=False)
    others = evidence.tree.get("checkpoints")
    known = listed.keys() | (others.keys() if isinstance(others, dict) else set())
    for folder in ("model", "hypotheses", "checkpoints"):
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root).as_posix()
            if name not in known and (path.is_symlink() or not path.is_dir()):
                message = "is no file of this run: the record has no digest of it; remove it"
                yield Finding("unlisted", name, "a file", "nothing", message)


def check_checkpoints(evidence: Evidence) -> Iterator[Finding]:
    """Checkpoints may be deleted; those that are there have their SHA-256."""
    evidence.need_format(2)
    evidence.need_complete()
    listed = _digests(evidence, "checkpoints")
    root = evidence.need_folder().path
    for name, digest in listed.items():
        yield from _compare(root, "checkpoints", name, digest, may_be_gone=True)
    gone = [name for name in listed if is_inside(name) and not os.path.lexists(root / name)]
    if gone:
        raise NotChecked(f"{len(gone)} of {len(listed)} were deleted, which does no harm")


def check_recipe_file(evidence: Evidence) -> Iterator[Finding]:
    """recipe.toml is the recipe of the record, key by key."""
    path, recipe = evidence.need_folder().recipe, evidence.tree.get("recipe")
    if not isinstance(recipe, dict):
        raise NotChecked("the record has no recipe")
    text = _read(evidence.need_file(path))
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        yield Finding("invalid", path.name, "", "", f"is not TOML: {error}")
        return
    for key, ours, theirs in differences(found, recipe):
        message = f"has {key} = {brief(ours)}, the recipe of the record {brief(theirs)}"
        yield Finding("inconsistent", f"{path.name}: {key}", _text(ours), shown(theirs), message)


def check_metrics(evidence: Evidence) -> Iterator[Finding]:
    """metrics.jsonl has the epochs of the record, one a line."""
    evidence.need_complete()
    epochs = evidence.tree.get("epochs")
    if not isinstance(epochs, list):
        raise NotChecked("the record has no epochs")
    found = []
    for number, tree in read_lines(evidence.need_file(evidence.need_folder().metrics), "metrics.jsonl"):
        if isinstance(tree, Finding):
            yield tree
        found.append(NOTHING if isinstance(tree, Finding) else tree)
        if number > len(epochs):
            break
    for key, ours, theirs in differences(epochs, found, "epochs"):
        row = key.split(".")[1]
        if not (row.isdecimal() and int(row) < len(found) and found[int(row)] is NOTHING):
            yield contradiction(key, ours, theirs, f"line {int(row) + 1} of metrics.jsonl")


def read_lines(path: Path, name: str) -> Iterator[tuple[int, dict[str, Any] | Finding]]:
    """Numbers, from 1, and the JSON objects of a file of JSON lines; a Finding for a line that is none."""
    lines = _read(path).split("\n")
    if lines[-1]:
        message = "its last line has no end: the file is cut off"
        yield len(lines), Finding("invalid", name, "", "", message)
    for number, line in enumerate(lines[:-1], 1):
        try:
            tree = json.loads(line)
            line.encode()
            json.dumps(tree, ensure_ascii=False).encode()  # halves of surrogate pairs
        except (ValueError, RecursionError) as error:
            tree = error
        if isinstance(tree, dict):
            yield number, tree
        else:
            yield (
                number,
                Finding("invalid", name, line[:200], "", f"line {number} is no JSON object ({tree!s:.80})"),
            )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise NotChecked(f"{path.name} cannot be read ({error.strerror})") from None


def _text(value: object) -> str:
    """TOML has dates and times, which JSON has not."""
    try:
        return shown(value)
    except TypeError:
        return str(value)


def _digests(evidence: Evidence, key: str) -> dict[str, Any]:
    listed = evidence.tree.get(key)
    if not isinstance(listed, dict):
        raise NotChecked(f"the record has no list of {key}")
    return listed


def _unlisted_of_all_runs(listed: dict[str, Any], *, search: bool) -> Iterator[Finding]:
    run = RunFolder(Path())
    needed = [run.recipe, run.metrics, run.bundle / "model.json", run.bundle / "weights.safetensors"]
    needed += [run.hypotheses("dev"), run.hypotheses("test")]
    if search:
        parts = [run.hypotheses(part, search=True) for part in ("dev", "test")]
        needed += [run.bundle / "decoder.json", *parts]
    for path in needed:
        name = path.as_posix()
        if name not in listed:
            message = f"every run{' with a search' * search} has this file, and its digest here"
            yield Finding("missing", f"files.{name}", "nothing", "", message)


def _compare(root: Path, key: str, name: str, digest: object, *, may_be_gone: bool) -> Iterator[Finding]:
    """A file with its digest; follows no link, opens nothing that is no file."""
    if not is_inside(name):
        message = "is no path inside the run folder; nothing was read"
        yield Finding("unsafe-name", f"{key}.{name}", shown(name), "", message)
        return
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        yield Finding("invalid", f"{key}.{name}", shown(digest)[:200], "", "is no SHA-256")
        return
    path = root / name
    try:
        kind = _kind(root, name)
        found = sha256_file(path) if kind == "a file" else ""
    except FileNotFoundError:
        if not may_be_gone:
            yield Finding("missing", name, "nothing", shown(digest), "this file is missing")
        return
    except OSError as error:
        yield Finding(
            "unreadable", name, str(error.strerror), shown(digest), f"cannot be read ({error.strerror})"
        )
        return
    if kind != "a file":
        yield Finding("not-a-file", name, kind, "a file", f"is {kind} where a file should be")
    elif found != digest:
        message = f"altered: its SHA-256 is {brief(found)}, {key} in the record says {brief(digest)}"
        yield Finding("altered", name, shown(found), shown(digest), message)


def _kind(root: Path, name: str) -> str:
    """What is at the place of a file, in words; links on the way count too."""
    path = root
    for part in PurePosixPath(name).parts:
        path /= part
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            return f"a link ({path.relative_to(root).as_posix()})"
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a file" if stat.S_ISREG(mode) else "a device"


def is_inside(name: str) -> bool:
    """A plain relative path, as this project writes them."""
    path = PurePosixPath(name)
    plain = path.as_posix() == name and name not in ("", ".") and name.isprintable() and "\\" not in name
    return plain and not path.is_absolute() and ".." not in path.parts
