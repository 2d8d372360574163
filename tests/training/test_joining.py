"""How processes find each other: past the traces of others that a launcher has started before them."""

import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch

from asr.errors import TrainingError
from asr.training import joining
from asr.training.joining import choose_interface, interface_to, meet_anew, store_of_launcher

_distributed: Any = torch.distributed


def meet(store: Any, size: int) -> list[str]:
    """All meet, each in a thread; what the part of the store is called that they have found."""
    found, troubles = [""] * size, []

    def one(rank: int) -> None:
        try:
            part = meet_anew(rank, size, store)
            part.set(f"here {rank}", "yes")
            found[rank] = next(name for name in names(store) if store.check([f"{name}/here {rank}"]))
        except Exception as error:  # noqa: BLE001  # looked at below
            troubles.append(error)

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(size)]
    for thread in threads[::-1]:  # the lead comes last, and finds what the others have said to the one before
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not troubles
    return found


def names(store: Any) -> list[str]:
    """The leads that were there, the last one first; the prefix is written by torch as NAME/KEY."""
    return [store.get("lead").decode()]


def test_three_times_with_one_store() -> None:
    """Every group has a part of its own, whoever is left of the one before."""
    store = _distributed.HashStore()
    parts = []
    for size in (3, 2, 3):
        found = meet(store, size)
        assert len(set(found)) == 1
        parts += found[:1]
    assert len(set(parts)) == 3


def test_a_lead_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    store = _distributed.HashStore()
    meet(store, 2)
    monkeypatch.setattr(joining, "MEET", timedelta(seconds=0.3))
    with pytest.raises(
        TrainingError, match="rank 1 of 2: waited 0 s for rank 0; did it start, with the same number"
    ):
        meet_anew(1, 2, store)  # the traces of the earlier lead are no lead


def test_followers_that_do_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "MEET", timedelta(seconds=0.3))
    with pytest.raises(TrainingError, match="rank 0 of 4: waited 0 s for rank 1, 2, 3; did it start"):
        meet_anew(0, 4, _distributed.HashStore())


def test_nobody_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "MEET", timedelta(seconds=1))
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "9")
    with pytest.raises(
        TrainingError, match=r"rank 1 of 2: cannot reach the others at 127\.0\.0\.1:9 .*MASTER_ADDR"
    ):
        store_of_launcher(1, 2)


def test_interface_to_this_machine() -> None:
    assert interface_to("127.0.0.1") == "lo"
    assert interface_to("no.such.host.invalid") == ""


def test_interface_to_others() -> None:
    """As the kernel's own tool says it."""
    try:
        route = subprocess.run(
            ["ip", "-4", "route", "get", "192.0.2.1"], capture_output=True, text=True, timeout=20
        )
    except OSError:
        pytest.skip("needs ip, of iproute2")
    words = route.stdout.split()
    if route.returncode or "dev" not in words:
        pytest.skip("needs a way to other machines, and this one has none")
    assert interface_to("192.0.2.1") == words[words.index("dev") + 1]


@pytest.mark.parametrize(
    ("given", "one_machine", "expected"),
    [("", True, "lo"), ("", False, "lo"), ("ib0", True, "ib0"), ("ib0", False, "ib0")],
)
def test_interface_for_gloo(
    monkeypatch: pytest.MonkeyPatch, given: str, one_machine: bool, expected: str
) -> None:
    """What the user says stands."""
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", given)
    if not given:
        monkeypatch.delenv("GLOO_SOCKET_IFNAME")
    choose_interface("127.0.0.1" if not one_machine else "no.such.host.invalid", one_machine=one_machine)
    assert os.environ["GLOO_SOCKET_IFNAME"] == expected
    os.environ.pop("GLOO_SOCKET_IFNAME")


def test_no_interface_is_named_where_none_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)
    choose_interface("no.such.host.invalid", one_machine=False)
    assert "GLOO_SOCKET_IFNAME" not in os.environ


def test_a_machine_that_knows_itself_by_a_loopback_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's /etc/hosts: its name is 127.0.1.1 to itself, where no other machine can reach it."""
    ways = {"node1": "lo", joining.ELSEWHERE: "eth0", "127.0.0.1": "lo"}
    monkeypatch.setattr(joining, "interface_to", ways.__getitem__)
    for host, expected in (("node1", "eth0"), ("127.0.0.1", "lo")):
        monkeypatch.setenv("GLOO_SOCKET_IFNAME", "to be put back")
        monkeypatch.delenv("GLOO_SOCKET_IFNAME")
        choose_interface(host, one_machine=False)
        assert os.environ.pop("GLOO_SOCKET_IFNAME") == expected


LEAVING = """
import os, sys
import torch
from asr.training.joining import join, leave, open_store
ranks = join(0, 1, open_store(1))
model = torch.nn.Linear(2, 2)
torch.optim.AdamW(model.parameters())  # imports more of torch.distributed, when the group is there
torch.distributed.all_reduce(torch.ones(2))
print("gloo" in " ".join(open(f"/proc/self/task/{each}/comm").read() for each in os.listdir("/proc/self/task")))
leave()
print("gloo" in " ".join(open(f"/proc/self/task/{each}/comm").read() for each in os.listdir("/proc/self/task")))
"""


def test_no_thread_of_a_group_is_left_after_it() -> None:
    """One that were still at work when the interpreter ends would abort the process, now and then."""
    if not Path("/proc/self/task").exists():
        pytest.skip("needs /proc to see threads")
    command = [sys.executable, "-c", LEAVING]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["True", "False"]
