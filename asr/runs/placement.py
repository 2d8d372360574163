"""The place of this process among those that torchrun (or a launcher like it) has started, from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from asr.errors import RunError

_NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Placement:
    """One of `size` processes."""

    rank: int
    size: int
    local_rank: int  # on its machine, from 0
    local_size: int  # processes on its machine
    node: int  # number of its machine
    restarts: int = 0  # that torchrun may do when a process fails

    @property
    def leads(self) -> bool:
        """The whole training."""
        return self.rank == 0

    @property
    def leads_node(self) -> bool:
        """The processes of its machine."""
        return self.local_rank == 0


def read_placement(environment: Mapping[str, str] = os.environ) -> Placement | None:
    """None: nobody has started this process as one of several.

    Raises:
        RunError: what the environment says cannot be, or is only a part of what is needed.
    """
    if "RANK" not in environment and "WORLD_SIZE" not in environment:
        return None
    if missing := [name for name in _NEEDED if not environment.get(name)]:
        there = [name for name in _NEEDED if environment.get(name)]
        raise RunError(
            f"the environment has {', '.join(there) or 'an empty RANK or WORLD_SIZE'} but not {', '.join(missing)}: is "
            "this one of several processes? Start them with torchrun, which sets all of them; for a process alone, "
            "unset RANK and WORLD_SIZE"
        )
    rank, size = _number(environment, "RANK", 0), _number(environment, "WORLD_SIZE", 1)
    local_size = _number(environment, "LOCAL_WORLD_SIZE", 1, size)
    local_rank = _number(environment, "LOCAL_RANK", 0, rank % local_size)
    if rank >= size or local_rank >= local_size or local_size > size:
        raise RunError(
            f"the environment has RANK {rank} of WORLD_SIZE {size} and LOCAL_RANK {local_rank} of LOCAL_WORLD_SIZE "
            f"{local_size}: a rank is below the number of processes, and a machine has no more of them than there are"
        )
    _number(environment, "MASTER_PORT", 1)
    node = _number(environment, "GROUP_RANK", 0, rank // local_size)
    restarts = _number(environment, "TORCHELASTIC_MAX_RESTARTS", 0, 0)
    return Placement(rank, size, local_rank, local_size, node, restarts)


def _number(environment: Mapping[str, str], name: str, least: int, default: int | None = None) -> int:
    text = environment.get(name, "")
    if not text and default is not None:
        return default
    if not (text.isascii() and text.isdecimal()) or int(text) < least:
        raise RunError(
            f"the environment variable {name} is {text!r}; expected a whole number, {least} or more"
        )
    return int(text)
