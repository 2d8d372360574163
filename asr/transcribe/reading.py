"""Files to pieces of sound that are heard together: read ahead in threads, grouped, in memory that does not grow.

A short file is one piece; a longer one is cut at pauses or into windows. Pieces come in the order of the files, and are
taken in groups of so much sound; within a group they make batches of like length, whatever files they are from. So many
short files make full batches with little padding, and a long file and its neighbours share theirs.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from asr.audio import Audio, Track, resample, resample_stream, stream_audio
from asr.errors import AudioError
from asr.sound_file import NOTHING, Samples
from asr.transcribe.pauses import Stretch
from asr.transcribe.transcript import Segmented
from asr.transcribe.windows import Windows

SECONDS = 480.0  # of sound in a group
FIRST, MOST = 16, 256  # pieces in the first group, which should be heard soon, and in any
BATCH, BATCH_SECONDS = 32, 256.0  # pieces in a batch, and seconds with their padding
CHANNELS = 64  # of an array, at most: with more it is (channels, samples)
COMPANY = 4.0  # seconds of its neighbours that a stretch between two pauses may be heard with
# Rows that take as long as what a batch costs beside its rows: weights are read for every frame.
OVERHEAD = 4.0


@dataclass(frozen=True)
class Piece:
    """Sound to be heard as one, at the model's rate; or none, where nothing is left of a file but its end."""

    file: int  # its number
    samples: Samples
    last: bool  # of its file, which ends where it does
    fault: AudioError | None = None  # why no more of the file can be read
    begin: int = 0  # samples of the file before it
    overlaps: bool = False  # with the next one, by `Windows.overlap` samples: its speech goes on there
    segmentation: Segmented = "whole"  # how the file is cut
    # Sound of the stretches on either side, in whose company it may be heard (asr.model.hearings).
    before: Samples = field(default_factory=lambda: NOTHING)
    after: Samples = field(default_factory=lambda: NOTHING)


Group = list[Piece]
# A path, an open binary file, samples with their rate, or blocks of samples of one rate.
Sound = str | Path | BinaryIO | Track | Audio | Iterable[Audio]
Source = Sound | None  # None: whatever there is may be heard now


def pieces_of(
    file: int,
    source: Sound,
    sample_rate: int,
    windows: Windows,
    pauses: Callable[[Iterable[Samples]], Iterator[Stretch]] | None = None,
    whole: bool = True,
    company: bool = False,
) -> Iterator[Piece]:
    """At least one piece; an unreadable file ends with one that says why, and has no samples.

    Args:
        pauses: cuts sound into stretches with speech; None: windows, whatever is said.
        whole: what is not longer than `windows.whole` is not cut.
        company: stretches between pauses come with sound of their neighbours.
    """
    try:
        blocks = _blocks(source)
        head: list[Audio] = []
        for block in blocks:
            head.append(block)
            if not whole or sum(part.seconds for part in head) * sample_rate > windows.whole:
                rest = resample_stream(chain(head, blocks), sample_rate)
                if pauses is None:
                    yield from _windows(file, rest, windows)
                else:
                    most = round(COMPANY * sample_rate) if company else 0
                    yield from _stretches(file, pauses(rest), most)
                return
        samples = np.concatenate([part.samples for part in head])
        yield Piece(file, resample(samples, head[0].sample_rate, sample_rate), last=True)
    except AudioError as error:
        yield Piece(file, NOTHING, last=True, fault=error)


def _windows(file: int, blocks: Iterable[Samples], windows: Windows) -> Iterator[Piece]:
    begin = 0
    for window, last in windows.cut(blocks):
        yield Piece(file, window, last, begin=begin, overlaps=not last, segmentation="windows")
        begin += windows.step


def _stretches(file: int, stretches: Iterator[Stretch], most: int) -> Iterator[Piece]:
    for stretch, before, after in _in_company(stretches, most):
        if len(stretch.samples) or stretch.last:
            yield Piece(
                file,
                stretch.samples,
                stretch.last,
                begin=stretch.begin,
                overlaps=stretch.overlaps,
                segmentation="pauses",
                before=before,
                after=after,
            )


def _in_company(stretches: Iterator[Stretch], most: int) -> Iterator[tuple[Stretch, Samples, Samples]]:
    """Each with the sound of its neighbours that it does not overlap with, `most` samples of either.

    So each waits for the next one, unless it overlaps with that, or for the empty one that says that nobody has spoken
    for long.
    """
    if not most:
        yield from ((stretch, NOTHING, NOTHING) for stretch in stretches)
        return
    before: Samples = NOTHING
    held: Stretch | None = None
    try:
        for stretch in stretches:
            if held is not None:
                ready, held = held, None  # nothing is held where this generator may be closed
                yield ready, before, stretch.samples[:most]
                before = ready.samples[-most:]
            if stretch.overlaps:
                yield stretch, before, NOTHING
                before = NOTHING
            else:
                held = stretch
    finally:  # also where reading broke off: what was read before can be heard
        if held is not None:
            yield held, before, NOTHING


def read_ahead(
    sources: Iterable[Source], pieces: Callable[[int, Sound], Iterator[Piece]], threads: int
) -> Iterator[Piece | None]:
    """Pieces in the order of the sources; the beginnings of the next files are read meanwhile.

    Args:
        pieces: of one file, given its number.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="reading") as pool:
        coming: deque[Future[tuple[Piece, Iterator[Piece]]] | None] = deque()

        def begin(file: int, source: Sound) -> tuple[Piece, Iterator[Piece]]:
            others = pieces(file, source)
            return next(others), others

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
    sound = [piece for piece in group if len(piece.samples)]
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


def _blocks(source: Sound) -> Iterator[Audio]:
    """Blocks of mono sound; at least one sample.

    Raises:
        AudioError: it cannot be read.
    """
    if isinstance(source, Audio):
        yield _checked(source)
    elif isinstance(source, str | Path | Track) or hasattr(source, "read"):
        yield from stream_audio(cast("str | Path | BinaryIO | Track", source))
    else:
        some = False
        for block in source:
            if len(block.samples):
                some = True
                yield _checked(block)
        if not some:
            raise AudioError("the blocks hold no samples")


def _checked(audio: Audio) -> Audio:
    """As mono float32."""
    samples: npt.NDArray[Any] = np.asarray(audio.samples)
    if samples.dtype in (np.int16, np.int32):
        samples = samples / np.float64(2 ** (8 * samples.dtype.itemsize - 1))
    elif samples.dtype.kind != "f":
        raise AudioError(f"expected samples of float, int16 or int32, got {samples.dtype}")
    if samples.ndim == 2:
        if not 1 <= samples.shape[1] <= CHANNELS:
            raise AudioError(
                f"expected samples of shape (samples,) or (samples, channels), got {samples.shape}; "
                "channels come second: give samples.T"
            )
        samples = samples.mean(axis=1, dtype=np.float64)
    if samples.ndim != 1:
        raise AudioError(f"expected samples of shape (samples,) or (samples, channels), got {samples.shape}")
    if len(samples) == 0:
        raise AudioError("the array holds no samples")
    if not np.isfinite(samples).all():
        raise AudioError("the array holds samples that are no finite numbers")
    return Audio(samples.astype(np.float32, copy=False), audio.sample_rate)
