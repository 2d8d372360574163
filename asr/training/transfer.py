"""Tensors on their way to a device, beside what it computes."""

from collections.abc import Sequence

import torch
from torch import Tensor


class Transfer:
    """Copies from the CPU that nobody waits for: from pinned memory, on a stream of their own.

    On other devices than CUDA there is neither, and tensors are copied as they are.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def pin(self, tensor: Tensor) -> Tensor:
        """A copy from which the device can read by itself; made by the thread that has loaded it."""
        if self._stream is None:
            return tensor
        with torch.cuda.device(self.device):  # else this thread would open the first device for it
            return tensor.pin_memory()

    def send(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Pinned tensors to the device. What is computed there from now on finds them."""
        if self._stream is None:
            return [self._copy(tensor) for tensor in tensors]
        with torch.cuda.stream(self._stream):
            sent = [self._copy(tensor) for tensor in tensors]
        computing = torch.cuda.current_stream(self.device)
        computing.wait_stream(self._stream)
        for tensor in sent:
            tensor.record_stream(computing)  # its memory is not given to the next copy while it is read
        return sent

    def _copy(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)
