"""Where a training stands, and the way that it came."""

from dataclasses import dataclass, field
from typing import Any

# Hex digits of a step's fingerprint. Steps after a first difference differ as well: a chance match costs one step.
DIGITS = 4


@dataclass
class Cursor:
    """Plain JSON values, kept in every checkpoint."""

    epoch: int = 0  # from 0: the epoch under way
    step: int = 0  # steps of it that are done
    total_steps: int = 0
    loss: float = 0.0  # sums over this epoch
    tokens: int = 0
    errors: float = 0.0  # that were expected, where it is learned from them
    units: int = 0  # of their references
    clipped: int = 0
    squares: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    best_epoch: int = -1
    best_errors: list[int] = field(default_factory=list)
    epochs: list[dict[str, Any]] = field(default_factory=list)
    trail: list[dict[str, Any]] = field(default_factory=list)  # entries as in the record
    heard: str = ""  # fingerprints of the steps since the last entry, four hex digits each
    losses: str = ""
    gradients: str = ""

    def next_epoch(self) -> None:
        self.epoch, self.step = self.epoch + 1, 0
        self.loss, self.tokens, self.clipped, self.squares, self.seconds = 0.0, 0, 0, {}, 0.0
        self.errors, self.units = 0.0, 0

    @property
    def expected_errors(self) -> float | None:
        """For each unit of the references, in this epoch so far; None where nothing is learned from errors."""
        return self.errors / self.units if self.units else None

    def place(self) -> dict[str, Any]:
        """What of it the training depends on: not the time it took, nor the history."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "total_steps": self.total_steps,
            "loss": self.loss.hex(),
            "tokens": self.tokens,
            "clipped": self.clipped,
            "best_epoch": self.best_epoch,
            "best_errors": list(self.best_errors),
            **({"errors": self.errors.hex(), "units": self.units} if self.units else {}),
        }
