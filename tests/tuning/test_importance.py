"""Importances of objectives that are known: shares of variance worked out by hand."""

import pytest
from small_study import small_study
from trials_by_hand import trial

from asr.tuning.importance import importances

KEYS = {
    "model.dropout": {"low": 0.0, "high": 0.6},
    "train.learning_rate": {"low": 1e-4, "high": 10**-2.5, "log": True},
}
GRID = [(row, column) for row in range(7) for column in range(7)]


def found(worth: list[float], keys: dict[str, object] = KEYS) -> dict[str, float]:
    """Trials on a grid; of the rate on its logarithm."""
    study = small_study(keys=keys)
    trials = [
        trial(
            number + 1, {"model.dropout": row / 10, "train.learning_rate": 10 ** (-4 + column / 4)}, [value]
        )
        for number, ((row, column), value) in enumerate(zip(GRID, worth, strict=True))
    ]
    made = importances(study, trials)
    assert made is not None
    assert made.trials == made.early_trials == len(GRID)
    assert made.fit is not None and made.fit > 0.7
    assert [each.fanova for each in made.keys] == sorted((each.fanova for each in made.keys), reverse=True)
    assert all(each.fanova == each.early for each in made.keys)  # of one epoch both are of the same values
    return {each.key: each.fanova for each in made.keys}


def test_one_key_that_does_everything() -> None:
    shares = found([0.1 + row / 10 for row, _ in GRID])
    assert shares["model.dropout"] > 0.99
    assert shares["train.learning_rate"] < 0.01


def test_a_sum_has_the_shares_of_its_variances() -> None:
    """Of 2x + y over the same evenly spread values, 4/5 and 1/5: a logarithmic range counts on its logarithm."""
    shares = found([0.1 + (2 * row + column) / 30 for row, column in GRID])
    assert shares["model.dropout"] == pytest.approx(0.8, abs=0.03)
    assert shares["train.learning_rate"] == pytest.approx(0.2, abs=0.03)


def test_what_keys_do_together_is_nobodys() -> None:
    """Of (x - mean)(y - mean) neither has a share by itself."""
    shares = found([0.5 + (row - 3) * (column - 3) / 30 for row, column in GRID])
    assert sum(shares.values()) < 0.15


def test_too_few_or_all_the_same() -> None:
    study = small_study(keys=KEYS)
    values = {"model.dropout": 0.1, "train.learning_rate": 1e-3}
    assert importances(study, [trial(number, values, [0.1]) for number in (1, 2, 3)]) is None
    same = [trial(number, {**values, "model.dropout": number / 20}, [0.1]) for number in range(1, 10)]
    made = importances(study, same)
    assert made is not None
    assert made.fit is None
    assert {each.fanova for each in made.keys} == {0.0}


def test_trials_that_were_given_up_count_early() -> None:
    study = small_study(keys=KEYS)
    trials = [
        trial(number, {"model.dropout": number / 20, "train.learning_rate": 1e-3}, [number / 20, number / 20],
              "pruned" if number > 8 else "complete")
        for number in range(1, 13)
    ]  # fmt: skip
    made = importances(study, trials)
    assert made is not None
    assert (made.trials, made.early_trials, made.early_step) == (8, 12, 1)
