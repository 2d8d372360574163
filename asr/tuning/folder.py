"""The folder of a study: its files, and the lock that keeps two processes from leading it at once."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from asr.tuning.errors import TuningError
from asr.tuning.record import RECORD, is_study
from asr.tuning.search import Study

BEST, PAGE, PLAN = "best.toml", "report.html", "plan.json"


@dataclass(frozen=True)
class StudyFolder:
    """Where each file is."""

    path: Path

    @property
    def record(self) -> Path:
        return self.path / RECORD

    @property
    def best(self) -> Path:
        return self.path / BEST

    @property
    def page(self) -> Path:
        return self.path / PAGE

    @property
    def plan(self) -> Path:
        """Where on this machine things are that trainings need; no business of the record."""
        return self.path / PLAN

    def manifest(self, part: str) -> Path:
        """Of train or dev; there is none of test."""
        return self.path / "manifests" / f"{part}.jsonl"

    def trial(self, number: int) -> Path:
        """Only there until the trial is over."""
        return self.path / "trials" / f"{number:04d}"

    def drop_trials(self, running: set[int]) -> None:
        """What trials that are over have left."""
        for path in (self.path / "trials").glob("*"):
            if not (path.name.isdecimal() and int(path.name) in running):
                shutil.rmtree(path, ignore_errors=True)

    def strangers(self) -> list[str]:
        """Names of files that no study would have left, in a folder without a record."""
        # Killed while it wrote its first record, a process leaves a part of it.
        left = {path.name for path in self.path.glob(f".{RECORD}.*.part")}
        return sorted(path.name for path in self.path.iterdir() if path.name not in {".lock", *left})

    def drop_parts(self) -> None:
        """Of writes that were killed. Folders of trials are left alone: a worker may not have ended yet."""
        for folder in (self.path, self.path / "manifests"):
            for part in folder.glob(".*.part"):
                part.unlink(missing_ok=True)

    def empty(self) -> None:
        """Removes everything but the lock; the record last, since it is what makes the folder a study."""
        for path in self.path.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name not in (".lock", RECORD):
                path.unlink()
        self.record.unlink()


def default_folder(study: Study) -> Path:
    """Named by what is searched: the same command finds the same study again, also with a larger budget."""
    return Path("runs") / f"tune-{study.recipe.name}-{study.digest()[:8]}"


@contextmanager
def led(path: Path, *, fresh: bool) -> Iterator[StudyFolder]:
    """Holds the folder for one process. The lock goes with the process, however it ends.

    Args:
        fresh: throw away what is in it.

    Raises:
        TuningError: another process leads this study, there can be no such folder, or something else is in it.
    """
    folder = StudyFolder(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        stream = (path / ".lock").open("w")
    except OSError as error:
        raise TuningError(
            f"{path}: cannot be the folder of a study ({error.strerror}); choose another --out"
        ) from None
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TuningError(
                f"{path}: another process is working on this study; wait for it, or choose another --out"
            ) from None
        if not folder.record.exists():
            if strangers := folder.strangers():
                raise TuningError(
                    f"{path}: not empty ({', '.join(strangers[:3])}) and no study; choose another --out"
                )
        elif fresh and is_study(path):
            folder.empty()
        folder.drop_parts()
        yield folder
