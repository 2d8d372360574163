"""Devices and the settings that decide bits."""

import os
import subprocess
import sys

import pytest
import torch

from asr.errors import DeviceError
from asr.numerics import choose_device, pin


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
