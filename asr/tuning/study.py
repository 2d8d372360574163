"""The process that leads a study: it draws trials, hands them to workers, gives up poor ones and keeps the record.

Interrupted in any way, the same call goes on: what is over stays, and what was under way goes on from its checkpoint.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asr.errors import AsrError, RecipeError
from asr.files import write_text
from asr.runs.corpus_used import settings_digest
from asr.runs.named_files import find_files
from asr.runs.numerics_used import NumericsUsed
from asr.training.reports import Interrupted
from asr.tuning.errors import TuningError
from asr.tuning.folder import StudyFolder, default_folder, led
from asr.tuning.keeping import Keeper
from asr.tuning.material import Material, kept_material, prepare_material
from asr.tuning.options import TuningOptions
from asr.tuning.page import page
from asr.tuning.record import EpochTried, StudyRecord, Trial
from asr.tuning.running import Running
from asr.tuning.search import Study
from asr.tuning.storage import Journal
from asr.tuning.suggestion import Suggestion, known_to
from asr.tuning.training import Job
from asr.tuning.watcher import StudyWatcher
from asr.tuning.workers import Message, Workers

POLL = 0.2  # seconds between two looks at who wants to stop
# What makes a trial fail: its values. Anything else that goes wrong ends the study.
ITS_OWN = ("RecipeError", "TokenizerError", "TrainingError", "PronunciationError")
MOST_FAILURES = 5  # trials that may all fail at the beginning
ATTEMPTS = 2  # processes that may end while they train a trial


def tune(
    study: Study,
    options: TuningOptions,
    watcher: StudyWatcher | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[Path, StudyRecord]:
    """Works on a study until its budget is used up; one that is complete is only read.

    Returns:
        The folder and the record.

    Raises:
        Interrupted: `should_stop` said so; the same call goes on from there.
        AsrError: bad input; what was written stays whole.
    """
    path = options.out or default_folder(study)
    with led(path, fresh=options.fresh) as folder:
        lead = Lead(folder, study, options, watcher or StudyWatcher(), should_stop)
        return path, lead.run()


@dataclass
class Lead:
    """One session."""

    folder: StudyFolder
    study: Study
    options: TuningOptions
    watcher: StudyWatcher
    should_stop: Callable[[], bool]
    trials: list[Trial] = field(default_factory=list)  # by number; of those that run, as they began
    running: dict[int, Running] = field(default_factory=dict)  # by worker

    def __post_init__(self) -> None:
        self.keeper = Keeper(self.folder, self.study, self.options, self.watcher)

    def run(self) -> StudyRecord:
        """Works on it until the budget is used up."""
        record = self.keeper.record
        self.trials = list(record.trials)
        if record.status == "complete" and self._is_over():
            if not self.folder.page.exists():
                write_text(self.folder.page, page(record))
            self.watcher.on_message(f"{self.folder.path}: complete, nothing is computed again; --fresh does")
            return record
        self._files = find_files(self.study.recipe, self.options.files, of_training=True)
        self.keeper.begin_session(self._files)  # the record first: it is what makes the folder a study
        self.journal = Journal(self.folder.path, self.study)
        self.trials = self.journal.trials()
        try:
            self._material = self._get_material()
            self._work()
        except (Interrupted, KeyboardInterrupt):
            for running in self.running.values():  # as far as they came
                self.trials[running.number - 1] = running.trial(state="running")
            self.keeper.finish(self.trials, "interrupted")
            raise
        except AsrError:
            self.keeper.save(self.trials, status="interrupted")
            raise
        return self.keeper.finish(self.trials, "complete")

    def _get_material(self) -> Material:
        if self.keeper.record.corpus is not None:
            return kept_material(self.folder, self.keeper.record.corpus)
        material = prepare_material(
            self.folder,
            self.study.recipe,
            self.options.corpus,
            self.options.cache,
            check=self.options.check_lock,
            workers=self.options.workers,
            progress=self._progress,
            say=self.watcher.on_message,
        )
        self.keeper.save(self.trials, corpus=material.corpus)
        return material

    def _progress(self, what: str, done: int, total: int) -> None:
        self.watcher.on_progress(what, done, total)
        if self.should_stop():
            raise Interrupted(self.folder.path)

    # ---- trials

    def _work(self) -> None:
        self.folder.drop_trials({trial.number for trial in self.trials if trial.state == "running"})
        self.workers = Workers(self.options.workers, self.study.recipe, self.options.device)
        ended = self.workers.kill
        try:
            while not self._is_over():
                self._refuse_failures()
                self._hand_out()
                message = self.workers.next(POLL)
                if message is not None:
                    self._hear(message)
                if self.should_stop():
                    ended = self.workers.stop
                    raise Interrupted(self.folder.path)
            ended = self.workers.stop
        finally:
            ended()

    def _is_over(self) -> bool:
        waiting = any(trial.state == "running" for trial in self.trials)
        return not waiting and not self._may_begin()

    def _may_begin(self) -> bool:
        """Whether the budget has another trial; one whose values make no recipe has failed without a worker."""
        search = self.study.search
        in_time = not search.minutes or self.keeper.seconds() < 60 * search.minutes
        return len(self.trials) < search.trials and in_time

    def _hand_out(self) -> None:
        """Trials of before first, then new ones, to workers that have nothing to do."""
        for worker in range(self.workers.size):
            if worker in self.running:
                continue
            led = {running.number for running in self.running.values()}
            waiting = [t for t in self.trials if t.state == "running" and t.number not in led]
            if waiting:
                past = known_to(waiting[0].number, self.trials, self.study.search.lag)
                assert past is not None  # it could begin
                number, values = waiting[0].number, waiting[0].values
            elif self._may_begin():
                number, values = len(self.trials) + 1, None
                past = known_to(number, self.trials, self.study.search.lag)
                if past is None:
                    return
            else:
                return
            self._begin(worker, number, Suggestion(self.study, number, past, values), anew=values is None)

    def _begin(self, worker: int, number: int, suggestion: Suggestion, *, anew: bool) -> None:
        running = Running(number, self.study, suggestion)
        try:
            self.study.recipe_of(running.values)
            refusal = ""
        except RecipeError as error:
            refusal = str(error).removeprefix("trial: ")
        if anew:
            trial = Trial(number=number, state="running", values=running.values)
            self.journal.begin(trial)
            self.trials.append(trial)
        if refusal:
            self._end(running, state="failed", reason=refusal, recipe_digest="")
            return
        self.running[worker] = running
        self._give(worker)

    def _give(self, worker: int) -> None:
        running = self.running[worker]
        assert running.seed is not None
        recipe = self.study.recipe_of(running.values, running.seed)
        self.workers.give(
            worker,
            Job(
                trial=running.number,
                recipe=recipe.model_dump(mode="json"),
                folder=str(self.folder.trial(running.number) / f"seed-{running.seed}"),
                train=str(self.folder.manifest("train")),
                dev=str(self.folder.manifest("dev")),
                settings=settings_digest(recipe, self._material.corpus),
                files={name: str(path) for name, path in self._files.items()},
                pronunciations=self._material.pronunciations,
                device=self.options.device,
            ),
        )

    # ---- what workers say

    def _hear(self, message: Message) -> None:
        worker, said = message
        if said is None:
            self._restart(worker)
        elif "ready" in said:
            self.keeper.save(self.trials, numerics=NumericsUsed.model_validate(said["ready"]))
        elif worker in self.running:
            self._hear_of(worker, self.running[worker], said)

    def _hear_of(self, worker: int, running: Running, said: dict[str, Any]) -> None:
        if "begun" in said:
            running.begin(**said["begun"])
        elif "epoch" in said:
            self.workers.answer(worker, self._goes_on(running, EpochTried.model_validate(said["epoch"])))
        elif "over" in said and running.seed is not None:
            self._give(worker)
        else:
            del self.running[worker]
            self._ended(running, said)

    def _ended(self, running: Running, said: dict[str, Any]) -> None:
        if "over" in said:
            self._end(running, state="complete")
        elif "poor" in said:
            step = running.reports[-1].step
            why = f"worse than the median of the complete trials before it after {step} epochs"
            self._end(running, state="pruned", reason=why)
        elif said.get("kind") in ITS_OWN:
            self._end(running, state="failed", reason=said["failed"])
        else:
            raise TuningError(f"trial {running.number}: {said.get('failed', 'stopped by itself')}")

    def _goes_on(self, running: Running, epoch: EpochTried) -> bool:
        report = running.add(epoch)
        if report is None:
            return True
        self.journal.report(running.number, report.step, report.value)
        self.watcher.on_epoch(running.trial(state="running"), self.keeper.standing(self.trials))
        return not running.is_poor(report)

    def _restart(self, worker: int) -> None:
        """A worker was killed, or has crashed: its trial goes on from its checkpoint, once."""
        running = self.running.get(worker)
        if running is None:
            return
        running.restart()
        if running.attempts < ATTEMPTS:
            self.watcher.on_message(
                f"trial {running.number}: its process ended; it goes on from its checkpoint"
            )
            self._give(worker)
            return
        del self.running[worker]
        self._end(
            running, state="failed", reason="the process that trained it ended, twice; short of memory?"
        )

    def _end(self, running: Running, **ending: Any) -> None:
        trial = running.trial(**ending)
        self.journal.end(trial)
        self.trials[trial.number - 1] = trial
        self.keeper.save(self.trials)
        self.folder.drop_trials({each.number for each in self.trials if each.state == "running"})
        self.watcher.on_trial(trial, self.keeper.standing(self.trials))

    def _refuse_failures(self) -> None:
        """Of the first in number, not in time: who ends first has no say in this either."""
        first = self.trials[:MOST_FAILURES]
        if len(first) == MOST_FAILURES and all(trial.state == "failed" for trial in first):
            raise TuningError(
                f"{self.folder.path}: the first {len(first)} trials all failed; the last of them: {first[-1].reason}; "
                "mend the recipe or its ranges, and start over with --fresh"
            )
