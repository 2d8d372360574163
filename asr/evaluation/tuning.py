"""Weights of a language model and of words, chosen on development data; all that was tried is kept."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

LM_WEIGHTS = (0.25, 0.5, 0.75, 1.0, 1.5)
WORD_SCORES = (-1.0, 0.0, 1.0, 2.0)


@dataclass(frozen=True)
class Point:
    """A pair of weights, and what came of it."""

    lm_weight: float
    word_score: float
    word_errors: int
    character_errors: int


@dataclass(frozen=True)
class Surface:
    """All that was tried, in the order in which it was."""

    points: tuple[Point, ...]

    @property
    def best(self) -> Point:
        """By word errors, then by character errors; of equal ones the smallest weights."""
        return min(
            self.points,
            key=lambda point: (
                *(point.word_errors, point.character_errors),
                *(abs(point.lm_weight), abs(point.word_score), point.word_score),
            ),
        )

    @property
    def at_edge(self) -> bool:
        """Whether the best lies at the end of what was tried, so that more of the same may be better still."""
        sides = (
            ([point.lm_weight for point in self.points], self.best.lm_weight),
            ([point.word_score for point in self.points], self.best.word_score),
        )
        return any(len(set(tried)) > 1 and best in (min(tried), max(tried)) for tried, best in sides)

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(point) for point in self.points]


def tune(
    errors: Callable[[float, float], tuple[int, int]],
    lm_weights: Sequence[float],
    word_scores: Sequence[float],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Surface:
    """Tries a grid.

    Args:
        errors: of words and of characters on development data, for a language-model weight and a word score.
        lm_weights: one value where there is no language model.
    """
    grid = [(weight, score) for weight in lm_weights for score in word_scores]
    points = []
    for done, (weight, score) in enumerate(grid, 1):
        points.append(Point(weight, score, *errors(weight, score)))
        progress(done, len(grid))
    return Surface(tuple(points))
