"""Choosing weights: every pair is tried once, the best is the one with the fewest errors, all are kept."""

from asr.evaluation.tuning import Point, tune


def test_every_pair_is_tried_and_the_best_is_chosen() -> None:
    errors = {
        (0.5, 0.0): (9, 20), (0.5, 1.0): (7, 30), (0.5, 2.0): (8, 1),
        (1.0, 0.0): (7, 12), (1.0, 1.0): (7, 12), (1.0, 2.0): (9, 9),
        (1.5, 0.0): (8, 8), (1.5, 1.0): (8, 8), (1.5, 2.0): (8, 8),
    }  # fmt: skip
    asked: list[tuple[float, float]] = []

    def count(lm_weight: float, word_score: float) -> tuple[int, int]:
        asked.append((lm_weight, word_score))
        return errors[lm_weight, word_score]

    shown: list[tuple[int, int]] = []
    surface = tune(count, (0.5, 1.0, 1.5), (0.0, 1.0, 2.0), lambda done, total: shown.append((done, total)))
    assert asked == list(errors)
    assert shown == [(done, 9) for done in range(1, 10)]
    # Seven word errors three times: 12 characters beat 30, and of two equal ones the smaller weights win.
    assert surface.best == Point(1.0, 0.0, 7, 12)
    assert surface.at_edge  # a word score of 0 is the smallest that was tried
    assert [tuple(point.values()) for point in surface.to_json()] == [
        (*pair, *errors[pair]) for pair in errors
    ]


def test_the_edge_is_where_more_could_be_tried() -> None:
    middle = tune(
        lambda weight, score: (int(weight != 1) + int(score != 0), 0), (0.5, 1.0, 1.5), (-1.0, 0.0, 1.0)
    )
    assert (middle.best.lm_weight, middle.best.word_score) == (1.0, 0.0)
    assert not middle.at_edge
    # Without a model there is one weight, which is no edge.
    assert not tune(lambda weight, score: (int(score != 0), 0), (0.0,), (-1.0, 0.0, 1.0)).at_edge


def test_of_equal_ones_the_smallest_score_in_size() -> None:
    surface = tune(lambda weight, score: (3, 3), (0.0,), (-2.0, -1.0, 1.0, 2.0))
    assert surface.best.word_score == -1.0
