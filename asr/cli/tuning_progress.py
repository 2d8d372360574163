"""Progress of a study: a line a trial, and where there is a terminal a bar with what is under way."""

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from asr.cli.progress import Bar
from asr.tuning.record import Trial
from asr.tuning.watcher import Standing, StudyWatcher


class TuningProgress(Bar, StudyWatcher):
    """A line a trial; on a terminal also a bar, with what is under way."""

    def __init__(self) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            transient=True,
        )
        self._what, self._task = "", self._bar.add_task("", total=None, note="", visible=False)

    def on_progress(self, what: str, done: int, total: int) -> None:
        self._show(what, done, total, "")

    def on_epoch(self, trial: Trial, standing: Standing) -> None:
        report = trial.reports[-1]
        note = f"trial {trial.number}: {report.value:.1%} after {report.step} epochs; {_where(standing)}"
        self._show("trials", standing.trials, standing.of, note)

    def on_trial(self, trial: Trial, standing: Standing) -> None:
        self._show("trials", standing.trials, standing.of, _where(standing))
        last = trial.reports[-1] if trial.reports else None
        came = f"{trial.state:<8}"
        if trial.wer is not None:
            came += f"  dev WER {trial.wer:6.2%}  CER {trial.cer:6.2%}"
        elif last is not None:
            came += f"  {last.value:6.2%} after {last.step} epochs"
        came += f"  {trial.reason}" * (trial.state == "failed")
        self.console.print(
            f"trial {trial.number:>3}/{standing.of}  {came}  {trial.seconds:.0f} s  ({_where(standing)})",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    def _show(self, what: str, done: int, total: int, note: str) -> None:
        if what != self._what:
            self._what = what
            if not self.console.is_terminal:
                self.console.print(what, markup=False, highlight=False)
        self._bar.update(
            self._task, description=what, completed=done, total=total or None, note=note, visible=True
        )


def _where(standing: Standing) -> str:
    best = standing.best
    said = f"best so far {best.objective:.2%}, trial {best.number}" if best else "none complete so far"
    left = "" if standing.left is None else f", about {standing.left / 60:.0f} min left"
    return f"{said}; {standing.seconds / 60:.1f} min{left}"
