"""All sounds of a corpus, measured in processes. What is done when it is interrupted is not lost."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from asr.cleaning.known import Known, Stretch, state_of
from asr.cleaning.sound import Measured, measure

TOGETHER = 256  # stretches that are handed out and kept at a time
FEW = 48  # stretches for which no process is started
Progress = Callable[[str, int, int], None]  # (what, done, total)
Results = dict[Stretch, Measured | str]


def measure_all(stretches: Sequence[Stretch], known: Path, processes: int, progress: Progress) -> Results:
    """Each stretch, or what is wrong with it.

    Args:
        known: file that keeps what was measured.
    """
    memory = Known(known)
    results: Results = {}
    try:
        rest = []
        for stretch in dict.fromkeys(stretches):
            found = memory.find(stretch)
            if found is None:
                rest.append(stretch)
            else:
                results[stretch] = found
        total = len(results) + len(rest)
        for batch in _measured(rest, processes):
            results.update((stretch, one) for stretch, _, one in batch)
            memory.add((stretch, state, one) for stretch, state, one in batch if isinstance(one, Measured))
            progress("audio", len(results), total)
    finally:
        memory.close()
    return results


def _measured(
    stretches: Sequence[Stretch], processes: int
) -> Iterator[list[tuple[Stretch, str, Measured | str]]]:
    some = [stretches[start : start + TOGETHER] for start in range(0, len(stretches), TOGETHER)]
    if processes < 2 or len(stretches) <= FEW:
        for batch in some:
            yield [(stretch, state_of(stretch.path), measure(*stretch)) for stretch in batch]
        return
    pool = _pool(processes)
    try:
        for batch in some:
            states = [state_of(stretch.path) for stretch in batch]
            try:
                found = list(pool.map(_one, batch, chunksize=8))
            except BrokenProcessPool:
                found = [_alone(stretch) for stretch in batch]
                pool = _pool(processes)
            yield list(zip(batch, states, found, strict=True))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _pool(processes: int) -> ProcessPoolExecutor:
    # Started fresh, never forked: there may be threads.
    return ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_leave_interrupts)


def _leave_interrupts() -> None:
    """Ctrl-C reaches all processes of a terminal; the one that asked decides."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _one(stretch: Stretch) -> Measured | str:
    return measure(*stretch)


def _alone(stretch: Stretch) -> Measured | str:
    """In a process of its own, after another has ended over its neighbours or itself."""
    with _pool(1) as pool:
        try:
            return pool.submit(_one, stretch).result()
        except BrokenProcessPool:
            return f"{stretch.path}: ends the process that decodes it; convert it again, or leave it out"
