"""What a comparison is given: runs, or records by themselves."""

from dataclasses import dataclass
from pathlib import Path

from asr.runs.folder import RunFolder
from asr.runs.record import Record, read_record


@dataclass(frozen=True)
class Given:
    """A run folder, or a record by itself."""

    path: Path
    record: Record

    @property
    def folder(self) -> RunFolder | None:
        return RunFolder(self.path) if self.path.is_dir() else None


def read_given(path: Path) -> Given:
    """Raises RunError when there is no run."""
    return Given(path, read_record(path))
