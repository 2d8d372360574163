"""Work that takes another time at each rank, or that only some of them have to do: all wait for the slowest.

Meanwhile each says now and then that it is still there. So a machine that falls silent is noticed also during work of
hours, and an error at one rank is told at all of them, with the rank that it is from.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from asr.errors import AsrError, TrainingError
from asr.training.ranks import LostRank, Ranks
from asr.training.reports import Interrupted

BEAT = 5.0  # seconds between two signs of life
_WORKING, _DONE, _FAILED, _INTERRUPTED = range(4)


class ToldError(TrainingError):
    """An error of one rank that all ranks raise, in the same words."""


@contextmanager
def stage(ranks: Ranks, folder: Path, where: str = "") -> Iterator[Callable[[], bool]]:
    """All ranks come in and leave together. Yields what tells whether the work is in vain, since another has failed.

    Args:
        folder: of the run, for those who hear of an interruption.
        where: this rank's machine, for errors.

    Raises:
        ToldError: a rank has raised an AsrError. The lead raises its own as it is.
        Interrupted: a rank has raised it.
        LostRank: a process has ended.
    """
    if ranks.size == 1:
        yield lambda: False
        return
    pulse = _Pulse(ranks)
    pulse.start()
    own: AsrError | Interrupted | None = None
    try:
        yield pulse.is_vain
    except (AsrError, Interrupted) as error:
        own = error
    except BaseException:  # nobody waits for this process any more
        pulse.end(_INTERRUPTED)
        raise
    failed = isinstance(own, AsrError)
    pulse.end(_FAILED if failed else _INTERRUPTED if own else _DONE)
    pulse.join()
    if pulse.lost:
        raise own if failed and own else pulse.lost
    if _FAILED in pulse.states:
        first = pulse.states.index(_FAILED)
        told = ranks.from_all(f"{where and f' ({where})'}: {own}" if failed else "")[first]
        if own and failed and ranks.leads:
            raise own
        raise ToldError(f"rank {first} of {ranks.size}{told}")
    if _INTERRUPTED in pulse.states:
        raise own or Interrupted(folder)


class _Pulse(threading.Thread):
    """Tells the others, and hears of them, until none is working any more."""

    def __init__(self, ranks: Ranks) -> None:
        super().__init__(daemon=True)
        self.ranks = ranks
        self.states = [_WORKING] * ranks.size  # the same at every rank
        self.lost: LostRank | None = None
        self._state = _WORKING
        self._ended = threading.Event()

    def run(self) -> None:
        while _WORKING in self.states:
            self._ended.wait(BEAT)
            states = torch.zeros(self.ranks.size, dtype=torch.int64)
            states[self.ranks.rank] = self._state
            try:
                self.ranks.add(states)
            except LostRank as error:
                self.lost = error
                return
            self.states = states.tolist()

    def end(self, state: int) -> None:
        """This rank works no more."""
        self._state = state
        self._ended.set()

    def is_vain(self) -> bool:
        return self.lost is not None or _FAILED in self.states or _INTERRUPTED in self.states
