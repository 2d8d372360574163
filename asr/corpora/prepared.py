"""A corpus that was decoded from end to end, and its lock file."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from asr.corpora.decode import BrokenFile
from asr.corpora.lock import SplitLock, lock_tree, write_locks
from asr.corpora.reading import Splits
from asr.errors import StorageError

LockState = Literal["matches", "differs", "written", "no lock", "not checked"]


@dataclass(frozen=True)
class LockPlace:
    """Where the lock file of a corpus is, or is to be."""

    path: Path
    shown: str  # as the user knows it: in the folder that was given, not where a link leads
    ours: bool  # comes with the project; any other is written when the corpus is first used


@dataclass(frozen=True)
class PreparedCorpus:
    """A corpus that was decoded from end to end."""

    name: str
    source_name: str  # file or folder name only, never a path; "" when the corpus was made here
    source_sha256: str  # of the archive; "" for a folder
    splits: Splits  # with durations and digests
    locks: dict[str, SplitLock]  # by split
    lock_state: LockState  # "differs" only for a corpus made here; a downloaded one is then refused
    broken: tuple[BrokenFile, ...] = ()  # of training, so not in `splits`; none where our lock is matched
    maker: str = ""  # program and version, of a corpus made by one
    lock_place: LockPlace | None = None  # where `keep_lock` is to write; None: nowhere
    difference: str = ""  # from the lock, in words, where the state is "differs"
    pronunciations: Path | None = None  # the corpus's own lexicon, where it has one


def lock_of(prepared: PreparedCorpus) -> dict[str, Any]:
    """The contents of the corpus's lock file."""
    return lock_tree(prepared.name, prepared.locks)


def write_lock(prepared: PreparedCorpus, path: Path) -> None:
    """Writes the lock file, whole or not at all."""
    write_locks(path, prepared.name, prepared.locks)


def keep_lock(prepared: PreparedCorpus) -> tuple[PreparedCorpus, str]:
    """Gives a corpus that has no lock file one, which every later use is compared with.

    To be called once the corpus is to be used as it is: whoever is still mending it should not have to delete a lock.

    Returns:
        The corpus, whose lock state is now "written", and what the user should be told; where the lock cannot be
        written, the corpus as it was, and why. A corpus of any other state comes back as it is, with "".
    """
    place = prepared.lock_place
    if place is None or prepared.lock_state != "no lock":
        return prepared, ""
    try:
        write_lock(prepared, place.path)
    except StorageError as error:
        return prepared, f"corpus {prepared.name}: no lock file, so nothing notices when it changes: {error}"
    written = replace(prepared, lock_state="written", lock_place=None)
    return written, f"corpus {prepared.name}: locked as it is now in {place.shown}; a later change is noticed"
