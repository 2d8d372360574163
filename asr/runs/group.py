"""The group of processes that torchrun has started: they meet, and make sure that they would compute the same.

Nothing is assumed to be shared between machines. All run the same command on the same code; the training list, the
settings and the state of the training come from the lead.
"""

import json
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from asr.errors import AsrError, DeviceError, TrainingError
from asr.numerics import choose_device, share_cores
from asr.recipe import Recipe
from asr.runs.environment import (
    Environment,
    Sides,
    code_digest,
    describe_device,
    differences,
    read_environment,
)
from asr.runs.numerics_used import NumericsUsed, numerics_differences, read_numerics
from asr.runs.placement import Placement
from asr.training.joining import choose_interface, join, leave, meet_anew, store_of_launcher
from asr.training.ranks import Ranks, with_cards
from asr.training.stage import ToldError, stage

if TYPE_CHECKING:
    import torch

SIDES = Sides("at rank 0", "there")
_ALONE = Placement(rank=0, size=1, local_rank=0, local_size=1, node=0)


@dataclass(frozen=True)
class Group:
    """The processes that a launcher has started, as one of them sees them; without a launcher one process alone."""

    ranks: Ranks = Ranks()  # noqa: RUF009  # frozen
    placement: Placement = _ALONE
    machines: tuple[int, ...] = ()  # processes on each; empty without a launcher
    differs: tuple[str, ...] = ()  # between machines, in words; nothing that must not differ

    @property
    def where(self) -> str:
        """This machine, for errors."""
        return machine_name(self.placement) if self.ranks.size > 1 else ""


@dataclass(frozen=True)
class Present:
    """What one process says of itself when all meet."""

    where: str
    node: int
    recipe: str  # digest
    code: str  # digest
    device: str
    environment: Environment
    numerics: NumericsUsed
    settings: dict[str, Any] = field(default_factory=dict)  # the recipe, key by key

    def to_text(self) -> str:
        tree = {**self.__dict__, "environment": self.environment.model_dump(mode="json")}
        return json.dumps({**tree, "numerics": self.numerics.model_dump(mode="json")})

    @classmethod
    def from_text(cls, text: str) -> "Present":
        tree = json.loads(text)
        tree["environment"] = Environment.model_validate_json(json.dumps(tree["environment"]))
        tree["numerics"] = NumericsUsed.model_validate_json(json.dumps(tree["numerics"]))
        return cls(**tree)


@contextmanager
def grouped(placement: Placement, recipe: Recipe, device: str, workers: int) -> Iterator[Group]:
    """Joins the others; on the way out leaves them.

    Args:
        device: auto, cpu, cuda; of several CUDA devices of a machine each process takes its own.
        workers: computing threads, for what the libraries report of themselves.

    Raises:
        TrainingError: the others cannot be reached.
        ToldError: a process has another recipe, other code, or computes with other kernels.
        DeviceError: there are not enough CUDA devices on this machine; at other ranks a ToldError.
    """
    ranks = _join(placement)
    try:
        with stage(ranks, Path(), machine_name(placement)):
            chosen = choose_device(device_name(placement, device), recipe.numerics.determinism)
            mine = _present(placement, recipe, chosen, workers)
        all_present = [Present.from_text(text) for text in ranks.from_all(mine.to_text())]
        found = compare(all_present, strict=recipe.numerics.determinism == "strict")
        ranks = with_cards(ranks, chosen, mine.where)
        nodes = [present.node for present in all_present]
        machines = tuple(nodes.count(node) for node in sorted(set(nodes)))
        yield Group(ranks, placement, machines, tuple(found))
    finally:
        leave()


def refuse(placement: Placement, error: AsrError) -> NoReturn:
    """Tells the others why this process cannot take part, instead of letting them wait for it; raises `error`."""
    ranks = _join(placement)
    try:
        with stage(ranks, Path(), machine_name(placement)):
            raise error
    finally:
        leave()
    raise AssertionError("a stage passes on what is raised in it")


def _join(placement: Placement) -> Ranks:
    rank, size = placement.rank, placement.size
    choose_interface(os.environ["MASTER_ADDR"], one_machine=placement.local_size == size)
    store = store_of_launcher(rank, size)
    try:
        return join(rank, size, meet_anew(rank, size, store))
    except RuntimeError as error:
        interface, reason = os.environ.get("GLOO_SOCKET_IFNAME", ""), str(error).splitlines()[0]
        raise TrainingError(
            f"rank {rank} of {size} ({machine_name(placement)}): the processes cannot reach each other by the network "
            f"interface {interface!r} ({reason}); set GLOO_SOCKET_IFNAME to the one that leads to the other machines"
        ) from None


def machine_name(placement: Placement) -> str:
    """For people at the terminal; records hold no such names."""
    return f"machine {placement.node}, {socket.gethostname()}"


def device_name(placement: Placement, device: str) -> str:
    """Each process of a machine its own CUDA device, unless it is told which one.

    Raises:
        DeviceError: fewer devices than processes.
    """
    import torch

    count = torch.cuda.device_count()
    if device not in ("auto", "cuda") or (device == "auto" and count == 0):
        return device
    if placement.local_size > max(count, 1):
        raise DeviceError(
            f"--device {device}: {placement.local_size} processes on this machine, and torch sees {count} CUDA "
            f"devices; start torchrun with --nproc-per-node {count}, or use --device cpu"
        )
    return f"cuda:{placement.local_rank}" if count else device


def _present(placement: Placement, recipe: Recipe, device: "torch.device", workers: int) -> Present:
    import torch

    torch.set_num_threads(share_cores(recipe.numerics.determinism, workers)[1])
    return Present(
        where=machine_name(placement),
        node=placement.node,
        recipe=recipe.digest(),
        code=code_digest(),
        device=describe_device(device),
        environment=read_environment(),
        numerics=read_numerics(recipe.numerics.determinism),
        settings=recipe.model_dump(mode="json"),
    )


def compare(presents: Sequence[Present], *, strict: bool) -> list[str]:
    """What differs between the lead and the others, in words, each difference once.

    Raises:
        ToldError: something differs that must not; under strict determinism that is all that is known to decide bits.
    """
    lead, noted = presents[0], dict[str, None]()
    for rank, other in enumerate(presents[1:], start=1):
        who = f"rank {rank} of {len(presents)} ({other.where})"
        if other.code != lead.code:
            raise ToldError(f"{who}: runs other code than rank 0; install the same version on all machines")
        if other.recipe != lead.recipe:
            keys = "; ".join(_other_keys(lead.settings, other.settings))
            raise ToldError(
                f"{who}: has another recipe than rank 0 ({keys}); start all with the same command"
            )
        decides = _deciding(lead, other)
        if strict and decides:
            raise ToldError(
                f"{who}: would compute other bits than rank 0 ({'; '.join(decides)}), so that the result would depend "
                "on who computes what. Install the same versions; between processors, try "
                "--set 'numerics.instructions=\"AVX2\"'; or give up reproducibility: "
                "--set 'numerics.determinism=\"off\"'"
            )
        rest = differences(lead.environment, other.environment, SIDES)
        noted |= dict.fromkeys(
            f"machine {other.node} and machine {lead.node}: {text}"
            for text in [*decides, *rest]
            if other.node != lead.node
        )
    return list(noted)


def _deciding(lead: Present, other: Present) -> list[str]:
    """What is known to decide bits: torch, its kernels and their settings, and the device."""
    found = [SIDES.differ("device:", lead.device, other.device)] * (lead.device != other.device)
    found += numerics_differences(lead.numerics, other.numerics, SIDES)
    torches = [each.environment.packages.get("torch", "") for each in (lead, other)]
    found += [SIDES.differ("torch", *torches)] * (torches[0] != torches[1])
    return found


def _other_keys(lead: Any, other: Any, key: str = "") -> Iterator[str]:
    if isinstance(lead, dict) and isinstance(other, dict):
        for name in sorted(lead.keys() | other.keys()):
            yield from _other_keys(lead.get(name), other.get(name), f"{key}.{name}" if key else name)
    elif lead != other:
        yield f"{key}: {json.dumps(lead)} at rank 0, {json.dumps(other)} there"
