"""Processes that share the micro-batches of a step. What they exchange are integers, added exactly.

Every rank computes the micro-batches whose number in the step, divided by the number of ranks, leaves its own number;
then all take part in one sum of integers, and make the same update. Rank 0 leads: it evaluates, writes files, and is
asked to stop.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor

from asr.errors import TrainingError

_distributed: Any = torch.distributed  # it exports less to type checkers than it has
FIND = timedelta(seconds=20)  # the store is open before anybody looks for it
_READY = "ready"
WAIT = timedelta(
    days=1
)  # for an evaluation by the lead, however long; a process that ends is noticed at once


@dataclass(frozen=True)
class Ranks:
    """One process of `size`; by itself it needs nothing of torch.distributed."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def computes(self, micro_batch: int) -> bool:
        """Whether this rank computes the micro-batch of this number in its step."""
        return micro_batch % self.size == self.rank

    def add(self, numbers: Tensor) -> None:
        """Sums a CPU tensor over all ranks, in place. Of int64 the sum is exact, in whatever order it is made.

        Raises:
            TrainingError: another process has ended.
        """
        if self.size == 1:
            return
        try:
            torch.distributed.all_reduce(numbers)
        except RuntimeError:  # the library's reason is about sockets
            raise TrainingError(
                f"rank {self.rank} of {self.size}: another process of this training has ended; the same command goes "
                "on from the last checkpoint"
            ) from None

    def from_lead(self, numbers: list[int]) -> list[int]:
        """The lead's numbers, at every rank; those that others give only say how many there are."""
        tensor = torch.tensor(numbers if self.leads else [0] * len(numbers), dtype=torch.int64)
        self.add(tensor)
        found: list[int] = tensor.tolist()
        return found


def open_store(size: int) -> Any:
    """The meeting point of the processes of this machine, at a free port."""
    return _distributed.TCPStore("127.0.0.1", 0, size, is_master=True, wait_for_workers=False)


def find_store(port: int, size: int) -> Any:
    """The store that the lead has opened.

    Raises:
        TrainingError: there is none any more: the lead has ended.
    """
    try:
        return _distributed.TCPStore("127.0.0.1", port, size, is_master=False, timeout=FIND)
    except RuntimeError:
        raise TrainingError("the process that leads this training has ended") from None


def say_ready(store: Any) -> None:
    """Tells the lead that this process will join next."""
    store.add(_READY, 1)


def count_ready(store: Any) -> int:
    """How many have said so."""
    return int(store.add(_READY, 0))


def join(rank: int, size: int, store: Any) -> Ranks:
    """Becomes one of `size` processes that meet at the store; waits for the others."""
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=WAIT)
    return Ranks(rank, size)


def leave() -> None:
    """Ends the membership, if there is one."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
