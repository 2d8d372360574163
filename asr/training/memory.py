"""Out of memory: which batch it was, and what to lower."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from asr.errors import TrainingError
from asr.manifest import Utterance
from asr.recipe import Train

# What CUDA, torch's allocator on the CPU, and numpy say that they wanted.
_ASKED = re.compile(r"[Tt]ried to allocate ([\d.]+ ?\w+)|Unable to allocate ([\d.]+ ?\w+)")
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


@contextmanager
def naming_the_batch(utterances: Sequence[Utterance], what: str, settings: Train) -> Iterator[None]:
    """Turns an error of memory into one that names the batch.

    Args:
        what: its step and utterances.

    Raises:
        TrainingError: there was not enough memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if not is_out_of_memory(error):
            raise
        longest = max(utterance.duration for utterance in utterances)
        raise TrainingError(
            f"{what}: out of memory{_asked(error)}. The batch has {len(utterances)} utterances, the longest of "
            f"{longest:.1f} s: {len(utterances) * longest:.0f} s with padding. Lower train.utterances (now "
            f"{settings.utterances}) or train.seconds (now {settings.seconds:g}), and raise train.micro_batches (now "
            f"{settings.micro_batches}) if a step is to hear as much as before; that is another recipe"
        ) from None


def is_out_of_memory(error: Exception) -> bool:
    """Whether it says that memory was asked for in vain, on a device or on the CPU."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _asked(error: Exception) -> str:
    match = _ASKED.search(str(error))
    if not match:
        return ""
    amount, _, unit = (match[1] or match[2]).partition(" ")
    if unit != "bytes":
        return f" ({amount} {unit} more were asked for)"
    number, power = float(amount), 0
    while number >= 1024 and power + 1 < len(_UNITS):
        number, power = number / 1024, power + 1
    return f" ({number:.4g} {_UNITS[power]} more were asked for)"
