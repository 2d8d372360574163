"""What decides bits must be set before torch loads: called first by every command that computes.

What took effect is read back later and stands in the record (asr.runs.numerics_used).
"""

import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from asr.errors import DeviceError

if TYPE_CHECKING:
    import torch

Determinism = Literal["strict", "off"]

# Several workers share the micro-batches of a step instead of the threads of one: oneDNN's LSTM gives other bits at
# another number of threads, so that number must not depend on the machine.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MKL_DYNAMIC": "FALSE"}
_PRECISION = {
    "ONEDNN_DEFAULT_FPMATH_MODE": "STRICT",  # float32 stays float32
    "NVIDIA_TF32_OVERRIDE": "0",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # PyTorch's condition for repeatable cuBLAS
}
# MKL's kernels at AVX2 on all machines: they have a small share of the work, and it costs nothing. oneDNN has most of
# it, where AVX-512 is worth a factor (benchmarks/strict_mode.py); capped, so that newer extensions change nothing.
_KERNELS = {
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "AVX512": {"ATEN_CPU_CAPABILITY": "avx512", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
}
_CPU_FLAGS = {
    "AVX2": {"avx2", "fma"},
    "AVX512": {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx2", "fma"},
}
# oneDNN reads the old names, too.
_OF_KERNELS = ("MKL_CBWR", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
DECIDING = (*_ONE_THREAD, *_PRECISION, *_OF_KERNELS)


def pin(determinism: Determinism = "strict", instructions: str = "auto") -> None:
    """Sets the environment so that the machine has as little say in the bits as possible; `off` sets nothing.

    Args:
        determinism: `strict` is one computing thread a worker, kernels of one instruction set, full precision.
        instructions: AVX2, AVX512, or auto: the better one that this processor has. On others than x86-64 nothing
            is chosen.

    Raises:
        DeviceError: this processor has no such instructions.
    """
    if determinism == "off":
        return
    os.environ.update(_ONE_THREAD)
    os.environ.update(_PRECISION)
    for name in _OF_KERNELS:  # of the shell
        os.environ.pop(name, None)
    os.environ.update(_kernels(instructions))
    one_thread()


def pin_as(variables: Mapping[str, str]) -> None:
    """Sets what another run had set, of the variables that decide bits, and nothing else."""
    for name in DECIDING:
        if name in variables:
            os.environ[name] = variables[name]
        else:
            os.environ.pop(name, None)
    if variables.get("OMP_NUM_THREADS") == "1":
        one_thread()


def instruction_sets() -> tuple[str, ...]:
    """Of AVX2 and AVX512, those that this processor has."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return ()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return ()
    flags = next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())
    return tuple(name for name, needed in _CPU_FLAGS.items() if needed <= flags)


def _kernels(instructions: str) -> dict[str, str]:
    here = instruction_sets()
    if instructions == "auto":
        return {"MKL_CBWR": "AVX2,STRICT", **_KERNELS[here[-1]]} if here else {}
    if instructions not in here:
        raise DeviceError(
            f"numerics.instructions = {instructions}: this processor has {', '.join(here) or 'neither AVX2 nor AVX512'}"
            "; set it to auto"
        )
    return {"MKL_CBWR": "AVX2,STRICT", **_KERNELS[instructions]}


def one_thread() -> None:
    """This thread computes by itself, whatever the environment says. Torch is not loaded for it."""
    torch = sys.modules.get("torch")
    if torch is not None:  # too late for the environment, not for torch's own setting
        torch.set_num_threads(1)


def share_cores(determinism: Determinism, cores: int) -> tuple[int, int]:
    """Workers, and computing threads of each. Not strict is as other toolkits do it: one worker with many threads."""
    return (cores, 1) if determinism == "strict" else (1, cores)


def warm_up() -> None:
    """Calls MKL's vector functions once from one thread, before several workers do so at once.

    The first calls choose a kernel; when they come at the same time from several threads, one of them can get a
    kernel of low accuracy for that one call (pytorch issue 188792). Without torch there is nothing to call.
    """
    if sys.modules.get("torch") is None:
        return
    import torch

    numbers = torch.linspace(0.1, 0.9, 64)
    for dtype in (torch.float32, torch.float64):
        for name in _VECTOR_FUNCTIONS:
            getattr(torch, name)(numbers.to(dtype))


# Those that ATen takes from MKL (aten/src/ATen/cpu/vml.h).
_VECTOR_FUNCTIONS = (
    *(
        "acos",
        "asin",
        "atan",
        "cos",
        "erf",
        "erfc",
        "erfinv",
        "exp",
        "expm1",
        "log",
        "log10",
        "log1p",
        "log2",
    ),
    *("sigmoid", "sin", "sinh", "cosh", "sqrt", "tan", "tanh", "lgamma"),
)


def choose_device(name: str, determinism: Determinism = "strict") -> "torch.device":
    """`auto` is CUDA where there is one, else the CPU. Pins what torch decides at run time.

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
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"--device {name}: torch sees {torch.cuda.device_count()} CUDA devices; use --device cpu"
        )
    if determinism == "strict":
        _be_deterministic()
    return device


def _be_deterministic() -> None:
    import torch

    # Full float32 where autocast does not say otherwise; cuDNN's recurrence defaults to TF32.
    backends: Any = torch.backends  # the precision settings are not typed
    for backend in (backends.cuda.matmul, backends.cudnn.rnn, backends.cudnn.conv):
        backend.fp32_precision = "ieee"
    backends.cudnn.benchmark = False
    backends.cudnn.deterministic = True
    # As torch.use_deterministic_algorithms(True, warn_only=True), which imports the compiler: 1.5 s.
    torch.set_deterministic_debug_mode("warn")


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
