"""The run folder: its name, its files, and the lock that keeps two processes from working on it at once."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from asr.errors import RunError
from asr.files import sha256_file
from asr.recipe import Recipe


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

    def manifest(self, split: str) -> Path:
        return self.path / "manifests" / f"{split}.jsonl"

    def hypotheses(self, split: str) -> Path:
        return self.path / "hypotheses" / f"{split}.jsonl"

    def digests(self) -> dict[str, str]:
        """SHA-256 of every file that a finished run keeps, by its path inside the folder.

        The manifests are left out: they hold paths of this machine. The corpus is known by its identity.
        """
        kept = [
            self.recipe,
            self.metrics,
            *self.bundle.glob("*"),
            *(self.path / "hypotheses").glob("*.jsonl"),
        ]
        return {path.relative_to(self.path).as_posix(): sha256_file(path) for path in sorted(kept)}


def default_folder(recipe: Recipe) -> Path:
    """Named by the recipe's content, so that the same command finds the same run again and another does not."""
    return Path("runs") / f"{recipe.name}-s{recipe.seed}-{recipe.digest()[:8]}"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder for one process. The lock goes with the process, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{folder}: another process is working on this run; wait for it, or choose another --out"
            ) from None
        yield
