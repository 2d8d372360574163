"""What took effect of the settings that decide bits, read back from the libraries."""

import ctypes
import os
import re
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

from asr.frozen import Frozen
from asr.runs.environment import SESSIONS, Sides


class NumericsUsed(Frozen):
    """What took effect, not what was asked for; that is among the environment's variables."""

    determinism: Literal["strict", "off"]  # of the recipe
    threads: int  # that torch computes with in each worker
    aten: str  # instruction set of torch's own kernels: AVX2, AVX512, ...
    onednn: str  # instruction set that oneDNN reports for itself; "" when it says nothing
    mkl: str  # mode of conditional numerical reproducibility that MKL reports; "" when it says nothing
    gradient_sum: Literal["int64", "float32"]  # how the micro-batches of a step are added up
    deterministic_algorithms: bool  # torch.use_deterministic_algorithms
    cudnn: dict[str, bool]  # benchmark, deterministic
    float32: dict[str, str]  # precision of CUDA's matrix products and cuDNN's layers: ieee or tf32


def read_numerics(determinism: Literal["strict", "off"]) -> NumericsUsed:
    """Asks the libraries, with a small product and a small LSTM whose reports are caught."""
    import torch

    backends: Any = torch.backends  # the precision settings are not typed
    return NumericsUsed(
        determinism=determinism,
        threads=torch.get_num_threads(),
        aten=torch.backends.cpu.get_cpu_capability(),
        onednn=_found(r"cpu,isa:(.*)", _onednn_report()),
        mkl=_found(r"\bCNR:(\S+)", _mkl_report()),
        gradient_sum="int64" if determinism == "strict" else "float32",
        deterministic_algorithms=torch.are_deterministic_algorithms_enabled(),
        cudnn={"benchmark": backends.cudnn.benchmark, "deterministic": backends.cudnn.deterministic},
        float32={
            "matmul": str(backends.cuda.matmul.fp32_precision),
            "cudnn.rnn": str(backends.cudnn.rnn.fp32_precision),
            "cudnn.conv": str(backends.cudnn.conv.fp32_precision),
        },
    )


def numerics_differences(first: NumericsUsed, second: NumericsUsed, sides: Sides = SESSIONS) -> list[str]:
    """In words; anything here can change bits."""
    return [
        sides.differ(f"{key}:", getattr(first, key), getattr(second, key))
        for key in NumericsUsed.model_fields
        if getattr(first, key) != getattr(second, key)
    ]


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return match[1].strip() if match else ""


def _mkl_report() -> str:
    import torch

    mkl: Any = torch.backends.mkl  # not typed

    def multiply() -> None:
        with mkl.verbose(mkl.VERBOSE_ON):
            torch.mm(torch.ones(32, 32), torch.ones(32, 32))

    return _printed_by(multiply) if mkl.is_available() else ""


def _onednn_report() -> str:
    """oneDNN introduces itself the first time that it is asked to talk, and never again in a process."""
    import torch

    onednn: Any = torch.backends.mkldnn  # not typed

    def recur() -> None:
        with onednn.verbose(onednn.VERBOSE_ON), torch.no_grad():
            torch.nn.LSTM(8, 8)(torch.ones(2, 1, 8))

    global _onednn
    if not _onednn and onednn.is_available():
        _onednn = _printed_by(recur)
    return _onednn


_onednn = ""


def _printed_by(call: Callable[[], None]) -> str:
    """What native code writes to the standard output while `call` runs; "" where that cannot be caught."""
    sys.stdout.flush()
    libc = ctypes.CDLL(None)
    with suppress(OSError, RuntimeError), tempfile.TemporaryFile() as caught:
        before = os.dup(1)
        os.dup2(caught.fileno(), 1)
        try:
            call()
        finally:
            libc.fflush(None)
            os.dup2(before, 1)
            os.close(before)
        caught.seek(0)
        return caught.read().decode(errors="replace")
    return ""
