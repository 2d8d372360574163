"""Many files in threads of this process: groups are read while others are computed and put together."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np

from asr.numerics import one_thread, warm_up
from asr.transcribe.hear import LogProbs
from asr.transcribe.reading import Group, Piece, batches_of, groups_of
from asr.transcribe.recording import Recording
from asr.transcribe.transcript import Found

Heard = list[tuple[Piece, LogProbs]]  # in one batch, in the order of the batch


def results_in_threads(
    pieces: Iterable[Piece | None],
    hear: Callable[[list[Piece]], Heard],
    new_file: Callable[[], Recording],
    sample_rate: int,
    workers: int,
) -> Iterator[tuple[int, Found]]:
    """The result of each file with its number, as soon as it is known, which is in any order.

    Args:
        pieces: as `read_ahead` gives them; taken in a thread.
        hear: of one batch; called by the computing threads.
        sample_rate: Hz, of the pieces.
        workers: computing threads.
    """
    warm_up()
    results = Results(new_file)
    groups = groups_of(pieces, sample_rate)
    computing = ThreadPoolExecutor(workers, thread_name_prefix="computing", initializer=one_thread)
    grouping = ThreadPoolExecutor(1, thread_name_prefix="grouping")
    waiting: deque[tuple[Group, list[Future[Heard]]]] = deque()
    try:
        coming: Future[Group | None] | None = grouping.submit(next, groups, None)
        while coming or waiting:
            if waiting and (coming is None or len(waiting) > 1 or _ready(waiting[0][1], coming)):
                group, futures = waiting.popleft()
                yield from results.of(group, (future.result() for future in futures))
            elif coming is not None and (group_or_end := coming.result()) is not None:
                batches = batches_of(group_or_end, sample_rate, workers)
                waiting.append((group_or_end, [computing.submit(hear, batch) for batch in batches]))
                coming = grouping.submit(next, groups, None)
            else:
                coming = None
    finally:
        for pool in (computing, grouping):
            pool.shutdown(wait=False, cancel_futures=True)


class Results:
    """Puts together what was heard in the pieces of each file."""

    def __init__(self, new_file: Callable[[], Recording]) -> None:
        self._new_file = new_file
        self._open: dict[int, Recording] = {}

    def of(self, group: Group, heard: Iterable[Heard]) -> Iterator[tuple[int, Found]]:
        """Results of the files that end in this group, each as soon as all its pieces have been heard."""
        found = {id(piece): log_probs for batch in heard for piece, log_probs in batch}
        nothing: LogProbs = np.zeros((0, 0), np.float32)
        for piece in group:
            if piece.fault is not None:
                self._open.pop(piece.file, None)
                yield piece.file, piece.fault
                continue
            if piece.file not in self._open:
                self._open[piece.file] = self._new_file()
            self._open[piece.file].add(piece, found.get(id(piece), nothing))
            if piece.last:
                yield piece.file, self._open.pop(piece.file).finished()


def _ready(futures: list[Future[Heard]], coming: Future[Group | None]) -> bool:
    """Waits until the next group is there or this one has been heard; whether it has."""
    while not coming.done() and not all(future.done() for future in futures):
        unfinished: list[Future[Any]] = [future for future in futures if not future.done()]
        wait([coming, *unfinished], return_when=FIRST_COMPLETED)
    return all(future.done() for future in futures)
