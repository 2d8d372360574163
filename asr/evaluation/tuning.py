"""Weights of a language model and of words, and the width of the beam, chosen on development data.

All that was tried is kept: a record shows the surface, not its best point alone.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal, NamedTuple

from asr.decoding.decoder import Weights
from asr.recipe import Decoder

Rule = Literal["errors", "expected"]  # what the best point has the fewest of
_APART = ("beam", "prior_weight", "attention_weight")  # points of other values are no neighbours


class Errors(NamedTuple):
    """What comes of it on development data."""

    words: int
    characters: int
    expected: float | None = None  # in words, over the readings by their probabilities; None: not asked for


@dataclass(frozen=True)
class Point:
    """One choice, and what came of it."""

    lm_weight: float
    word_score: float
    prior_weight: float
    beam: int
    word_errors: int
    character_errors: int
    expected_errors: float | None = None  # as in `Errors`
    attention_weight: float = 0.0

    @classmethod
    def of(cls, weights: Weights, errors: Errors) -> "Point":
        lm_weight, word_score, prior_weight, beam, attention = weights
        return cls(lm_weight, word_score, prior_weight, beam, *errors, attention_weight=attention)

    @property
    def counted(self) -> tuple[int, int]:
        """Errors in words and in characters of what was read."""
        return self.word_errors, self.character_errors

    @property
    def weights(self) -> Weights:
        return Weights(self.lm_weight, self.word_score, self.prior_weight, self.beam, self.attention_weight)


@dataclass(frozen=True)
class Grid:
    """What is tried: every combination."""

    lm_weights: tuple[float, ...]  # (0,) where there is no language model
    word_scores: tuple[float, ...]
    prior_weights: tuple[float, ...]
    beams: tuple[int, ...]
    attention_weights: tuple[float, ...] = (0.0,)

    @classmethod
    def of(cls, wanted: Decoder) -> "Grid":
        """What a recipe asks for."""
        return cls(
            wanted.lm_weights if wanted.language_model else (0.0,),
            wanted.word_scores,
            wanted.prior_weights,
            wanted.beams or (wanted.beam,),
            wanted.attention_weights or (wanted.attention_weight,),
        )

    def __post_init__(self) -> None:
        """Raises ValueError for a grid without points, or with one twice or one that cannot be."""
        least = {"lm_weights": 0.0, "prior_weights": 0.0, "beams": 1, "attention_weights": 0.0}
        for name, values in asdict(self).items():
            if not values or len(set(values)) < len(values):
                raise ValueError(f"{name} needs one value or more, each once, got {list(values)}")
            low = least.get(name, -math.inf)
            if not all(math.isfinite(value) and value >= low for value in values):
                bound = "" if name not in least else f", {low:g} or more"
                raise ValueError(f"{name} must be finite{bound}, got {list(values)}")
        if max(self.attention_weights) > 1:
            raise ValueError(f"attention_weights must be 0 to 1, got {list(self.attention_weights)}")

    def __iter__(self) -> Iterator[Weights]:
        """Narrow beams first: what they say comes soonest. What one search has found is weighed in all ways."""
        return (
            Weights(weight, score, prior, beam, attention)
            for beam in sorted(self.beams)
            for prior in self.prior_weights
            for weight in self.lm_weights
            for score in self.word_scores
            for attention in self.attention_weights
        )

    def __len__(self) -> int:
        return math.prod(map(len, asdict(self).values()))


@dataclass(frozen=True)
class Surface:
    """All that was tried, in the order in which it was."""

    points: tuple[Point, ...]
    rule: Rule = "errors"

    def __post_init__(self) -> None:
        """Raises ValueError for points that the rule cannot compare."""
        if self.rule == "expected" and any(point.expected_errors is None for point in self.points):
            raise ValueError("a point without expected errors cannot be compared by them")

    @cached_property
    def best(self) -> Point:
        """By expected errors, if these are the rule; then by word errors, then by character errors.

        Few errors tie often. Of equal points the one in the best company wins, by the mean word errors of it and its
        neighbours: that of a plateau rather than of a cliff. Then the narrowest beam and the smallest weights.
        """
        return min(self.points, key=self._key)

    def _key(self, point: Point) -> Any:
        weights = (point.attention_weight, point.prior_weight, point.lm_weight)
        size = (point.beam, *weights, abs(point.word_score), point.word_score)
        expected = point.expected_errors if self.rule == "expected" else 0.0
        return expected, *point.counted, self.around(point), *size

    def around(self, point: Point) -> Fraction:
        """Mean word errors of a point and of those a step of weight or score, or of both, away; the rest the same."""
        close = [other.word_errors for other in self.points if self._is_close(point, other)]
        return Fraction(sum(close), len(close))

    def _is_close(self, one: Point, other: Point) -> bool:
        same = all(getattr(one, name) == getattr(other, name) for name in _APART)
        return same and all(self._step(name, one, other) <= 1 for name in ("lm_weight", "word_score"))

    def _step(self, name: str, one: Point, other: Point) -> int:
        tried = self._tried[name]
        return abs(tried.index(getattr(one, name)) - tried.index(getattr(other, name)))

    @cached_property
    def _tried(self) -> dict[str, list[float]]:
        """Values of each setting, sorted."""
        return {name: sorted({getattr(point, name) for point in self.points}) for name in Weights._fields}

    @property
    def at_edge(self) -> tuple[str, ...]:
        """Settings of which the best lies at the end of what was tried and beats all between: more may be better still.

        A weight of 0 is no such end, and neither is the narrowest beam. Of two values nothing lies between.
        """
        found = []
        for name, tried in self._tried.items():
            best = getattr(self.best, name)
            lowest = set() if name == "beam" or (name != "word_score" and tried[0] == 0) else {tried[0]}
            ends = {*lowest, tried[-1]}
            within = [point.counted for point in self.points if getattr(point, name) not in ends]
            if len(tried) > 2 and best in ends and self.best.counted < min(within):
                found.append(name)
        return tuple(found)

    def to_json(self) -> list[dict[str, Any]]:
        """Without what was not asked for."""
        attention = {0.0} != {point.attention_weight for point in self.points}
        return [
            {
                key: value
                for key, value in asdict(point).items()
                if value is not None and (key != "attention_weight" or attention)
            }
            for point in self.points
        ]


def tune(
    errors: Callable[[Weights], Errors],
    grid: Grid,
    *,
    rule: Rule = "errors",
    known: Iterable[Point] = (),
    keep: Callable[[Sequence[Point]], None] = lambda points: None,
) -> Surface:
    """Tries a grid.

    Args:
        errors: on development data; the expected ones among them, if these are the rule.
        known: points of an earlier attempt, which are not tried again.
        keep: told all points after each that is tried, so that a later attempt can know them.
    """
    before = {point.weights: point for point in known}
    points: list[Point] = []
    for weights in grid:
        points.append(before.get(weights) or Point.of(weights, errors(weights)))
        if weights not in before:
            keep(points)
    return Surface(tuple(points), rule)
