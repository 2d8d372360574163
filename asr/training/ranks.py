"""Processes that share the micro-batches of a step. What they exchange are integers, added exactly.

Every rank computes the micro-batches whose number in the step, divided by the number of ranks, leaves its own number;
then all take part in one sum of integers, and make the same update. Rank 0 leads: it evaluates and writes files.

All that goes from one process to another is such a sum, to which those who have nothing to say add zeros. So nothing is
ever pickled, and a process needs no file of another one.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from asr.errors import TrainingError

_distributed: Any = torch.distributed  # it exports less to type checkers than it has


PIECES = 4  # of a row that is long; benchmarks/processes.py has the times of other numbers
LONG = 1 << 16  # numbers


class LostRank(TrainingError):  # noqa: N818  # it is one to the users
    """Another process of this training has ended, or cannot be reached any more."""


@dataclass(frozen=True)
class Ranks:
    """One process of `size`; by itself it needs nothing of torch.distributed."""

    rank: int = 0
    size: int = 1
    # Process group that adds tensors on CUDA devices there; without one they go through the CPU.
    cards: Any = field(default=None, kw_only=True)

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def computes(self, micro_batch: int) -> bool:
        """Whether this rank computes the micro-batch of this number in its step."""
        return micro_batch % self.size == self.rank

    def add(self, numbers: Tensor) -> None:
        """Sums a tensor over all ranks, in place. Of integers the sum is exact, in whatever order it is made.

        Raises:
            LostRank: another process has ended.
        """
        if self.size == 1:
            return
        on_cards = numbers.device.type != "cpu" and self.cards is not None
        there = numbers if on_cards else numbers.cpu()
        pieces = _pieces(there)
        group = self.cards if on_cards else None
        try:
            works = [_distributed.all_reduce(piece, group=group, async_op=True) for piece in pieces]
            for work in works:
                work.wait()
        except RuntimeError:  # the library's reason is about sockets
            raise LostRank(
                f"rank {self.rank} of {self.size}: another process of this training has ended; the same command goes "
                "on from the last checkpoint"
            ) from None
        if there is not numbers:
            numbers.copy_(there)

    def from_lead(self, numbers: list[int]) -> list[int]:
        """The lead's numbers, at every rank; those that others give only say how many there are."""
        tensor = torch.tensor(numbers if self.leads else [0] * len(numbers), dtype=torch.int64)
        self.add(tensor)
        found: list[int] = tensor.tolist()
        return found

    def tensor_from_lead(self, tensor: Tensor) -> None:
        """Puts the lead's values into a tensor of any type of 1, 4 or 8 bytes, in place and bit for bit."""
        if self.size == 1:
            return
        bits = {1: torch.uint8, 4: torch.int32, 8: torch.int64}[tensor.element_size()]
        there = tensor.detach().contiguous().view(-1).view(bits).clone()
        if not self.leads:
            there.zero_()
        self.add(there)
        with torch.no_grad():
            tensor.copy_(there.view(tensor.dtype).view(tensor.shape))

    def text_from_lead(self, text: str) -> str:
        """The lead's text, at every rank; what others give does not matter."""
        return self.from_all(text if self.leads else "")[0]

    def from_all(self, text: str) -> list[str]:
        """What each rank says, in their order, at every rank."""
        if self.size == 1:
            return [text]
        mine = zlib.compress(text.encode(errors="surrogatepass"))
        lengths = [0] * self.size
        lengths[self.rank] = len(mine)
        found = torch.tensor(lengths)
        self.add(found)
        lengths = found.tolist()
        start = sum(lengths[: self.rank])
        row = torch.zeros(sum(lengths), dtype=torch.uint8)
        row[start : start + len(mine)] = torch.frombuffer(bytearray(mine), dtype=torch.uint8)
        self.add(row)
        parts = torch.split(row, lengths)
        return [zlib.decompress(part.numpy().tobytes()).decode(errors="surrogatepass") for part in parts]


def _pieces(numbers: Tensor) -> Sequence[Tensor]:
    """Views of a contiguous tensor. Those of a long one are under way together: while one is added, others travel."""
    count = PIECES if numbers.numel() > LONG and numbers.device.type == "cpu" else 1
    return torch.split(numbers.view(-1), max(1, -(-numbers.numel() // count)))


def with_cards(ranks: Ranks, device: torch.device, machine: str) -> Ranks:
    """Lets tensors on CUDA devices be added there (NCCL), if each rank has a device of its own; asks all ranks.

    Args:
        machine: a name by which ranks on one machine know each other.
    """
    if ranks.size == 1:
        return ranks
    places = ranks.from_all(_place(device, machine))
    if not own_devices(places):
        return ranks
    torch.cuda.set_device(device)
    return Ranks(ranks.rank, ranks.size, cards=_distributed.new_group(backend="nccl"))


def _place(device: torch.device, machine: str) -> str:
    if device.type != "cuda":
        return ""
    index = torch.cuda.current_device() if device.index is None else device.index
    return f"{machine} cuda:{index}"


def own_devices(places: Sequence[str]) -> bool:
    """Whether each rank computes on a CUDA device, and no two on the same one, which NCCL refuses."""
    return all(places) and len(set(places)) == len(places)
