"""Devices and the settings that decide bits."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from asr import numerics
from asr.errors import DeviceError
from asr.numerics import (
    DECIDING,
    available_cores,
    choose_device,
    instruction_sets,
    pin,
    pin_as,
    share_cores,
    warm_up,
)

NEW = "fpu sse2 avx avx2 fma avx512f avx512dq avx512cd avx512bw avx512vl avx512_vnni"
OLD = "fpu sse2 avx avx2 fma"
ANCIENT = "fpu sse2 avx"


def test_cpu_is_always_there() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["tpu", "", "cuda:x", "cuda:-1"])
def test_no_such_device(name: str) -> None:
    with pytest.raises(DeviceError, match=f"--device {name}: expected auto, cpu, cuda or cuda:N"):
        choose_device(name)


def test_other_devices_of_torch() -> None:
    with pytest.raises(DeviceError, match="--device meta: only cpu and cuda are supported"):
        choose_device("meta")


def test_device_that_this_machine_has_not() -> None:
    with pytest.raises(DeviceError, match=r"--device cuda:99: torch sees \d+ CUDA devices; use --device cpu"):
        choose_device("cuda:99")


def test_one_thread_also_when_torch_is_there_already(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "2")  # and puts back what was there
    torch.set_num_threads(2)
    pin()
    assert (os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]) == ("1", "1")
    assert torch.get_num_threads() == 1


def test_pinned_before_torch_loads() -> None:
    """A user's OMP_NUM_THREADS must not enter the bits."""
    code = (
        "import sys; from asr.numerics import pin; pin(); assert 'torch' not in sys.modules\n"
        "import torch; print(torch.get_num_threads())"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=200
    )
    assert done.stdout.strip() == "1"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Stands for os.environ there, empty; pytest writes into the real one."""
    variables: dict[str, str] = {}
    monkeypatch.setattr(numerics, "os", SimpleNamespace(environ=variables))
    return variables


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Pretends to be a machine with these flags of the processor."""

    def machine(flags: str | None, architecture: str = "x86_64") -> None:
        cpuinfo = tmp_path / "cpuinfo"
        if flags is not None:
            cpuinfo.write_text(f"processor : 0\nflags\t\t: {flags}\nbugs\t\t: sysret\n" * 2)
        monkeypatch.setattr(platform, "machine", lambda: architecture)
        monkeypatch.setattr(numerics, "Path", lambda name: cpuinfo if name == "/proc/cpuinfo" else Path(name))

    return machine


@pytest.mark.parametrize(
    ("flags", "architecture", "expected"),
    [
        (NEW, "x86_64", ("AVX2", "AVX512")),
        (NEW, "AMD64", ("AVX2", "AVX512")),
        (OLD, "x86_64", ("AVX2",)),
        (NEW.replace("avx512vl", ""), "x86_64", ("AVX2",)),  # AVX512_CORE of oneDNN wants all four
        (OLD.replace("fma", ""), "x86_64", ()),
        (ANCIENT, "x86_64", ()),
        (NEW, "aarch64", ()),
        (None, "x86_64", ()),  # no such file
    ],
)
def test_instruction_sets(
    machine: Any, flags: str | None, architecture: str, expected: tuple[str, ...]
) -> None:
    machine(flags, architecture)
    assert instruction_sets() == expected


@pytest.mark.parametrize(
    ("flags", "instructions", "aten", "onednn"),
    [
        (NEW, "auto", "avx512", "AVX512_CORE"),
        (NEW, "AVX512", "avx512", "AVX512_CORE"),
        (NEW, "AVX2", "avx2", "AVX2"),
        (OLD, "auto", "avx2", "AVX2"),
    ],
)
def test_kernels_are_pinned(
    machine: Any, environment: dict[str, str], flags: str, instructions: str, aten: str, onednn: str
) -> None:
    """oneDNN reads DNNL_MAX_CPU_ISA, too: what a user has set there goes."""
    machine(flags)
    environment.update(DNNL_MAX_CPU_ISA="SSE41", MKL_CBWR="COMPATIBLE", OMP_NUM_THREADS="8", HOME="/root")
    pin("strict", instructions)
    assert (environment["ATEN_CPU_CAPABILITY"], environment["ONEDNN_MAX_CPU_ISA"]) == (aten, onednn)
    assert environment["MKL_CBWR"] == "AVX2,STRICT"
    assert (environment["OMP_NUM_THREADS"], environment["MKL_DYNAMIC"]) == ("1", "FALSE")
    assert environment["ONEDNN_DEFAULT_FPMATH_MODE"] == "STRICT"
    assert "DNNL_MAX_CPU_ISA" not in environment
    assert environment["HOME"] == "/root"
    assert environment.keys() - {"HOME"} <= set(DECIDING)


@pytest.mark.parametrize(("flags", "architecture"), [(ANCIENT, "x86_64"), (NEW, "aarch64")])
def test_no_kernels_are_chosen_where_there_are_none_to_choose(
    machine: Any, environment: dict[str, str], flags: str, architecture: str
) -> None:
    machine(flags, architecture)
    environment.update(MKL_CBWR="COMPATIBLE", ATEN_CPU_CAPABILITY="default")  # nor does the shell choose
    pin()
    assert "ATEN_CPU_CAPABILITY" not in environment
    assert "MKL_CBWR" not in environment
    assert environment["OMP_NUM_THREADS"] == "1"


@pytest.mark.parametrize(
    ("flags", "instructions", "here"),
    [(OLD, "AVX512", "AVX2"), (ANCIENT, "AVX2", "neither AVX2 nor AVX512")],
)
def test_instructions_that_this_processor_has_not(
    machine: Any, environment: dict[str, str], flags: str, instructions: str, here: str
) -> None:
    machine(flags)
    with pytest.raises(DeviceError) as caught:
        pin("strict", instructions)
    assert str(caught.value) == (
        f"numerics.instructions = {instructions}: this processor has {here}; set it to auto"
    )


def test_determinism_off_sets_nothing(environment: dict[str, str]) -> None:
    environment.update(OMP_NUM_THREADS="8")
    torch.set_num_threads(2)
    pin("off", "AVX2")
    assert environment == {"OMP_NUM_THREADS": "8"}
    assert torch.get_num_threads() == 2


def test_pinned_as_another_run_was(environment: dict[str, str]) -> None:
    """Of what decides bits all that it had, and nothing that it had not."""
    environment.update(MKL_CBWR="COMPATIBLE", ATEN_CPU_CAPABILITY="default", HOME="/root")
    torch.set_num_threads(2)
    pin_as({"MKL_CBWR": "AVX2,STRICT", "OMP_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Haswell"})
    assert environment == {"MKL_CBWR": "AVX2,STRICT", "OMP_NUM_THREADS": "1", "HOME": "/root"}
    assert torch.get_num_threads() == 1
    torch.set_num_threads(2)
    pin_as({})
    assert environment == {"HOME": "/root"}
    assert torch.get_num_threads() == 2


def test_what_pinning_sets_is_what_pinning_as_takes(environment: dict[str, str]) -> None:
    pin()
    pinned = dict(environment)
    environment.clear()
    environment.update(ONEDNN_MAX_CPU_ISA="SSE41", DNNL_MAX_CPU_ISA="SSE41")
    pin_as(pinned)
    assert environment == pinned


def test_cores_become_workers_or_threads() -> None:
    assert share_cores("strict", 4) == (4, 1)
    assert share_cores("off", 4) == (1, 4)


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", 8), ("200000 100000", 2), ("50000 100000", 1), ("", 8), (None, 8)]
)
def test_cores_of_a_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quota: str | None, cores: int
) -> None:
    if quota is not None:
        (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(numerics, "Path", lambda name: tmp_path / Path(name).name)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert available_cores() == cores


@pytest.fixture
def settings_of_torch() -> Iterator[Any]:
    """Puts them back."""
    backends: Any = torch.backends
    precise = (backends.cuda.matmul, backends.cudnn.rnn, backends.cudnn.conv)
    before = [backend.fp32_precision for backend in precise]
    flags = (backends.cudnn.benchmark, backends.cudnn.deterministic)
    mode = torch.get_deterministic_debug_mode()
    yield backends
    for backend, value in zip(precise, before, strict=True):
        backend.fp32_precision = value
    backends.cudnn.benchmark, backends.cudnn.deterministic = flags
    torch.set_deterministic_debug_mode(mode)


def test_strict_settings_of_torch(settings_of_torch: Any) -> None:
    """Each of them, whatever it was before; without strict determinism none is touched."""
    backends = settings_of_torch
    precise = (backends.cuda.matmul, backends.cudnn.rnn, backends.cudnn.conv)
    for backend in precise:
        backend.fp32_precision = "tf32"
    backends.cudnn.benchmark, backends.cudnn.deterministic = True, False
    torch.set_deterministic_debug_mode("default")
    choose_device("cpu", "off")
    assert [backend.fp32_precision for backend in precise] == ["tf32"] * 3
    assert (backends.cudnn.benchmark, backends.cudnn.deterministic) == (True, False)
    assert not torch.are_deterministic_algorithms_enabled()
    choose_device("cpu")
    assert [backend.fp32_precision for backend in precise] == ["ieee"] * 3
    assert (backends.cudnn.benchmark, backends.cudnn.deterministic) == (False, True)
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled()  # an error would end runs on CUDA


def test_warming_up_calls_each_function_for_both_types(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[tuple[str, torch.dtype]] = set()

    def spy_on(name: str) -> None:
        really = getattr(torch, name)

        def spy(numbers: torch.Tensor) -> torch.Tensor:
            seen.add((name, numbers.dtype))
            found: torch.Tensor = really(numbers)
            assert torch.isfinite(found).all()
            return found

        monkeypatch.setattr(torch, name, spy)

    names = ("exp", "tanh", "log", "sigmoid", "erf")  # what a model calls on several workers at once
    for name in names:
        spy_on(name)
    warm_up()
    assert seen == {(name, dtype) for name in names for dtype in (torch.float32, torch.float64)}
