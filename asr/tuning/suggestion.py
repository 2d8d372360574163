"""What a trial tries and when it is given up: pure functions of the table [search] and the trials before it.

Optuna draws and prunes, in a study of its own for each trial that holds the trials so many numbers before it
(search.lag) and no others. So neither how many trials run side by side, nor which ends first, nor an interruption has
a say in it, and whoever has the record can draw every trial again.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from types import ModuleType
from typing import Any

from asr.randomness import keyed_seed
from asr.tuning.errors import TuningError
from asr.tuning.record import OptunaUsed, Trial
from asr.tuning.search import Range, Search, Study

_WHEN = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)  # Optuna wants one; nothing depends on it


@cache
def optuna() -> ModuleType:
    """The library, which says nothing but warnings.

    Raises:
        TuningError: the extra is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise TuningError("tuning needs an extra: pip install 'attest-asr[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def known_to(number: int, trials: Sequence[Trial], lag: int) -> list[Trial] | None:
    """The trials from which one is drawn and by which it is judged; None while one of them is not over.

    Args:
        number: of the trial, from 1.
        trials: all so far, by number.
    """
    past = list(trials[: max(0, number - lag)])
    over = len(past) == max(0, number - lag) and all(trial.state != "running" for trial in past)
    return past if over else None


class Suggestion:
    """The values of one trial, and whether it is worth going on with."""

    def __init__(self, study: Study, number: int, past: Sequence[Trial], values: Any = None) -> None:
        """
        Args:
            past: of `known_to`.
            values: those that the trial has, if it has begun before; None draws them.
        """
        self._distributions = distributions(study)
        self._study = optuna().create_study(
            direction="minimize", sampler=_sampler(study.search, number), pruner=_pruner(study.search)
        )
        self._study.add_trials([frozen(trial, self._distributions) for trial in past])
        if values is not None:
            self._study.enqueue_trial(encoded(values, self._distributions))
        self._trial = self._study.ask(self._distributions)
        self.values = decoded(self._trial.params, self._distributions)
        self._decided: dict[int, bool] = {}

    def is_poor(self, step: int, value: float) -> bool:
        """Reports what it is worth after a step, and asks whether to give it up. The same step gets the same answer."""
        if step not in self._decided:
            self._trial.report(value, step)
            self._decided[step] = bool(self._trial.should_prune())
        return self._decided[step]


def distributions(study: Study) -> dict[str, Any]:
    """Optuna's, by key. Choices are their JSON, as Optuna's can be no arrays."""
    known = optuna().distributions
    found = {}
    for key, where in study.search.keys.items():
        if not isinstance(where, Range):
            found[key] = known.CategoricalDistribution([_json(each) for each in where])
        elif study.is_whole(key):
            found[key] = known.IntDistribution(
                int(where.low), int(where.high), log=where.log, step=int(where.step) or 1
            )
        else:
            found[key] = known.FloatDistribution(
                where.low, where.high, log=where.log, step=where.step or None
            )
    return found


def encoded(values: Any, known: dict[str, Any]) -> dict[str, Any]:
    """Values of a recipe as Optuna's."""
    return {key: _json(values[key]) if _is_choice(known[key]) else values[key] for key in known}


def decoded(values: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Optuna's values as those of a recipe, in the order of the table."""
    return {key: json.loads(values[key]) if _is_choice(known[key]) else values[key] for key in known}


def frozen(trial: Trial, known: dict[str, Any]) -> Any:
    """A trial that is over, or runs, as Optuna's."""
    states = optuna().trial.TrialState
    state = {
        "running": states.RUNNING,
        "complete": states.COMPLETE,
        "pruned": states.PRUNED,
        "failed": states.FAIL,
    }[trial.state]
    return optuna().trial.FrozenTrial(
        number=-1,
        trial_id=-1,
        state=state,
        value=trial.objective,
        datetime_start=_WHEN,
        datetime_complete=_WHEN if state.is_finished() else None,
        params=encoded(trial.values, known),
        distributions=known,
        user_attrs={},
        system_attrs={},
        intermediate_values={report.step: report.value for report in trial.reports},
    )


def describe_optuna(search: Search) -> OptunaUsed:
    """For the record."""
    sampler = (
        f"TPESampler(n_startup_trials={search.startup})" if search.sampler == "tpe" else "RandomSampler()"
    )
    keyed = f"{sampler}, seeded by search.seed and the trial's number"
    pruner = (
        f"MedianPruner(n_startup_trials={search.pruning_startup}, n_warmup_steps={search.warm_up})"
        if search.pruner == "median"
        else ""
    )
    return OptunaUsed(version=optuna().__version__, sampler=keyed, pruner=pruner)


def _sampler(search: Search, number: int) -> Any:
    seed = keyed_seed(search.seed, "tuning", number) % 2**32
    if search.sampler == "random":
        return optuna().samplers.RandomSampler(seed=seed)
    return optuna().samplers.TPESampler(n_startup_trials=search.startup, seed=seed)


def _pruner(search: Search) -> Any:
    pruners = optuna().pruners
    if search.pruner == "none":
        return pruners.NopPruner()
    return pruners.MedianPruner(n_startup_trials=search.pruning_startup, n_warmup_steps=search.warm_up)


def _is_choice(distribution: Any) -> bool:
    return isinstance(distribution, optuna().distributions.CategoricalDistribution)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
