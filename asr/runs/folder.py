"""The run folder: its name, its files, and the lock that keeps two processes from working on it at once."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from asr.errors import RunError
from asr.files import sha256_file
from asr.recipe import Recipe

RECORD = "record.json"
# What training needs to go on, and nothing else does.
CHECKPOINT = "checkpoint.safetensors"
TOKENIZER = "tokenizer.json"
TUNING = "tuning.json"
TAKING_OVER = "taking-over"
_TRAINING = (CHECKPOINT, TOKENIZER, TUNING, TAKING_OVER, "best.safetensors")


@dataclass(frozen=True)
class RunFolder:
    """Where each file of a run is."""

    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.toml"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def bundle(self) -> Path:
        return self.path / "model"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    @property
    def checkpoint(self) -> Path:
        """Only there while the training is under way."""
        return self.path / CHECKPOINT

    @property
    def tokenizer(self) -> Path:
        """For processes that follow; only there while the training is under way."""
        return self.path / TOKENIZER

    @property
    def tuning(self) -> Path:
        """What a search has tried on dev; only there until all is tried."""
        return self.path / TUNING

    @property
    def taking_over(self) -> Path:
        """Only there when what another run has learned is copied to here, and until this one is over."""
        return self.path / TAKING_OVER

    @property
    def audit(self) -> Path:
        """Only there when the training began at a checkpoint of another run: which one."""
        return self.path / "audit.json"

    def manifest(self, split: str) -> Path:
        return self.path / "manifests" / f"{split}.jsonl"

    def hypotheses(self, split: str, *, search: bool = False) -> Path:
        """Of greedy decoding, or of the search besides."""
        return self.path / "hypotheses" / f"{split}{'-search' * search}.jsonl"

    def digests(self) -> dict[str, str]:
        """SHA-256 of every file that a finished run keeps, by its path inside the folder.

        The manifests are left out: they hold paths of this machine. The corpus is known by its identity.
        """
        folders = (self.bundle, self.path / "hypotheses")
        kept = [self.recipe, self.metrics, *(path for folder in folders for path in folder.iterdir())]
        return {path.relative_to(self.path).as_posix(): sha256_file(path) for path in sorted(kept)}

    def checkpoint_digests(self) -> dict[str, str]:
        """SHA-256 of the kept checkpoints, by path inside the folder."""
        kept = sorted((self.path / "checkpoints").glob("step-*.safetensors"))
        return {path.relative_to(self.path).as_posix(): sha256_file(path) for path in kept}

    def strangers(self) -> list[str]:
        """Names of files that no run would have left, in a folder without a record."""
        return sorted(path.name for path in self.path.iterdir() if path.name != ".lock")

    def drop_training(self) -> None:
        """A run that is over does not go on: its checkpoint only takes room."""
        for name in _TRAINING:
            (self.path / name).unlink(missing_ok=True)

    def empty(self) -> None:
        """Removes everything but the lock; the record last, since it is what makes the folder a run."""
        for path in self.path.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name not in (".lock", RECORD, self.audit.name):
                path.unlink()
        self.audit.unlink(missing_ok=True)  # late: without it, what an audit has left would pass for a run
        (self.path / RECORD).unlink()


def default_folder(recipe: Recipe) -> Path:
    """Named by the recipe's content, so that the same command finds the same run again and another does not."""
    return Path("runs") / f"{recipe.name}-s{recipe.seed}-{recipe.digest()[:8]}"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder for one process. The lock goes with the process, however it ends.

    Raises:
        RunError: another process holds it, or there can be no such folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / ".lock").open("w")
    except OSError as error:
        raise RunError(f"{folder}: cannot be a run folder ({error.strerror}); choose another --out") from None
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{folder}: another process is working on this run; wait for it, or choose another --out"
            ) from None
        _sweep(folder)
        yield


def _sweep(folder: Path) -> None:
    """Removes what a process that was killed in the middle of a write has left beside its target.

    Only what a run writes, and only in a run folder: `--out` can name any folder by mistake.
    """
    patterns = [f".{RECORD}.*.part"]
    if (folder / RECORD).exists():
        patterns += [
            ".*.part",
            *(f"{name}/.*.part" for name in ("manifests", "model", "hypotheses", "checkpoints")),
        ]
    for pattern in patterns:
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
