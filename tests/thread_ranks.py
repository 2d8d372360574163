"""Ranks in threads of one process, which meet and add what they exchange: every layout in no time."""

import threading
from dataclasses import dataclass, field

from torch import Tensor

from asr.training.ranks import Ranks

PATIENCE = 30.0  # seconds that one waits for the others on a busy machine


@dataclass
class Meeting:
    """Where they add their numbers, in the order of the ranks."""

    size: int
    given: dict[int, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.barrier = threading.Barrier(self.size)

    def add(self, rank: int, numbers: Tensor) -> None:
        """Raises BrokenBarrierError when another one does not come."""
        self.given[rank] = numbers.clone()
        self.barrier.wait(PATIENCE)
        total = self.given[0].clone()
        for other in range(1, self.size):
            total += self.given[other]
        self.barrier.wait(PATIENCE)
        numbers.copy_(total)


@dataclass(frozen=True)
class ThreadRanks(Ranks):
    """One of those who meet."""

    meeting: Meeting = field(default_factory=lambda: Meeting(1))

    def add(self, numbers: Tensor) -> None:
        self.meeting.add(self.rank, numbers)
