"""Out of memory: the batch is named, and what to lower."""

import re

import numpy as np
import pytest
import torch

from asr.errors import TrainingError
from asr.manifest import Utterance
from asr.recipe import Train
from asr.training.memory import is_out_of_memory, naming_the_batch

UTTERANCES = [Utterance(f"u{number}", f"u{number}.wav", 2.0 + number, "a") for number in range(4)]
SETTINGS = Train(utterances=6, seconds=90.0, micro_batches=2)
CUDA = (
    "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 15.77 GiB of which 9.88 MiB is "
    "free. Including non-PyTorch memory, this process has 15.76 GiB memory in use."
)


def told(error: Exception) -> str:
    with (
        pytest.raises(TrainingError) as caught,
        naming_the_batch(UTTERANCES, "epoch 1, step 7, utterances u0, u1, u2, u3", SETTINGS),
    ):
        raise error
    return str(caught.value)


def test_on_a_device() -> None:
    assert told(torch.OutOfMemoryError(CUDA)) == (
        "epoch 1, step 7, utterances u0, u1, u2, u3: out of memory (20.00 MiB more were asked for). The batch has 4 "
        "utterances, the longest of 5.0 s: 20 s with padding. Lower train.utterances (now 6) or train.seconds (now "
        "90), and raise train.micro_batches (now 2) if a step is to hear as much as before; that is another recipe"
    )


def test_torch_on_the_cpu_really() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**55, dtype=torch.uint8)
    assert "out of memory (32 PiB more were asked for). The batch" in told(caught.value)


def test_numpy_really() -> None:
    with pytest.raises(MemoryError) as caught:
        np.empty(2**55, dtype=np.uint8)
    assert re.search(r"out of memory \(32\.0 PiB more were asked for\)", told(caught.value))


def test_without_a_number() -> None:
    assert "u3: out of memory. The batch" in told(MemoryError())


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes do not match"), ValueError("out of memory"), KeyError()]
)
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    with pytest.raises(type(error)), naming_the_batch(UTTERANCES, "here", SETTINGS):
        raise error
    assert not is_out_of_memory(error)
