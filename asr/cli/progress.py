"""Progress of a run on the terminal: bars where there is one, a line an epoch where output goes to a file."""

import time
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from asr.recipe import Recipe
from asr.runs.watcher import RunWatcher
from asr.training.reports import EpochReport, StepReport


class Bar:
    """A bar where there is a terminal, and messages above it."""

    def __init__(self, *columns: ProgressColumn, transient: bool = False) -> None:
        self.console = Console(stderr=True)
        self._bar = Progress(
            *columns, console=self.console, disable=not self.console.is_terminal, transient=transient
        )

    def __enter__(self) -> Self:
        if self.console.is_terminal:  # otherwise some versions of rich print an empty line at the end
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self._bar.stop()

    def on_message(self, text: str) -> None:
        self.console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)


class RunProgress(Bar, RunWatcher):
    """Shows stages, rate, time left, loss and development WER."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self.epochs = recipe.train.epochs
        self.dev = ""
        self._task: TaskID | None = None
        self._what = ""
        self._clock = time.monotonic()
        self._rate = 0.0

    def on_progress(self, what: str, done: int, total: int) -> None:
        task = self._stage(what, done, total)
        self._bar.update(task, completed=done, total=total or None)

    def on_step(self, report: StepReport) -> None:
        total = self.epochs * report.steps
        done = report.epoch * report.steps + report.step
        # With `done`, so that the steps of an earlier session do not count as quick ones of this one.
        task = self._stage("training", done, total)
        now = time.monotonic()
        speed = report.audio_seconds / max(now - self._clock, 1e-6)
        self._clock = now
        self._rate = speed if self._rate == 0 else 0.95 * self._rate + 0.05 * speed
        note = (
            f"epoch {report.epoch + 1}/{self.epochs} loss {report.loss:.3f}{_expected(report)} "
            f"{self._rate:.0f}x real time{self.dev}"
        )
        self._bar.update(task, completed=done, total=total, note=note)

    def on_epoch(self, report: EpochReport) -> None:
        self._clock = time.monotonic()
        of_words = report.dev.get("unit", "word") == "word"
        name = "WER" if of_words else "CER"
        self.dev = f" dev {name} {report.dev['wer']:.1%}"
        star = " *" if report.best else ""
        self.console.print(
            f"epoch {report.epoch:>3}/{self.epochs}  loss {report.train_loss:.4f} nats/token{_expected(report)}  "
            f"dev {name} {report.dev['wer']:6.2%}  "
            + f"CER {report.dev['cer']:6.2%}  " * of_words
            + f"{report.seconds:.1f} s{star}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        for warning in report.warnings:
            self.on_message(f"epoch {report.epoch}: {warning}")

    def _stage(self, what: str, done: int, total: int) -> TaskID:
        if self._task is None or what != self._what:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._what, self._clock = what, time.monotonic()
            self._task = self._bar.add_task(what, completed=done, total=total or None, note="")
            if not self.console.is_terminal:
                self.console.print(what, markup=False, highlight=False)
        return self._task


def _expected(report: StepReport | EpochReport) -> str:
    """Where it is learned from errors."""
    expected = report.expected_errors
    return "" if expected is None else f"  errors expected {expected:.2%}"
