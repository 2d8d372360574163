"""What a training tells while it goes on."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


class Interrupted(Exception):  # noqa: N818  # nothing went wrong
    """Training was asked to stop, and its checkpoint is written in `folder`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder}: interrupted")
        self.folder = folder


@dataclass(frozen=True)
class StepReport:
    """For a progress bar."""

    epoch: int  # from 0
    step: int  # of this epoch, from 1
    steps: int  # in this epoch
    loss: float  # nats a token, mean of this epoch so far
    audio_seconds: float  # heard since the last report
    taken: int = 1  # steps since then: several on a device, which is asked now and then
    expected_errors: float | None = None  # for each word or other unit, likewise; None: not learned from


@dataclass(frozen=True)
class EpochReport:
    """One line of metrics.jsonl."""

    epoch: int  # from 1, as people count
    steps: int
    learning_rate: float
    train_loss: float  # nats a token
    clipped: float  # share of the steps whose gradient was clipped
    gradient_norms: dict[str, float]  # root mean square of each layer
    dev: dict[str, Any]  # Score.to_json() of the averaged weights
    best: bool
    seconds: float
    warnings: list[str]
    expected_errors: float | None = None  # in training, for each unit; None: not learned from

    def to_json(self) -> dict[str, Any]:
        """Without what there is none of."""
        tree = asdict(self)
        if self.expected_errors is None:
            del tree["expected_errors"]
        return tree


class Watcher:
    """Is told what happens; does nothing by itself."""

    def on_step(self, report: StepReport) -> None: ...

    def on_epoch(self, report: EpochReport) -> None: ...
