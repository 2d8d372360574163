"""What has been found out about a corpus's files: they are decoded once, and again only when they have changed."""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from asr.errors import StorageError
from asr.files import whole_file

FORMAT = 3  # of the list of known files


@dataclass(frozen=True)
class Decoded:
    """What is known about a stretch: its file's state on disk, then what it decodes to."""

    size: int
    modified: int  # nanoseconds
    changed: int  # nanoseconds; unlike `modified` it cannot be set back
    offset: float  # seconds, of its first sample
    seconds: float
    digest: str


class Journal:
    """What has been decoded so far, a line each, so that a process that was killed has not worked in vain."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream: TextIO | None = None

    def add(self, key: str, item: Decoded) -> None:
        """In the file when it returns.

        Raises:
            StorageError: it cannot be written.
        """
        try:
            if self._stream is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._stream = self.path.open("a", encoding="utf-8", buffering=1)
                # On a line of its own, also after one that was cut off.
                self._stream.write(f"\n{json.dumps(_header())}\n")
            self._stream.write(f"{json.dumps([key, vars(item)])}\n")
        except OSError as error:
            raise StorageError(f"{self.path}: cannot be written: {error.strerror or error}") from None

    def recall(self) -> dict[str, Decoded]:
        """What earlier tries have left; lines that were cut off, or are of another decoder, are passed over."""
        found: dict[str, Decoded] = {}
        ours, header = _header(), None
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            return found
        for line in lines:
            with suppress(ValueError, TypeError):
                tree = json.loads(line)
                if isinstance(tree, dict):
                    header = tree
                elif header == ours:
                    key, item = tree
                    found[key] = Decoded(**item)
        return found

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def drop(self) -> None:
        """All of it is in the list of known files."""
        self.path.unlink(missing_ok=True)


def remember(memory: Path, decoded: dict[str, Decoded]) -> None:
    """A line for each stretch, written as it is made."""
    with whole_file(memory) as part, part.open("w", encoding="utf-8") as out:
        out.write(f'{json.dumps(_header())[:-1]}, "files": {{')  # an object that goes on
        for number, (key, item) in enumerate(decoded.items()):
            comma = ",\n" if number else "\n"
            out.write(f"{comma}{json.dumps(key)}: {json.dumps(vars(item))}")
        out.write("}}\n")


def recall(memory: Path) -> dict[str, Decoded]:
    """Empty when there is nothing to recall: a list that cannot be read costs time, not correctness."""
    try:
        tree = json.loads(memory.read_text(encoding="utf-8"))
        if {key: tree[key] for key in ("format", "decoder")} != _header():
            return {}
        return {key: Decoded(**item) for key, item in tree["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _header() -> dict[str, object]:
    """Another version of the decoder may decode a file to other samples, or find fault with it."""
    import soundfile

    return {"format": FORMAT, "decoder": f"libsndfile {soundfile.__libsndfile_version__}"}
