"""Computing on a device that is not there, to find out what would wait for one."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from asr.randomness import Draws

# Packing takes lengths from the CPU: that is its interface.
_TAKE_LENGTHS = {"aten._pack_padded_sequence.default"}


class Watch(TorchDispatchMode):
    """Notes every operation between the CPU and the device `meta`.

    A tensor on `meta` has a shape and no values. Whatever needs values, for Python or for the shape of something else,
    is an error there: what runs through has never asked the device for anything. Two things remain, which this notes:
    copies to the device that wait until they are made, and tensors of the CPU among those of the device.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0  # copies to the device that nobody waits for
        self.operations = 0  # on the device
        self.waits: list[str] = []
        self.mixed: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        found = func(*args, **kwargs)
        tensors = [leaf for leaf in tree_leaves((args, kwargs, found)) if isinstance(leaf, Tensor)]
        there = any(tensor.device.type == "meta" for tensor in tensors)
        here = any(tensor.device.type == "cpu" for tensor in tensors)
        self.operations += there
        if here and there:
            in_time = len(args) > 2 and args[2] is True  # as `copy_` is given it
            self._note(str(func), in_time or bool(kwargs.get("non_blocking")))
        return found

    def _note(self, name: str, non_blocking: bool) -> None:
        if name in ("aten._to_copy.default", "aten.copy_.default"):
            if non_blocking:
                self.sent += 1
            else:
                self.waits.append(name)
        elif name not in _TAKE_LENGTHS:
            self.mixed.append(name)


@contextmanager
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """`meta` has no autocast and no random numbers of its own; everything else runs as it is."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    monkeypatch.setattr(Draws, "for_layer", lambda *_: None)
    with Watch() as watch:
        yield watch
