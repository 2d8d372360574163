"""The two rules by which weights are chosen: errors of the best reading, and those expected over the readings."""

import math
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest

from asr.decoding.hypothesis import Hypothesis
from asr.evaluation.decoders import expected_errors
from asr.evaluation.tuning import Errors, Grid, Point, Rule, Surface, tune


def reading(text: str, score: float) -> Hypothesis:
    return Hypothesis((1,), tuple(text.split()), text, score, score, 0.0, 0.0)


def points(*errors: tuple[int, float]) -> tuple[Point, ...]:
    """Word errors and expected ones, at growing weights of the language model."""
    return tuple(
        Point(weight, 0.0, 0.0, 50, words, 9, expected) for weight, (words, expected) in enumerate(errors)
    )


def test_by_hand() -> None:
    # Three to one: 3/4 of no error and 1/4 of two; the scores' level says nothing.
    readings = [reading("go on now", -700.0), reading("go off then", -700.0 - math.log(3))]
    assert expected_errors("go on now", readings) == pytest.approx(0.5)
    # 0 errors of 4 in "gone", 3 substituted ones of 4 in "goat" and "go": (0 * 2 + 2 * 1 + 2 * 1) / 4.
    readings = [reading("gone", math.log(2)), reading("goat", 0.0), reading("go", 0.0)]
    assert expected_errors("gone", readings, "character") == pytest.approx(1.0)


def test_one_reading_or_none() -> None:
    assert expected_errors("go on", [reading("go off", -3.0)]) == 1.0
    assert expected_errors("go on", []) == 2.0  # the empty text


def test_two_spellings_of_a_text_add_up() -> None:
    readings = [reading("see", 0.0), reading("sea", 0.0), reading("sea", 0.0)]
    assert expected_errors("see", readings) == pytest.approx(2 / 3)


def test_each_rule_has_its_best() -> None:
    tried = points((5, 9.0), (6, 7.5), (7, 8.0))
    assert Surface(tried).best is tried[0]
    assert Surface(tried, "expected").best is tried[1]
    tied = points((7, 7.5), (6, 7.5))  # then by errors
    assert Surface(tied, "expected").best is tied[1]


def test_a_point_without_expected_errors_cannot_be_compared() -> None:
    tried = (*points((5, 9.0)), Point(2.0, 0.0, 0.0, 50, 1, 1))
    assert Surface(tried).best is tried[1]
    with pytest.raises(ValueError, match="without expected errors"):
        Surface(tried, "expected")


def test_the_surface_says_which_rule_it_is_for() -> None:
    grid = Grid((0.5, 1.0), (0.0,), (0.0,), (8,))
    surface = tune(lambda weights: Errors(3, 3, 4 - weights.lm_weight), grid, rule="expected")
    assert (surface.rule, surface.best.lm_weight) == ("expected", 1.0)
    assert surface.to_json()[0]["expected_errors"] == 3.5
    assert "expected_errors" not in tune(lambda weights: Errors(3, 3), grid).to_json()[0]


Matrix = npt.NDArray[np.float64]


def utterances(rng: np.random.Generator, count: int) -> tuple[Matrix, Matrix, Matrix]:
    """Eight readings each: acoustic score, language score, errors. The right one is drawn with 0.75 as weight."""
    acoustic, language = rng.normal(0, 8, (count, 8)), rng.normal(0, 2, (count, 8))
    errors = rng.integers(1, 4, (count, 8)).astype(float)
    right = (acoustic + 0.75 * language + rng.gumbel(size=(count, 8))).argmax(1)
    errors[np.arange(count), right] = 0
    return acoustic, language, errors


def read(part: tuple[Matrix, Matrix, Matrix], weight: float) -> tuple[int, float]:
    """Errors of the best readings, and expected ones."""
    acoustic, language, errors = part
    scores = acoustic + weight * language
    shares = np.exp(scores - scores.max(1, keepdims=True))
    expected = (shares * errors).sum(1) / shares.sum(1)
    return int(errors[np.arange(len(errors)), scores.argmax(1)].sum()), float(expected.sum())


def test_on_a_flat_and_noisy_surface_expected_errors_choose_better() -> None:
    """77 utterances are drawn 150 times; what is lost by the choice is known from 20,000 others.

    Where the scores are probabilities, as here, it is about two thirds as much, and the weights scatter less.
    """
    rng = np.random.default_rng(3)
    weights = [round(0.2 + 0.1 * step, 1) for step in range(15)]
    many = utterances(rng, 20_000)
    true = {weight: read(many, weight)[0] / 20_000 for weight in weights}
    lost, chosen = np.zeros((150, 2)), np.zeros((150, 2))
    for trial in range(150):
        few = utterances(rng, 77)
        tried = [(weight, *read(few, weight)) for weight in weights]
        surface = tuple(Point(weight, 0.0, 0.0, 50, words, 0, expected) for weight, words, expected in tried)
        for column, rule in enumerate(get_args(Rule)):
            best = Surface(surface, rule).best.lm_weight
            lost[trial, column], chosen[trial, column] = true[best] - min(true.values()), best
    assert lost[:, 1].mean() < 0.8 * lost[:, 0].mean()
    assert chosen[:, 1].std() < chosen[:, 0].std()
