"""What a comparison is given: runs, or records by themselves."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from asr.errors import RunError
from asr.runs.folder import RunFolder
from asr.runs.record import Record, read_record
from asr.training.cursor import DIGITS


@dataclass(frozen=True)
class Given:
    """A run folder, or a record by itself."""

    path: Path
    record: Record

    @property
    def folder(self) -> RunFolder | None:
        return RunFolder(self.path) if self.path.is_dir() else None


def read_given(path: Path) -> Given:
    """Raises RunError when there is no run, or a record that contradicts itself."""
    record = read_record(path)
    if trouble := _contradiction(record):
        raise RunError(f"{path}: this record contradicts itself: {trouble}; `asr verify {path}` says more")
    return Given(path, record)


def _contradiction(record: Record) -> str:
    """What a comparison could not be made with; "" for nothing."""
    if not record.sessions:
        return "it has no session"
    if record.corpus and (missing := {"train", "dev", "test"} - record.corpus.splits.keys()):
        return f"its corpus has no part {sorted(missing)[0]}"
    if record.format > 1 and record.outcomes.keys() != record.results.keys():
        return "outcomes and results are not of the same parts"
    steps = [0, *(entry.step for entry in record.trail)]
    for (before, after), entry in zip(pairwise(steps), record.trail, strict=True):
        if {len(entry.heard), len(entry.loss), len(entry.gradient)} != {DIGITS * (after - before)}:
            return f"its trail has not {DIGITS} digits for each step up to {after}"
    return ""
