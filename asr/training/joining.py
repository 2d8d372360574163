"""How the processes of a training find each other, and part."""

import fcntl
import json
import os
import secrets
import socket
import struct
import time
from datetime import timedelta
from typing import Any

import torch

# Here, before there is any group: the default arguments of its functions are the group of that moment. Where torch's
# optimisers were to import it, within a group, they would keep that for ever. `leave` would end none of its threads,
# and one that is still at work when the interpreter ends aborts the process.
import torch.distributed.nn.functional

from asr.errors import TrainingError
from asr.training.ranks import Ranks

_distributed: Any = torch.distributed  # it exports less to type checkers than it has
FIND = timedelta(seconds=20)  # the store is open before anybody looks for it
MEET = timedelta(
    minutes=10
)  # for the processes that another program starts, on machines that differ in speed
# A process that ends is noticed at once, a machine that falls silent after this time. No step takes so long, and
# whoever does other work says now and then that he is still there (asr.training.stage).
WAIT = timedelta(minutes=30)
POLL = 0.1  # seconds between two looks at the store
_READY, _LEAD = "ready", "lead"
ELSEWHERE = "192.0.2.1"  # of no machine (RFC 5737): just for its route
_SIOCGIFADDR = 0x8915  # of Linux: the address of a network interface


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


def store_of_launcher(rank: int, size: int) -> Any:
    """The meeting point that the environment names (MASTER_ADDR, MASTER_PORT), of torchrun or whoever started us.

    Raises:
        TrainingError: nobody is there.
    """
    place = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
    try:
        return next(_distributed.rendezvous("env://", rank, size, timeout=MEET))[0]
    except (RuntimeError, ValueError) as error:
        raise TrainingError(
            f"rank {rank} of {size}: cannot reach the others at {place} ({str(error).splitlines()[0]}); MASTER_ADDR "
            "and MASTER_PORT must name the machine of rank 0, and a port of it that the others may reach"
        ) from None


def meet_anew(rank: int, size: int, store: Any) -> Any:
    """A part of the store that no earlier processes have used: torchrun may start others with the same store.

    What the dead have left in it would lead the living to addresses where nobody is. So the lead takes a new name,
    every other process tells the lead of that name its own one, and goes on when the lead has answered with it.

    Raises:
        TrainingError: some have not come in time; names them.
    """
    name, give_up = secrets.token_hex(8), time.monotonic() + MEET.total_seconds()
    if rank == 0:
        store.set(_LEAD, name)
        waiting = set(range(1, size))
        while waiting:
            waiting -= {other for other in waiting if store.check([f"{name}/{other}"])}
            _wait_until(give_up, waiting, rank, size)
        store.set(
            f"{name}/all", json.dumps([store.get(f"{name}/{other}").decode() for other in range(1, size)])
        )
        return _distributed.PrefixStore(name, store)
    while True:
        lead = store.get(_LEAD).decode()
        if not store.check([f"{lead}/{rank}"]) or store.get(f"{lead}/{rank}").decode() != name:
            store.set(f"{lead}/{rank}", name)
        if store.check([f"{lead}/all"]) and name in json.loads(store.get(f"{lead}/all")):
            return _distributed.PrefixStore(lead, store)
        _wait_until(give_up, {0}, rank, size)


def _wait_until(give_up: float, waiting: set[int], rank: int, size: int) -> None:
    if not waiting:
        return
    if time.monotonic() > give_up:
        others = ", ".join(map(str, sorted(waiting)[:10]))
        raise TrainingError(
            f"rank {rank} of {size}: waited {MEET.total_seconds():.0f} s for rank {others}; did it start, with the "
            "same number of processes, and can its machine reach this one?"
        )
    time.sleep(POLL)


def say_ready(store: Any) -> None:
    """Tells the lead that this process will join next."""
    store.add(_READY, 1)


def count_ready(store: Any) -> int:
    """How many have said so."""
    return int(store.add(_READY, 0))


def join(rank: int, size: int, store: Any) -> Ranks:
    """Becomes one of `size` processes that meet at the store; waits for the others.

    Raises:
        RuntimeError: they cannot reach each other.
    """
    _distributed.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=WAIT)
    return Ranks(rank, size)


def leave() -> None:
    """Ends the membership, if there is one."""
    if _distributed.is_initialized():
        _distributed.destroy_process_group()


def choose_interface(lead: str, *, one_machine: bool) -> None:
    """Tells gloo by which network interface others reach this machine, unless GLOO_SOCKET_IFNAME says so already.

    Left to itself it takes the one that the machine's own name resolves to, which on many machines is the loopback
    device: then others are told an address that leads them to themselves.

    Args:
        lead: address of rank 0's machine.
    """
    if "GLOO_SOCKET_IFNAME" in os.environ:
        return
    name = "lo" if one_machine else interface_to(lead)
    if name == "lo" and not (one_machine or lead.startswith("127.") or lead == "localhost"):
        # Debian's machines know themselves by 127.0.1.1, where no other can reach them: take the way out instead.
        name = interface_to(ELSEWHERE)
    if name:
        os.environ["GLOO_SOCKET_IFNAME"] = name


def interface_to(host: str) -> str:
    """The network interface by which this machine reaches another one; "" if that cannot be told."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((host, 9))  # nothing is sent: the kernel chooses a way and so an address
            mine = probe.getsockname()[0]
            names = [name for _, name in socket.if_nameindex()]
            found = [name for name in names if _address_of(name, probe) == mine]
    except OSError:
        return ""
    return found[0] if found else ""


def _address_of(interface: str, probe: socket.socket) -> str:
    request = struct.pack("256s", interface.encode()[:15])
    try:
        return socket.inet_ntoa(fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)[20:24])
    except OSError:  # it has none
        return ""
