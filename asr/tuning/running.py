"""A trial under way: its trainings one after the other, and what it is worth so far."""

from dataclasses import dataclass, field
from math import fsum
from typing import Any

from asr.runs.session import now
from asr.tuning.record import EpochTried, Report, Training, Trial
from asr.tuning.search import Search, Study
from asr.tuning.suggestion import Suggestion


def at_best(training: Training) -> EpochTried:
    """The epoch whose weights a run would keep."""
    return [epoch for epoch in training.epochs if epoch.best][-1]


def worth(epoch: EpochTried, search: Search) -> float:
    """What is made small."""
    return epoch.wer if search.objective == "wer" else epoch.cer


def mean(values: list[float]) -> float:
    return fsum(values) / len(values)


@dataclass
class Running:
    """One trial; the lead tells it what its worker says."""

    number: int
    study: Study
    suggestion: Suggestion
    trainings: list[Training] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    attempts: int = 0  # workers that ended while they trained it
    started: str = field(default_factory=now)

    @property
    def values(self) -> dict[str, Any]:
        return self.suggestion.values

    @property
    def seed(self) -> int | None:
        """Of the training that is next; None: all are over."""
        seeds = self.study.search.seeds
        return seeds[len(self.trainings)] if len(self.trainings) < len(seeds) else None

    def begin(self, parameters: int, left_out: int) -> None:
        """A training, anew or again."""
        assert self.seed is not None
        self.trainings.append(Training(seed=self.seed, parameters=parameters, left_out=left_out, epochs=[]))

    def restart(self) -> None:
        """Its worker has ended: the training under way is told again, from its first epoch."""
        self.attempts += 1
        self.trainings = self.trainings[:-1] if self.trainings else []

    def add(self, epoch: EpochTried) -> Report | None:
        """Another epoch of the training under way. Returns what the trial is worth, None where that was known."""
        training = self.trainings[-1]
        if any(known.epoch == epoch.epoch for known in training.epochs):
            return None
        epochs = [*training.epochs, epoch]
        self.trainings[-1] = training.model_copy(update={"epochs": epochs})
        whole = self.study.recipe_of(self.values).train.epochs
        step = (len(self.trainings) - 1) * whole + epoch.epoch
        search = self.study.search
        report = Report(step=step, value=mean([worth(at_best(each), search) for each in self.trainings]))
        self.reports = [*(known for known in self.reports if known.step < step), report]
        return report

    def is_poor(self, report: Report) -> bool:
        """Not asked of the last epoch: what is over is complete."""
        last = len(self.study.search.seeds) * self.study.recipe_of(self.values).train.epochs
        return self.suggestion.is_poor(report.step, report.value) and report.step < last

    def trial(self, **ending: Any) -> Trial:
        """As it is now; `ending` has state and reason."""
        trainings = self.trainings
        if ending["state"] == "complete":
            best = [at_best(training) for training in trainings]
            ending |= {
                "objective": mean([worth(each, self.study.search) for each in best]),
                "wer": mean([each.wer for each in best]),
                "cer": mean([each.cer for each in best]),
            }
        if ending["state"] != "running":
            ending |= {"finished": now()}
        if "recipe_digest" not in ending:  # of values that make no recipe it is given
            ending["recipe_digest"] = self.study.recipe_of(self.values).digest()
        epochs = [epoch.seconds for training in trainings for epoch in training.epochs]
        return Trial(
            number=self.number,
            values=self.values,
            trainings=trainings,
            reports=self.reports,
            started=self.started,
            seconds=round(fsum(epochs), 1),
            **ending,
        )
