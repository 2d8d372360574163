"""What a run consists of: its files with their sizes and digests, which is what is signed of a run.

Left out are `.lock`, TensorBoard's events (their names hold that of the machine), and the signatures.
"""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import ValidationError

from asr.errors import SignatureError
from asr.frozen import Frozen, first_problem
from asr.model.contents import RECORD
from asr.safety.measure import File, Measured, measured

FORMAT = 1
SIGNATURES = "signatures.json"
MAY_BE_GONE = ("checkpoints/", "manifests/")  # a run is whole without; those that are there are checked
LEFT_OUT, LOCK = ("tensorboard/",), ".lock"


class RunList(Frozen):
    """The list, and its bytes."""

    kind: Literal["attest-run"] = "attest-run"
    format: Literal[1] = 1
    files: dict[str, File]

    def to_bytes(self) -> bytes:
        """Of the same files the same bytes."""
        return (json.dumps(self.model_dump(mode="json"), indent=2) + "\n").encode()


def files_in(folder: Path, *, run: bool) -> Iterator[tuple[str, Measured]]:
    """All that lies in a folder but signatures, by name, sorted; links and what cannot be read, too.

    Args:
        run: leave out what is no part of a run.

    Raises:
        SignatureError: a folder cannot be looked into.
    """
    try:
        names = sorted(_walk(folder, run))
    except OSError as error:
        raise SignatureError(f"{error.filename}: cannot be looked into: {error.strerror}") from None
    for name in names:
        yield name, measured(folder / name)


def read_run_list(data: bytes, where: str) -> RunList:
    """A list as it was written, to the letter.

    Raises:
        SignatureError: it is none, of another format, or names what cannot be in a run.
    """
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        tree = None
    found = tree.get("format") if isinstance(tree, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise SignatureError(
            f"{where}: its list is of format {found}, by a newer Attest; this one reads {FORMAT}: update it"
        )
    try:
        listed = RunList.model_validate_json(data)
    except ValidationError as error:
        raise SignatureError(f"{where}: its list is none of a run: {first_problem(error)}") from None
    if bad := [name for name in listed.files if not is_plain(name)]:
        raise SignatureError(f"{where}: its list has {bad[0]!r}, which is no file inside a run")
    if list(listed.files) != sorted(listed.files) or RECORD not in listed.files or listed.to_bytes() != data:
        raise SignatureError(f"{where}: its list of files is not as `asr sign` writes it")
    return listed


def is_plain(name: str) -> bool:
    """A relative path that leads nowhere else, and that can be printed."""
    path = PurePosixPath(name)
    plain = path.as_posix() == name and name not in ("", ".") and name.isprintable() and "\\" not in name
    return plain and not path.is_absolute() and ".." not in path.parts


def _walk(folder: Path, run: bool) -> Iterator[str]:
    waiting = [""]  # not by recursion: somebody may have put a thousand folders into each other
    while waiting:
        inside = waiting.pop()
        with os.scandir(folder / inside) as entries:
            for entry in entries:
                name = f"{inside}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    if not (run and f"{name}/" in LEFT_OUT):
                        waiting.append(f"{name}/")
                elif name != SIGNATURES and not (run and name == LOCK and _is_empty_file(entry)):
                    yield name


def _is_empty_file(entry: "os.DirEntry[str]") -> bool:
    found = entry.stat(follow_symlinks=False)
    return stat.S_ISREG(found.st_mode) and found.st_size == 0
