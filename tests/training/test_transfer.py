"""Copies to a device, in what order its streams are told of them; the streams themselves are made up here."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest
import torch
from torch import Tensor

from asr.training.transfer import Transfer

SAID: list[str] = []


class Stream:
    """Notes what it is asked."""

    def __init__(self, name: object = "computing") -> None:
        self.name = "copying" if isinstance(name, torch.device) else "computing"

    def wait_stream(self, other: "Stream") -> None:
        SAID.append(f"{self.name} waits for {other.name}")


@contextmanager
def on(stream: Stream) -> Iterator[None]:
    SAID.append(f"on {stream.name}:")
    yield
    SAID.append("end")


@pytest.fixture
def transfer(monkeypatch: pytest.MonkeyPatch) -> Transfer:
    SAID.clear()
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", on)
    monkeypatch.setattr(torch.cuda, "device", lambda device: (SAID.append(str(device)), nullcontext())[1])
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: Stream())
    monkeypatch.setattr(Tensor, "pin_memory", lambda tensor: (SAID.append("pin"), tensor.clone())[1])
    monkeypatch.setattr(
        Tensor, "record_stream", lambda tensor, stream: SAID.append(f"{stream.name} reads {int(tensor[0])}")
    )

    def to(tensor: Tensor, device: torch.device, non_blocking: bool = False) -> Tensor:
        assert non_blocking
        SAID.append(f"copy {int(tensor[0])} to {device}")
        return tensor

    monkeypatch.setattr(Tensor, "to", to)
    return Transfer(torch.device("cuda:1"))


def test_copies_are_made_beside_the_computing_which_waits_for_them(transfer: Transfer) -> None:
    transfer.send([transfer.pin(torch.tensor([number])) for number in (1, 2)])
    assert SAID == [
        "cuda:1",
        "pin",
        "cuda:1",
        "pin",
        "on copying:",
        "copy 1 to cuda:1",
        "copy 2 to cuda:1",
        "end",
        "computing waits for copying",
        "computing reads 1",
        "computing reads 2",
    ]


def test_nothing_to_do_on_the_cpu() -> None:
    transfer = Transfer(torch.device("cpu"))
    tensor = torch.ones(3)
    assert transfer.pin(tensor) is tensor
    assert transfer.send([tensor])[0] is tensor
