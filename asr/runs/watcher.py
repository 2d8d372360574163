"""Who is told what happens in a run."""

from pathlib import Path
from typing import Any

from asr.errors import RunError
from asr.training.reports import EpochReport, StepReport, Watcher


class RunWatcher(Watcher):
    """Is told what happens in a run; does nothing by itself."""

    def on_progress(self, what: str, done: int, total: int) -> None:
        """`done` of `total`; a total of 0 is unknown."""

    def on_message(self, text: str) -> None:
        """Something that a user should know, in one line."""


class TensorBoardWatcher(RunWatcher):
    """Writes an epoch's figures as TensorBoard events, and tells another watcher everything.

    Raises:
        RunError: the extra is not installed.
    """

    def __init__(self, folder: Path, watcher: RunWatcher) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise RunError("--tensorboard needs an extra: pip install 'attest-asr[tensorboard]'") from None
        self._open, self._folder, self._watcher = SummaryWriter, folder, watcher
        self._writer: Any = None

    def on_progress(self, what: str, done: int, total: int) -> None:
        self._watcher.on_progress(what, done, total)

    def on_message(self, text: str) -> None:
        self._watcher.on_message(text)

    def on_step(self, report: StepReport) -> None:
        self._watcher.on_step(report)

    def on_epoch(self, report: EpochReport) -> None:
        if self._writer is None:
            # A resumed run writes some epochs again: TensorBoard forgets what an earlier session said of them.
            self._writer = self._open(str(self._folder), purge_step=report.epoch)
        figures = {
            "train/loss": report.train_loss,
            "train/learning_rate": report.learning_rate,
            "train/clipped": report.clipped,
            "dev/wer": report.dev["wer"],
            "dev/cer": report.dev["cer"],
            **{f"gradient_norm/{layer}": norm for layer, norm in report.gradient_norms.items()},
        }
        for name, value in figures.items():
            self._writer.add_scalar(name, value, report.epoch)
        self._writer.flush()
        self._watcher.on_epoch(report)
