"""Choosing weights: every combination is tried once, the best has the fewest errors, all are kept."""

import math

import pytest

from asr.decoding.decoder import Weights
from asr.evaluation.tuning import Errors, Grid, Point, Surface, tune
from asr.recipe import Decoder


def surface_of(errors: dict[tuple[float, float], tuple[int, int]]) -> Surface:
    """Of weights of a model and of words, with one beam and no priors."""
    return Surface(tuple(Point(*pair, 0.0, 50, *found) for pair, found in errors.items()))


def test_every_combination_is_tried_once_narrow_beams_first() -> None:
    asked: list[Weights] = []

    def count(weights: Weights) -> Errors:
        asked.append(weights)
        return Errors(len(asked), 0)

    grid = Grid((0.5, 1.0), (0.0, 2.0), (0.0, 0.3), (20, 10))
    surface = tune(count, grid)
    assert len(asked) == len(set(asked)) == len(grid) == 16
    assert asked[:3] == [(0.5, 0.0, 0.0, 10, 0), (0.5, 2.0, 0.0, 10, 0), (1.0, 0.0, 0.0, 10, 0)]
    assert [weights.beam for weights in asked] == [10] * 8 + [20] * 8
    assert [point.weights for point in surface.points] == asked
    assert surface.to_json()[0] == {
        "lm_weight": 0.5, "word_score": 0.0, "prior_weight": 0.0, "beam": 10, "word_errors": 1, "character_errors": 0,
    }  # fmt: skip


def test_what_is_known_is_not_tried_again_and_all_is_kept() -> None:
    grid = Grid((0.5, 1.0), (0.0,), (0.0,), (8, 9))
    known = [Point(0.5, 0.0, 0.0, 8, 7, 7), Point(1.0, 0.0, 0.0, 8, 6, 6)]
    asked, kept = [], []

    def count(weights: Weights) -> Errors:
        asked.append(weights)
        return Errors(5, 5)

    surface = tune(count, grid, known=known, keep=lambda points: kept.append(list(points)))
    assert asked == [(0.5, 0.0, 0.0, 9, 0), (1.0, 0.0, 0.0, 9, 0)]
    assert kept == [list(surface.points[:3]), list(surface.points)]  # never fewer than were known
    assert surface.points[:2] == tuple(known)


def test_fewest_words_then_fewest_characters() -> None:
    surface = surface_of({(0.5, 0.0): (7, 30), (0.5, 1.0): (7, 12), (1.0, 0.0): (8, 1), (1.0, 1.0): (9, 9)})
    assert surface.best.weights == (0.5, 1.0, 0.0, 50, 0)


def test_of_equal_points_the_one_in_the_best_company() -> None:
    # Two points make 5 errors. Left of and below the first one lie 9s: (5 + 9 + 9 + 8) / 4 = 7.75. The other one has
    # (5 + 6 + 7 + 8) / 4 = 6.5, though its weights are larger.
    errors = {
        (0.5, 0.0): (5, 3), (0.5, 1.0): (9, 3), (0.5, 2.0): (9, 3),
        (1.0, 0.0): (9, 3), (1.0, 1.0): (8, 3), (1.0, 2.0): (6, 3),
        (1.5, 0.0): (9, 3), (1.5, 1.0): (7, 3), (1.5, 2.0): (5, 3),
    }  # fmt: skip
    surface = surface_of(errors)
    assert surface.around(surface.points[0]) == 7.75
    assert surface.around(surface.points[-1]) == 6.5
    assert surface.best.weights == (1.5, 2.0, 0.0, 50, 0)


def test_company_is_that_of_the_same_beam_and_priors() -> None:
    points = (Point(1.0, 0.0, 0.0, 10, 4, 4), Point(1.0, 0.0, 0.3, 10, 9, 9), Point(1.0, 0.0, 0.0, 20, 4, 4))
    assert Surface(points).around(points[0]) == 4
    assert Surface(points).best.beam == 10  # of equal ones the quicker


def test_the_smallest_weights_at_last() -> None:
    assert surface_of({(0.0, score): (3, 3) for score in (-2.0, -1.0, 1.0, 2.0)}).best.word_score in (
        -1.0,
        1.0,
    )
    assert surface_of({(weight, 0.0): (3, 3) for weight in (1.0, 0.5)}).best.lm_weight == 0.5


@pytest.mark.parametrize(
    ("errors", "edges"),
    [
        ({0.5: 9, 1.0: 8, 1.5: 7}, ("lm_weight",)),
        ({0.5: 7, 1.0: 8, 1.5: 9}, ("lm_weight",)),
        ({0.5: 8, 1.0: 7, 1.5: 8}, ()),
        ({0.5: 9, 1.0: 7, 1.5: 7}, ()),  # as good between: more need not be better
        ({0.0: 7, 1.0: 8, 1.5: 9}, ()),  # no weight is less than 0
        ({0.5: 9, 1.0: 7}, ()),  # nothing lies between two
    ],
)
def test_the_edge_is_where_more_may_be_better(errors: dict[float, int], edges: tuple[str, ...]) -> None:
    surface = surface_of({(weight, 0.0): (count, count) for weight, count in errors.items()})
    assert surface.at_edge == edges


def test_the_widest_beam_is_an_edge_and_the_narrowest_is_none() -> None:
    def of(errors: tuple[int, int, int]) -> Surface:
        return Surface(
            tuple(Point(1.0, 0.0, 0.0, beam, n, n) for beam, n in zip((10, 20, 30), errors, strict=True))
        )

    assert of((9, 8, 7)).at_edge == ("beam",)
    assert of((7, 8, 9)).at_edge == ()


def test_the_grid_of_a_recipe() -> None:
    tried = {"tune": True, "lm_weights": (1.0, 2.0), "word_scores": (0.5,), "prior_weights": (0.0,)}
    wanted = Decoder(kind="beam", language_model="train", beam=7, **tried)
    assert list(Grid.of(wanted)) == [(1.0, 0.5, 0.0, 7, 0), (2.0, 0.5, 0.0, 7, 0)]
    # Without a language model there is nothing to weigh; a list of beams takes the place of the beam.
    alone = Decoder(kind="beam", lexicon="train", beam=7, beams=(3, 4), **tried)
    assert list(Grid.of(alone)) == [(0.0, 0.5, 0.0, 3, 0), (0.0, 0.5, 0.0, 4, 0)]


@pytest.mark.parametrize("lists", [((), (0.0,)), ((1.0, 1.0), (0.0,)), ((1.0,), ())])
def test_a_grid_without_points_or_with_one_twice(lists: tuple[tuple[float, ...], tuple[float, ...]]) -> None:
    with pytest.raises(ValueError, match="one value or more, each once"):
        Grid(*lists, (0.0,), (1,))


@pytest.mark.parametrize(
    "wrong",
    [{"lm_weights": (-1.0,)}, {"word_scores": (math.nan,)}, {"prior_weights": (-0.1,)}, {"beams": (0,)}],
)
def test_a_grid_of_what_cannot_be(wrong: dict[str, tuple[float, ...]]) -> None:
    lists = {"lm_weights": (0.5,), "word_scores": (-1.0,), "prior_weights": (0.0,), "beams": (1,)}
    (name,) = wrong
    with pytest.raises(ValueError, match=f"{name} must be finite"):
        Grid(**lists | wrong)
