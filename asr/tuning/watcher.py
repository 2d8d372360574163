"""Who is told how a study goes."""

from dataclasses import dataclass

from asr.tuning.record import Trial


@dataclass(frozen=True)
class Standing:
    """Where a study stands."""

    trials: int  # that are over
    of: int  # trials of the budget
    best: Trial | None
    seconds: float  # of all sessions
    left: float | None  # seconds, about; None while nobody can say


class StudyWatcher:
    """Does nothing by itself."""

    def on_progress(self, what: str, done: int, total: int) -> None:
        """`done` of `total` while the corpus is prepared; a total of 0 is unknown."""

    def on_message(self, text: str) -> None:
        """Something that a user should know, in one line."""

    def on_epoch(self, trial: Trial, standing: Standing) -> None:
        """A trial that runs has one epoch more."""

    def on_trial(self, trial: Trial, standing: Standing) -> None:
        """A trial is over."""
