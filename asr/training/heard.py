"""What micro-batches leave besides their gradients, and how ranks tell each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from asr.errors import AsrError, TrainingError
from asr.training.ranks import Ranks


@dataclass(frozen=True)
class Heard:
    """What a micro-batch leaves besides its gradient."""

    loss: float = 0.0  # nats, summed
    tokens: int = 0
    seconds: float = 0.0  # of audio
    input_print: int = 0  # fingerprints, see asr.training.trail
    loss_print: int = 0
    errors: float = 0.0  # that are expected, summed, where it is learned from them
    units: int = 0  # of the references, which the errors are counted in

    def as_integers(self) -> list[int]:
        """Floats by their bits: a sum of integers carries them to other ranks unchanged."""
        bits = np.array([self.loss, self.seconds, self.errors]).view(np.int64).tolist()
        return [bits[0], self.tokens, bits[1], self.input_print, self.loss_print, bits[2], self.units]

    @classmethod
    def from_integers(cls, numbers: Sequence[int]) -> "Heard":
        bits = np.array([numbers[0], numbers[2], numbers[5]], np.int64)
        loss, seconds, errors = bits.view(np.float64).tolist()
        return cls(loss, numbers[1], seconds, numbers[3], numbers[4], errors, numbers[6])


_INTEGERS = len(Heard().as_integers())


def total(losses: Sequence[float]) -> float:
    """Their sum, in the order in which torch adds."""
    return float(torch.tensor(losses, dtype=torch.float64).sum())


def exchange(
    ranks: Ranks, notes: Sequence[Heard], asked_to_stop: bool, failure: AsrError | None
) -> tuple[list[Heard], bool]:
    """Joins notes over the ranks; a rank that failed takes part, and then all stop.

    Args:
        notes: the same number at every rank; Heard() for what others have computed.

    Returns:
        All notes, and whether one of the ranks was asked to stop.

    Raises:
        TrainingError: names the rank that has failed; there, the failure itself.
    """
    failures = [0] * ranks.size
    failures[ranks.rank] = int(failure is not None)
    numbers = [number for note in notes for number in note.as_integers()]
    message = torch.tensor([*failures, int(asked_to_stop), *numbers])
    ranks.add(message)
    if failure:
        raise failure
    failures, (stop, *numbers) = message[: ranks.size].tolist(), message[ranks.size :].tolist()
    if any(failures):
        raise TrainingError(f"rank {failures.index(1)} of {ranks.size} has failed; it says why")
    starts = range(0, len(numbers), _INTEGERS)
    return [Heard.from_integers(numbers[start : start + _INTEGERS]) for start in starts], stop > 0
