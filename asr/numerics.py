"""What decides bits must be set before torch loads: called first by every command that computes."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.errors import DeviceError

if TYPE_CHECKING:
    import torch

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def pin() -> None:
    """One computing thread a worker; several workers share the micro-batches of a step instead.

    oneDNN's LSTM gives other bits at another number of threads, so that number must not depend on the machine.
    """
    os.environ.update(_ONE_THREAD)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # PyTorch's condition for repeatable cuBLAS
    if "torch" in sys.modules:  # too late for the environment, not for torch's own setting
        sys.modules["torch"].set_num_threads(1)


def choose_device(name: str) -> "torch.device":
    """`auto` is CUDA where there is one, else the CPU.

    Raises:
        DeviceError: no such device, or not on this machine.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"--device {name}: expected auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise DeviceError(f"--device {name}: only cpu and cuda are supported")
    if device.type == "cuda":
        if (device.index or 0) >= torch.cuda.device_count():
            raise DeviceError(
                f"--device {name}: torch sees {torch.cuda.device_count()} CUDA devices; use --device cpu"
            )
        # Full float32 where autocast does not say otherwise; cuDNN's recurrence defaults to TF32.
        backends: Any = torch.backends  # the precision settings are not typed
        for backend in (backends.cuda.matmul, backends.cudnn.rnn, backends.cudnn.conv):
            backend.fp32_precision = "ieee"
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        torch.use_deterministic_algorithms(True, warn_only=True)
    return device


def bfloat16(device: "torch.device") -> bool:
    """Whether training uses bf16 where it is safe: on CUDA cards that have it, and not by emulation."""
    import torch

    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def available_cores() -> int:
    """Cores that this process may use: a container's quota and `taskset` count."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or "max": no quota
        return cores
