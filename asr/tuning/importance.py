"""Which keys mattered: functional ANOVA of random forests that are fitted to the trials (Hutter et al., 2014)."""

import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from math import log
from statistics import mean, pstdev
from typing import Any

from asr.tuning.record import Importance, Importances, Trial
from asr.tuning.search import Range, Study
from asr.tuning.suggestion import distributions, encoded, optuna

TREES, FORESTS = 64, 5
FEWEST = 4  # trials; of fewer a forest says nothing
HALF = 0.5  # of the trials, whose values PED-ANOVA compares with all


def importances(study: Study, trials: Sequence[Trial]) -> Importances | None:
    """
    Returns:
        None where fewer than four trials are complete.

    A logarithmic range is measured on its logarithm: what mattered is meant of the scale on which was drawn.
    """
    complete = [(trial, trial.objective) for trial in trials if trial.objective is not None]
    if len(complete) < FEWEST:
        return None
    step = study.search.warm_up
    early = [(trial, value) for trial in trials if (value := _value_at(trial, step)) is not None]
    final, first = _as_study(study, complete), _as_study(study, early)
    forests = [_fanova(final, seed) for seed in range(FORESTS)]
    firsts = [_fanova(first, seed) for seed in range(FORESTS)] if len(early) >= FEWEST else []
    ped = _ped_anova(final)
    total = sum(ped.values()) or 1.0
    keys = [
        Importance(
            key=key,
            fanova=_share(forest[key] for forest in forests),
            spread=round(pstdev([forest[key] for forest in forests]), 6),
            early=_share(forest[key] for forest in firsts) if firsts else 0.0,
            ped_anova=round(float(ped.get(key, 0.0)) / total, 6),
        )
        for key in study.search.keys
    ]
    return Importances(
        trees=TREES,
        forests=FORESTS,
        trials=len(complete),
        fit=_fit(study, complete),
        early_step=step,
        early_trials=len(early),
        early_fit=_fit(study, early),
        keys=sorted(keys, key=lambda each: -each.fanova),
        scikit_learn=version("scikit-learn"),
    )


def _share(values: Any) -> float:
    return round(mean(map(float, values)), 6)


def _value_at(trial: Trial, step: int) -> float | None:
    return next((report.value for report in trial.reports if report.step == step), None)


def _fanova(study: Any, seed: int) -> Mapping[str, float]:
    """Share of the variance that each key explains by itself; the rest is in how they act together."""
    evaluator = optuna().importance.FanovaImportanceEvaluator(n_trees=TREES, seed=seed)
    if len({trial.value for trial in study.get_trials(deepcopy=False)}) < 2:
        return dict.fromkeys(study.get_trials(deepcopy=False)[0].distributions, 0.0)
    found: Mapping[str, float] = evaluator.evaluate(study)
    return found


def _ped_anova(study: Any) -> Mapping[str, float]:
    """Nothing where half of the trials are all of them, as where all came to the same."""
    evaluator = optuna().importance.PedAnovaImportanceEvaluator(target_quantile=HALF)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            found: Mapping[str, float] = evaluator.evaluate(study)
        except UserWarning:
            return {}
    return found


def _as_study(study: Study, worth: Sequence[tuple[Trial, float]]) -> Any:
    """Trials with a value each, as a study of Optuna's, logarithmic ranges as their logarithms."""
    known = distributions(study)
    scaled = {key: _scaled(study, key, known[key]) for key in known}
    made = optuna().create_study(direction="minimize")
    made.add_trials(
        [
            optuna().trial.create_trial(params=_point(study, trial, known), distributions=scaled, value=value)
            for trial, value in worth
        ]
    )
    return made


def _is_log(study: Study, key: str) -> bool:
    where = study.search.keys[key]
    return isinstance(where, Range) and where.log


def _scaled(study: Study, key: str, distribution: Any) -> Any:
    if not _is_log(study, key):
        return distribution
    return optuna().distributions.FloatDistribution(log(distribution.low), log(distribution.high))


def _point(study: Study, trial: Trial, known: dict[str, Any]) -> dict[str, Any]:
    values = encoded(trial.values, known)
    # Within the limits, where a logarithm of a limit is rounded.
    return {
        key: min(max(log(value), log(known[key].low)), log(known[key].high)) if _is_log(study, key) else value
        for key, value in values.items()
    }


def _fit(study: Study, worth: Sequence[tuple[Trial, float]]) -> float | None:
    """Out-of-bag R² of a forest like those above: whether there is anything that it could say of the keys."""
    import numpy as np
    from sklearn.ensemble import RandomForestRegressor

    if len(worth) < 2 * FEWEST or len({value for _, value in worth}) < 2:
        return None
    known = distributions(study)
    rows = [_point(study, trial, known) for trial, _ in worth]
    columns = [_column([row[key] for row in rows]) for key in known]
    forest = RandomForestRegressor(TREES, oob_score=True, random_state=0, max_depth=64)
    forest.fit(np.concatenate(columns, axis=1), [value for _, value in worth])
    return round(float(forest.oob_score_), 4)


def _column(values: Sequence[Any]) -> Any:
    """(trials, 1) of numbers; (trials, choices) of choices, one of them 1."""
    import numpy as np

    if not any(isinstance(value, str) for value in values):
        return np.array(values, dtype=float)[:, None]
    names = sorted(set(values))
    return np.array([[value == name for name in names] for value in values], dtype=float)
