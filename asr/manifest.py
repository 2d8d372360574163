"""A manifest: JSON Lines, one utterance a line, with the keys that NeMo users already have.

    {"audio_filepath": "wav/a.wav", "duration": 1.5, "text": "yes", "id": "a", "speaker": "fash"}

`audio_filepath`, `duration` and `text` are needed; `id`, `speaker`, `offset`, `lang`, `digest` and `audio_digest`
may be left out or null, and further keys are passed over. A line is read and parsed when it is asked for. What choosing
and planning need of all lines at once are columns (asr.manifest_index), kept in a file beside a large manifest.
"""

import hashlib
import os
import weakref
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from asr.errors import ManifestError
from asr.files import whole_file
from asr.identity import audio_digest, digest_of, identity, manifest_digest
from asr.on_demand import OnDemand
from asr.utterance import Utterance, line_of, parse

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from asr.manifest_index import Columns

__all__ = [
    "Manifest",
    "Selected",
    "Table",
    "Utterance",
    "audio_digest",
    "digest_of",
    "identity",
    "manifest_digest",
    "read_manifest",
    "table_of",
    "write_manifest",
]

BLOCK = 1 << 24  # bytes looked through at a time for line ends
ROWS = 1 << 10  # lines read together


class Table(OnDemand[Utterance]):
    """Utterances whose columns are at hand without any of them being parsed."""

    @property
    @abstractmethod
    def durations(self) -> "npt.NDArray[np.float64]":
        """(rows,) seconds."""

    @property
    @abstractmethod
    def shards(self) -> "npt.NDArray[np.int32]":
        """(rows,) number of the shard that each lies in; -1: in none."""

    @abstractmethod
    def id_keys(self, rows: "npt.NDArray[np.int64] | None" = None) -> Iterator[bytes]:
        """The JSON of the id of each, or of some rows, as it stands in the keys of asr.randomness."""

    def choose(self, rows: "npt.NDArray[np.int64]") -> "Selected":
        """Some of them, in the given order."""
        return Selected(self, rows)


class Whole(Table):
    """A table with columns of its own."""

    @property
    @abstractmethod
    def columns(self) -> "Columns":
        """Of every row."""

    @property
    def durations(self) -> "npt.NDArray[np.float64]":
        return self.columns.durations

    @property
    def shards(self) -> "npt.NDArray[np.int32]":
        return self.columns.shards

    def id_keys(self, rows: "npt.NDArray[np.int64] | None" = None) -> Iterator[bytes]:
        import numpy as np

        return self.columns.id_keys(np.arange(len(self)) if rows is None else rows)


class Manifest(Whole):
    """The utterances of a manifest file, parsed when asked for."""

    def __init__(self, path: Path) -> None:
        from asr.manifest_index import read_index, state_of

        self.path = path
        self._descriptor = _open(path)
        weakref.finalize(self, os.close, self._descriptor)
        self._state = state_of(self._descriptor)
        self._kept = read_index(path, self._descriptor)
        if self._kept is not None:
            self._starts, self._lengths = self._kept.starts, self._kept.lengths
        else:
            self._starts, self._lengths = _find_lines(self._descriptor)

    def __len__(self) -> int:
        return len(self._starts)

    def at(self, place: int) -> Utterance:
        """Raises ManifestError naming file, line and key when the line is malformed."""
        line = os.pread(self._descriptor, int(self._lengths[place]), int(self._starts[place]))
        return self._parse(line, place)

    def __iter__(self) -> Iterator[Utterance]:
        for first in range(0, len(self), ROWS):
            starts = self._starts[first : first + ROWS].tolist()
            ends = (self._starts[first : first + ROWS] + self._lengths[first : first + ROWS]).tolist()
            block = os.pread(self._descriptor, ends[-1] - starts[0], starts[0])
            for row, (start, end) in enumerate(zip(starts, ends, strict=True), first):
                yield self._parse(block[start - starts[0] : end - starts[0]], row)

    @cached_property
    def columns(self) -> "Columns":
        """Kept beside a large manifest, where its folder can be written to.

        Raises:
            ManifestError: names the first line that is malformed.
        """
        from asr.manifest_index import LEAST, Builder, write_index

        if self._kept is not None:
            return self._kept
        builder = Builder()
        places = zip(self._starts.tolist(), self._lengths.tolist(), strict=True)
        for utterance, (start, length) in zip(self, places, strict=True):
            builder.add(utterance, start, length)
        columns = builder.columns()
        if len(self) >= LEAST:
            write_index(self.path, columns, self._descriptor, self._state)
        return columns

    def _parse(self, line: bytes, row: int) -> Utterance:
        try:
            return parse(line, self.path.parent, str(self.path))
        except ManifestError:
            number = _count_lines(self._descriptor, int(self._starts[row])) + 1
            return parse(line, self.path.parent, f"{self.path}:{number}")


class Selected(Table):
    """Some utterances of a table."""

    def __init__(self, table: Table, rows: "npt.NDArray[np.int64]") -> None:
        """
        Args:
            rows: of `table`, in the order in which they come here.
        """
        self.table: Table = table.table if isinstance(table, Selected) else table
        self.rows: npt.NDArray[np.int64] = table.rows[rows] if isinstance(table, Selected) else rows

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, place: int) -> Utterance:
        return self.table.at(int(self.rows[place]))

    @property
    def durations(self) -> "npt.NDArray[np.float64]":
        return self.table.durations[self.rows]

    @property
    def shards(self) -> "npt.NDArray[np.int32]":
        return self.table.shards[self.rows]

    def id_keys(self, rows: "npt.NDArray[np.int64] | None" = None) -> Iterator[bytes]:
        return self.table.id_keys(self.rows if rows is None else self.rows[rows])


class InMemory(Whole):
    """Utterances that are in memory anyway."""

    def __init__(self, utterances: Sequence[Utterance]) -> None:
        self._utterances = utterances

    def __len__(self) -> int:
        return len(self._utterances)

    def at(self, place: int) -> Utterance:
        return self._utterances[place]

    @cached_property
    def columns(self) -> "Columns":
        from asr.manifest_index import columns_of

        return columns_of(self._utterances)


def table_of(utterances: Sequence[Utterance]) -> Table:
    """The table itself, or the columns of utterances in memory."""
    return utterances if isinstance(utterances, Table) else InMemory(utterances)


def read_manifest(path: Path | str) -> Manifest:
    """Opens a manifest; relative `audio_filepath` come back joined to its folder. It may hold no utterances.

    Raises:
        ManifestError: there is no such file. Malformed lines raise it when they are asked for.
    """
    return Manifest(Path(path))


def write_manifest(path: Path | str, utterances: Iterable[Utterance]) -> None:
    """Writes a manifest, whole or not at all, and the index of a large one.

    Raises:
        ManifestError: an utterance has text that cannot be written as UTF-8 (half a surrogate pair).
    """
    from asr.manifest_index import LEAST, Builder, state_of, write_index

    path = Path(path)
    builder, digest, place = Builder(), hashlib.sha256(), 0
    with whole_file(path) as part, part.open("wb") as stream:
        for utterance in utterances:
            try:
                line = line_of(utterance)
            except UnicodeEncodeError as error:
                raise ManifestError(
                    f"{path}: utterance {utterance.id!r} is not valid Unicode: {error}"
                ) from None
            stream.write(line)
            digest.update(line)
            builder.add(utterance if utterance.id else parse(line, path.parent, str(path)), place, len(line))
            place += len(line)
    if len(builder) >= LEAST:
        with path.open("rb") as stream:
            number = stream.fileno()
            write_index(path, builder.columns(), number, state_of(number), digest.hexdigest())


def _open(path: Path) -> int:
    """A descriptor: lines are read at their places by any thread, and what was read takes no room."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        raise ManifestError(f"{path}: no such manifest; expected a file of JSON lines") from None
    except OSError as error:
        raise ManifestError(f"{path}: not a readable file ({error.strerror}); expected JSON lines") from None
    if path.is_file():
        return descriptor
    os.close(descriptor)
    raise ManifestError(f"{path}: not a readable file; expected JSON lines")


def _find_lines(descriptor: int) -> "tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]":
    """Where each line that is not blank starts, and its bytes."""
    import numpy as np

    starts, place = [np.zeros(1, np.int64)], 0
    while block := os.pread(descriptor, BLOCK, place):
        starts.append(np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + (place + 1))
        place += len(block)
    if starts[-1].size == 0 or starts[-1][-1] != place:
        starts.append(np.array([place], np.int64))
    bounds = np.concatenate(starts)
    lengths = np.diff(bounds)
    full = lengths > 2
    for number in np.flatnonzero(~full):  # too short for an object and its line end: blank, or an error later
        full[number] = os.pread(descriptor, int(lengths[number]), int(bounds[number])).strip() != b""
    return bounds[:-1][full], lengths[full].astype(np.uint32)


def _count_lines(descriptor: int, end: int) -> int:
    """Line feeds in the first `end` bytes."""
    count = place = 0
    while place < end:
        block = os.pread(descriptor, min(BLOCK, end - place), place)
        count += block.count(b"\n")
        place += len(block)
    return count
