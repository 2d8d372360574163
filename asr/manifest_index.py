"""The columns of a manifest: what choosing and planning need of every utterance, without its line being parsed.

They are kept in a file beside the manifest, `.NAME.index` (safetensors), which is read by memory map, so that several
processes share it. An index is whole or not there. One that is damaged, or not of the manifest as it is now, is passed
over and made again. It can be deleted at any time.
"""

import hashlib
import json
import mmap
import os
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.errors import StorageError
from asr.files import whole_file
from asr.shard_file import shard_of
from asr.utterance import Utterance

FORMAT = "1"
LEAST = 10_000  # utterances; fewer are parsed in a blink, and their folder is left alone
BLOCK = 1 << 14  # rows looked at together
_TYPES = {"I64": np.int64, "U32": np.uint32, "F64": np.float64, "I32": np.int32, "U8": np.uint8}


@dataclass(frozen=True)
class Columns:
    """A value for each utterance, in the order of the manifest."""

    starts: npt.NDArray[np.int64]  # (rows,) bytes before its line
    lengths: npt.NDArray[np.uint32]  # (rows,) bytes of its line
    durations: npt.NDArray[np.float64]  # (rows,) seconds
    ids: npt.NDArray[np.uint8]  # the JSON of all ids, one after the other
    id_bounds: npt.NDArray[np.int64]  # (rows + 1,) where in `ids` each begins, and the end
    shards: npt.NDArray[np.int32]  # (rows,) number of its shard, in order of appearance; -1: in none

    def id_keys(self, rows: npt.NDArray[np.int64]) -> Iterator[bytes]:
        """The JSON of the ids of some rows, as it stands in the keys of draws."""
        for start in range(0, len(rows), BLOCK):
            some = rows[start : start + BLOCK]
            begins, ends = self.id_bounds[some], self.id_bounds[some + 1]
            low, high = int(begins.min()), int(ends.max())
            near = high - low < 64 * int((ends - begins).sum()) + (1 << 20)
            text = self.ids[low:high].tobytes() if near else b""
            for a, b in zip(begins.tolist(), ends.tolist(), strict=True):
                yield text[a - low : b - low] if near else self.ids[a:b].tobytes()


class Builder:
    """Collects the columns, utterance by utterance."""

    def __init__(self) -> None:
        self._starts, self._lengths, self._durations = array("q"), array("I"), array("d")
        self._ids, self._id_bounds = bytearray(), array("q", [0])
        self._shards, self._names = array("i"), dict[str, int]()

    def add(self, utterance: Utterance, start: int, length: int) -> None:
        self._starts.append(start)
        self._lengths.append(length)
        self._durations.append(utterance.duration)
        self._ids += encode_basestring_ascii(utterance.id).encode()
        self._id_bounds.append(len(self._ids))
        shard = shard_of(utterance.audio_filepath)
        self._shards.append(-1 if shard is None else self._names.setdefault(shard, len(self._names)))

    def __len__(self) -> int:
        return len(self._starts)

    def columns(self) -> Columns:
        return Columns(
            starts=np.frombuffer(self._starts, np.int64),
            lengths=np.frombuffer(self._lengths, np.uint32),
            durations=np.frombuffer(self._durations, np.float64),
            ids=np.frombuffer(self._ids, np.uint8),
            id_bounds=np.frombuffer(self._id_bounds, np.int64),
            shards=np.frombuffer(self._shards, np.int32),
        )


def columns_of(utterances: Iterable[Utterance]) -> Columns:
    """Of utterances in memory, which have no lines."""
    builder = Builder()
    for utterance in utterances:
        builder.add(utterance, 0, 0)
    return builder.columns()


@dataclass(frozen=True)
class State:
    """What a manifest file is: the first three tell quickly that it did not change, the digest tells surely."""

    size: int
    modified: int  # nanoseconds
    changed: int  # nanoseconds; unlike `modified` it cannot be set back


def state_of(descriptor: int) -> State:
    """Of an open file."""
    found = os.fstat(descriptor)
    return State(found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def digest_of_file(descriptor: int) -> str:
    """SHA-256 of an open file, wherever it stands."""
    digest, place = hashlib.sha256(), 0
    while block := os.pread(descriptor, 1 << 20, place):
        digest.update(block)
        place += len(block)
    return digest.hexdigest()


def index_path(manifest: Path) -> Path:
    return manifest.parent / f".{manifest.name}.index"


def write_index(manifest: Path, columns: Columns, descriptor: int, before: State, written: str = "") -> bool:
    """Keeps the columns beside the manifest.

    Args:
        descriptor: of the manifest, open.
        before: its state before the columns were read from it.
        written: SHA-256 of the lines that the columns are of, where they were not read from it.

    Returns:
        Whether it was written: not where the folder cannot be written to, nor if the manifest has changed meanwhile.
    """
    from safetensors.numpy import save_file

    digest = digest_of_file(descriptor)
    if state_of(descriptor) != before or written not in ("", digest):
        return False
    values = _arrays(columns)
    notes = {
        "format": FORMAT,
        "manifest": json.dumps([before.size, before.modified, before.changed, digest]),
        "sha256": _digest(values),
    }
    try:
        with whole_file(index_path(manifest)) as part:
            save_file(values, part, notes)
    except StorageError:  # another user's folder, or a full disk: the next one parses the lines again
        return False
    return True


def read_index(manifest: Path, descriptor: int) -> Columns | None:
    """The columns that were kept of this manifest as it is now; None where there are none."""
    try:
        with index_path(manifest).open("rb") as stream:
            mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        begin = 8 + int.from_bytes(mapped[:8], "little")
        header = json.loads(mapped[8:begin])
        notes = header.pop("__metadata__")
        if notes["format"] != FORMAT or not _is_of(json.loads(notes["manifest"]), descriptor):
            return None
        values = {name: _array(mapped, begin, entry) for name, entry in header.items()}
        return Columns(**values) if notes["sha256"] == _digest(values) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None


def _is_of(known: list[Any], descriptor: int) -> bool:
    *state, digest = known
    now = state_of(descriptor)
    if now == State(*state):
        return True
    return now.size == state[0] and digest_of_file(descriptor) == str(digest)  # copied, or touched


def _array(mapped: mmap.mmap, begin: int, entry: dict[str, Any]) -> npt.NDArray[Any]:
    kind, (start, end) = np.dtype(_TYPES[entry["dtype"]]), entry["data_offsets"]
    return np.frombuffer(mapped, kind, (end - start) // kind.itemsize, begin + start)


def _arrays(columns: Columns) -> dict[str, npt.NDArray[Any]]:
    names = ("starts", "lengths", "durations", "ids", "id_bounds", "shards")
    return {name: getattr(columns, name) for name in names}


def _digest(values: dict[str, npt.NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(values):
        digest.update(values[name].data)
    return digest.hexdigest()
