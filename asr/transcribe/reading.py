"""Files to pieces of sound that are heard together: read ahead in threads, grouped, in memory that does not grow.

A short file is one piece, a longer one a piece a window. Pieces come in the order of the files, and are taken in groups
of so much sound; within a group they make batches of like length, whatever files they are from. So many short files
make full batches with little padding, and a long file and its neighbours share theirs.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from asr.audio import Audio, resample, resample_stream, stream_audio
from asr.errors import AudioError
from asr.sound_file import Samples
from asr.transcribe.windows import Windows

SECONDS = 480.0  # of sound in a group
FIRST, MOST = 16, 256  # pieces in the first group, which should be heard soon, and in any
BATCH, BATCH_SECONDS = 32, 256.0  # pieces in a batch, and seconds with their padding
OVERHEAD = (
    4.0  # rows that take as long as what a batch costs beside its rows (weights are read for every frame)
)


@dataclass(frozen=True)
class Piece:
    """Sound to be heard as one, at the model's rate."""

    file: int  # its number
    samples: Samples
    last: bool  # of its file
    fault: AudioError | None = None  # why no more of the file can be read


Group = list[Piece]
Source = str | Path | Audio | None  # None: whatever there is may be heard now


def pieces_of(file: int, source: str | Path | Audio, sample_rate: int, windows: Windows) -> Iterator[Piece]:
    """At least one piece; an unreadable file ends with one that says why, and has no samples."""
    try:
        blocks = iter([_checked(source)]) if isinstance(source, Audio) else stream_audio(source)
        head: list[Audio] = []
        for block in blocks:
            head.append(block)
            if sum(part.seconds for part in head) * sample_rate > windows.whole:
                rest = resample_stream(chain(head, blocks), sample_rate)
                yield from (Piece(file, window, last) for window, last in windows.cut(rest))
                return
        whole = np.concatenate([part.samples for part in head])
        yield Piece(file, resample(whole, head[0].sample_rate, sample_rate), last=True)
    except AudioError as error:
        yield Piece(file, np.zeros(0, np.float32), last=True, fault=error)


def read_ahead(
    sources: Iterable[Source], sample_rate: int, windows: Windows, threads: int
) -> Iterator[Piece | None]:
    """Pieces in the order of the sources; the beginnings of the next files are read meanwhile."""
    with ThreadPoolExecutor(threads, thread_name_prefix="reading") as pool:
        coming: deque[Future[tuple[Piece, Iterator[Piece]]] | None] = deque()

        def begin(file: int, source: str | Path | Audio) -> tuple[Piece, Iterator[Piece]]:
            pieces = pieces_of(file, source, sample_rate, windows)
            return next(pieces), pieces

        def arrived() -> Iterator[Piece | None]:
            future = coming.popleft()
            if future is None:
                yield None
            else:
                first, others = future.result()
                yield first
                yield from others

        try:
            number = 0
            for source in sources:
                coming.append(None if source is None else pool.submit(begin, number, source))
                number += source is not None
                while coming and (source is None or len(coming) > 4 * threads):
                    yield from arrived()
            while coming:
                yield from arrived()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def groups_of(pieces: Iterable[Piece | None], sample_rate: int) -> Iterator[Group]:
    """The first group is small, the next ones grow; None ends a group before it is full."""
    group: Group = []
    samples, most = 0, FIRST
    for piece in pieces:
        if piece is not None:
            group.append(piece)
            samples += len(piece.samples)
        if group and (piece is None or len(group) >= most or samples >= SECONDS * sample_rate):
            yield group
            group, samples, most = [], 0, min(MOST, 4 * most)
    if group:
        yield group


def batches_of(group: Group, sample_rate: int, workers: int) -> list[list[Piece]]:
    """Batches of like length, at least one for each worker where there are enough pieces."""
    sound = [piece for piece in group if piece.fault is None]
    sound.sort(key=lambda piece: -len(piece.samples))  # stable: the same batches every time
    most = min(BATCH, -(-len(sound) // workers))
    sizes = cheapest_batches([len(piece.samples) / sample_rate for piece in sound], most, BATCH_SECONDS)
    pieces = iter(sound)
    return [list(islice(pieces, size)) for size in sizes]


def cheapest_batches(seconds: Sequence[float], most: int, padded_seconds: float) -> list[int]:
    """Cuts lengths, longest first, so that the batches take the least time; longer ones first.

    A batch takes its longest length times (rows + `OVERHEAD`): few rows waste the fixed part, many of them padding.

    Args:
        most: rows in a batch.
        padded_seconds: in a batch, padding included; one piece that is longer makes a batch of its own.

    Returns:
        How many rows each batch has.
    """
    least = [0.0]  # time for so many pieces
    last: list[int] = [0]  # rows of the last batch then
    for end in range(1, len(seconds) + 1):
        begins = range(max(0, end - most), end)
        fitting = (
            begin for begin in begins if begin == end - 1 or seconds[begin] * (end - begin) <= padded_seconds
        )
        time, rows = min(
            (least[begin] + seconds[begin] * (end - begin + OVERHEAD), end - begin) for begin in fitting
        )
        least.append(time)
        last.append(rows)
    sizes, end = [], len(seconds)
    while end:
        sizes.append(last[end])
        end -= last[end]
    return sizes[::-1]


def _checked(audio: Audio) -> Audio:
    if audio.samples.ndim != 1:
        raise AudioError(
            f"expected samples of shape (samples,), got {audio.samples.shape}; average the channels"
        )
    if len(audio.samples) == 0:
        raise AudioError("the array holds no samples")
    if not np.isfinite(audio.samples).all():
        raise AudioError("the array holds samples that are no finite numbers")
    return audio
