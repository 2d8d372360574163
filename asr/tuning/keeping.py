"""The record of a study while it goes on: what was done before, who works on it, what has come out so far."""

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from asr.files import sha256_file, write_text
from asr.runs.environment import differences, read_code, read_environment
from asr.runs.named_files import Files, check_files, digests_of
from asr.runs.session import now
from asr.tuning.best import best_recipe, best_toml
from asr.tuning.errors import TuningError
from asr.tuning.folder import StudyFolder
from asr.tuning.importance import importances
from asr.tuning.options import TuningOptions
from asr.tuning.page import page
from asr.tuning.record import Best, Session, StudyRecord, Trial, best_of, read_study, write_record
from asr.tuning.search import Study
from asr.tuning.suggestion import describe_optuna
from asr.tuning.watcher import Standing, StudyWatcher


@dataclass
class Keeper:
    """Writes study.json after everything that matters, and what follows from it at the end of a session."""

    folder: StudyFolder
    study: Study
    options: TuningOptions
    watcher: StudyWatcher
    record: StudyRecord = field(init=False)

    def __post_init__(self) -> None:
        self._clock, self._begun = time.monotonic(), False
        self.record = self._open()

    def _open(self) -> StudyRecord:
        """The folder's record, or a new one; a new session is not in it yet."""
        study = self.study
        if self.folder.record.exists():
            record = read_study(self.folder.path)
            if record.corpus is None and record.digest != study.digest():
                return self._new()  # nothing was done: a first try that failed must not stand in the way
            if record.digest != study.digest():
                raise TuningError(
                    f"{self.folder.path}: holds a study of other settings ({record.recipe.name}); only its budget may "
                    "change; choose another folder with --out, or start over with --fresh"
                )
            if record.status != "complete" and study.search.trials < len(record.trials):
                raise TuningError(
                    f"{self.folder.path}: has {len(record.trials)} trials, and search.trials is "
                    f"{study.search.trials}: a budget can only grow; choose another folder with --out, or start over "
                    "with --fresh"
                )
            command = record.command if record.search == study.search else self.options.command
            return record.model_copy(update={"search": study.search, "command": command})
        return self._new()

    def _new(self) -> StudyRecord:
        study = self.study
        return StudyRecord(
            status="running",
            command=self.options.command,
            recipe=study.recipe,
            recipe_digest=study.recipe.digest(),
            search=study.search,
            digest=study.digest(),
            optuna=describe_optuna(study.search),
            environment=read_environment(),
        )

    def begin_session(self, files: Files) -> None:
        """Takes down who works on it from now on.

        Args:
            files: those that the recipe names.

        Raises:
            RunError: one of them is not what it was.
        """
        record, code, differs = self.record, read_code(), list[str]()
        environment, used = read_environment(), describe_optuna(self.study.search)
        if record.sessions:
            differs = differences(record.environment, environment)
            differs += ["other code"] * (code.digest != record.sessions[-1].code.digest)
            if not record.optuna.version.endswith(used.version):
                differs.append(f"Optuna {record.optuna.version} before, {used.version} now")
                used = used.model_copy(update={"version": f"{record.optuna.version}, then {used.version}"})
            else:
                used = record.optuna
        for difference in differs:
            self.watcher.on_message(
                f"not as when this study was interrupted: {difference}; the record says so"
            )
        digests = digests_of(files)
        check_files(
            digests, record.named_files, f"this study ({self.folder.path})", "start over with --fresh"
        )
        session = Session(
            started=now(),
            finished="",
            seconds=0.0,
            workers=self.options.workers,
            device=self.options.device,
            code=code,
            differs=differs,
        )
        sessions = [*record.sessions, session]
        self._begun = True
        changes = {"status": "running", "environment": environment, "sessions": sessions}
        self.save([*record.trials], **changes, named_files=digests, optuna=used)

    def seconds(self) -> float:
        """Of all sessions."""
        before = self.record.sessions[:-1] if self._begun else self.record.sessions
        return sum(session.seconds for session in before) + (time.monotonic() - self._clock) * self._begun

    def standing(self, trials: list[Trial]) -> Standing:
        """For those who watch."""
        over = [trial for trial in trials if trial.state != "running"]
        search, seconds = self.study.search, self.seconds()
        done = [trial.seconds for trial in over if trial.seconds]
        left = None
        if done:
            left = (search.trials - len(over)) * sum(done) / len(done) / self.options.workers
            if search.minutes:
                left = min(left, max(0.0, 60 * search.minutes - seconds))
        return Standing(len(over), search.trials, best_of(trials), seconds, left)

    def save(self, trials: list[Trial], **changes: Any) -> None:
        """Whole, with these changes."""
        sessions = changes.pop("sessions", self.record.sessions)
        sessions = [*sessions[:-1], self._timed(sessions[-1])]
        changes |= {"sessions": sessions, "trials": trials}
        self.record = write_record(self.folder.path, self.record.model_copy(update=changes))

    def _timed(self, session: Session) -> Session:
        return session.model_copy(update={"seconds": round(time.monotonic() - self._clock, 1)})

    def finish(self, trials: list[Trial], status: Literal["interrupted", "complete"]) -> StudyRecord:
        """Best recipe, importances and page of what there is."""
        best, chosen = best_of(trials), None
        if best is not None:
            recipe = best_recipe(self.study, best)
            chosen = Best(
                trial=best.number,
                values=best.values,
                recipe_digest=recipe.digest(),
                **best.model_dump(include={"objective", "wer", "cer"}),
            )
            write_text(self.folder.best, best_toml(self.study, best, len(trials)))
        last = self._timed(self.record.sessions[-1]).model_copy(update={"finished": now()})
        self.save(
            trials,
            status=status,
            best=chosen,
            importances=importances(self.study, trials),
            files={self.folder.best.name: sha256_file(self.folder.best)} if chosen else {},
            sessions=[*self.record.sessions[:-1], last],
        )
        write_text(self.folder.page, page(self.record))
        return self.record
