"""The state of a study, as Optuna keeps it: a journal to which every change is appended, and which its tools can read.

One process writes it, and holds the lock of the folder meanwhile.
"""

import json
from pathlib import Path
from typing import Any

from asr.tuning.errors import TuningError
from asr.tuning.record import Trial
from asr.tuning.search import Study
from asr.tuning.suggestion import decoded, distributions, frozen, optuna

JOURNAL = "journal.jsonl"
_NAME = "study"
_TRIAL = "trial"  # the user attribute in which a trial that is over is whole


class Journal:
    """Trials on disk."""

    def __init__(self, folder: Path, study: Study) -> None:
        """
        Raises:
            TuningError: the journal there cannot be read.
        """
        path = folder / JOURNAL
        _mend(path)
        journal = optuna().storages.journal
        self._known = distributions(study)
        try:
            self._storage = optuna().storages.JournalStorage(
                journal.JournalFileBackend(str(path), lock_obj=_Held())
            )
            self._study = optuna().create_study(
                study_name=_NAME, storage=self._storage, direction="minimize", load_if_exists=True
            )
        except (ValueError, KeyError) as error:
            raise TuningError(f"{path}: not a journal of Optuna ({error}); start over with --fresh") from None

    def trials(self) -> list[Trial]:
        """All of them, by number; of one that runs only its values."""
        return [self._trial(each) for each in self._study.get_trials(deepcopy=False)]

    def _trial(self, found: Any) -> Trial:
        if found.state.is_finished():
            return Trial.model_validate_json(json.dumps(found.user_attrs[_TRIAL]))
        values = decoded(found.params, self._known)
        return Trial(number=found.number + 1, state="running", values=values)

    def begin(self, trial: Trial) -> None:
        """A trial that runs from now on; its number is the next one."""
        self._study.add_trial(frozen(trial, self._known))

    def report(self, number: int, step: int, value: float) -> None:
        """For those who look on."""
        self._storage.set_trial_intermediate_value(self._id(number), step, value)

    def end(self, trial: Trial) -> None:
        """Its state comes last: a process that is killed before leaves a trial that runs."""
        which = self._id(trial.number)
        # In one piece, as Optuna gives it back; of Optuna's own keys the state and the value matter.
        self._storage.set_trial_user_attr(which, _TRIAL, trial.model_dump(mode="json"))
        values = None if trial.objective is None else [trial.objective]
        self._storage.set_trial_state_values(which, frozen(trial, self._known).state, values)

    def _id(self, number: int) -> int:
        return int(self._study.get_trials(deepcopy=False)[number - 1]._trial_id)


def _mend(path: Path) -> None:
    """Takes off a last line that a killed process has not written to its end."""
    if not path.exists():
        return
    written = path.read_bytes()
    whole = written.rfind(b"\n") + 1
    if whole < len(written):
        with path.open("r+b") as stream:
            stream.truncate(whole)


class _Held:
    """No lock is needed within that of the folder; Optuna's own would outlive a killed process by half a minute."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass
