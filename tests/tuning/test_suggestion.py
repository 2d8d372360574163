"""What a trial tries, and when it is given up: by hand, and whatever else is under way."""

import random

import pytest
from small_study import small_study
from trials_by_hand import trial

from asr.tuning.suggestion import Suggestion, known_to

KEYS = {
    "train.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    "model.hidden": {"low": 8, "high": 64, "step": 8},
    "augment.speed": [[1.0], [0.9, 1.1]],
}


def test_values_are_where_they_may_be() -> None:
    study = small_study(keys=KEYS)
    values = [Suggestion(study, number, []).values for number in range(1, 60)]
    assert {value["model.hidden"] for value in values} == set(range(8, 65, 8))
    assert all(type(value["model.hidden"]) is int for value in values)
    assert {str(value["augment.speed"]) for value in values} == {"[1.0]", "[0.9, 1.1]"}
    rates = sorted(value["train.learning_rate"] for value in values)
    assert 1e-4 <= rates[0] < rates[-1] <= 1e-1
    assert 1e-3 < rates[len(rates) // 2] < 1e-2  # the middle of a logarithmic scale, not of a linear one
    for value in values:
        study.recipe_of(value)


def test_a_draw_depends_on_the_trials_that_it_may_know_and_on_nothing_else() -> None:
    study = small_study(keys=KEYS)
    past = [
        trial(number, Suggestion(study, number, []).values, [0.1 * number, 0.05 * number])
        for number in range(1, 7)
    ]

    def draws(known: int, seed: int = 1) -> list[object]:
        made = small_study(keys=KEYS, seed=seed)
        return [Suggestion(made, number, past[:known]).values for number in range(9, 14)]

    first = draws(6)
    random.seed(7)  # whatever was drawn elsewhere
    assert draws(6) == first
    assert draws(4) != first
    assert draws(6, seed=2) != first
    assert first[0] != first[1]
    assert Suggestion(study, 9, past, first[0]).values == first[0]  # begun before


def test_tpe_goes_where_it_is_good() -> None:
    study = small_study(keys=KEYS, startup=5)
    past = []
    for number in range(1, 31):
        values = Suggestion(study, number, past).values
        past.append(trial(number, values, [abs(values["model.hidden"] - 24) / 100 + 0.01]))
    late = [each.values["model.hidden"] for each in past[20:]]
    assert sum(abs(value - 24) <= 8 for value in late) >= 6, late  # of 10; three of eight values are so near


def test_which_trials_one_may_know() -> None:
    trials = [trial(number, {}, [0.5]) for number in range(1, 6)]
    assert known_to(1, [], 4) == []
    assert known_to(4, trials[:3], 4) == []
    assert known_to(6, trials, 4) == trials[:2]
    slow = trials[1].model_copy(update={"state": "running"})
    assert known_to(6, [trials[0], slow, *trials[2:]], 4) is None
    assert (
        known_to(5, [trials[0], slow, *trials[2:]], 4) == trials[:1]
    )  # it does not matter whether 2 is over


def test_given_up_below_the_median_by_hand() -> None:
    """Complete trials have 0.2, 0.4 and 0.6 after two epochs: the median is 0.4."""
    study = small_study(keys=KEYS, warm_up=2, pruning_startup=3)
    values = Suggestion(study, 1, []).values
    past = [trial(number, values, [0.9, wer]) for number, wer in ((1, 0.2), (2, 0.4), (3, 0.6))]
    gone = trial(4, values, [0.9, 0.05], "pruned")  # is no complete trial: the median does not move

    def poor(*wers: float, among: int = 4) -> list[bool]:
        judged = Suggestion(study, 9, [*past, gone][:among])
        return [judged.is_poor(place + 1, wer) for place, wer in enumerate(wers)]

    assert poor(1.0, 0.41) == [False, True]  # the first epoch is granted
    assert poor(1.0, 0.4) == [False, False]
    assert poor(1.0, 0.41, among=2) == [False, False]  # too few complete ones
    judged = Suggestion(study, 9, past)
    assert [judged.is_poor(2, 0.5), judged.is_poor(2, 0.5)] == [True, True]  # asked again, the same answer
    none = small_study(keys=KEYS, pruner="none")
    assert not Suggestion(none, 9, past).is_poor(2, 1.0)


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_both_samplers_draw(sampler: str) -> None:
    study = small_study(keys=KEYS, sampler=sampler, startup=1)
    past = [trial(1, Suggestion(study, 1, []).values, [0.3])]
    assert Suggestion(study, 2, past).values.keys() == KEYS.keys()
