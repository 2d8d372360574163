"""Matched-pair sentence-segment word error test: the field's test of two word error rates, as NIST computes it.

Gillick and Cox (1989), Pallett et al. (1990); sc_stats of NIST's sctk calls it mapsswe. An utterance is cut into
segments where both systems have two words or more right, so that the errors of one segment say little of the next.
The number of errors in a segment, second system minus first, is averaged over the segments and tested against 0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist, stdev

SUBSTITUTION, INSERTION, DELETION = 4, 3, 3  # what sclite's alignment charges; a right word costs nothing
BUFFER = 2  # words that both systems have right between two segments


@dataclass(frozen=True)
class Mapsswe:
    """Whether two systems make as many errors in a segment."""

    segments: int  # with an error of either system
    first_errors: int  # of the first system, by sclite's alignment
    second_errors: int  # likewise of the second
    difference: float  # errors a segment in the mean, second minus first
    deviation: float  # standard deviation of the differences; 0 of one segment
    z: float  # difference / its standard error
    p: float  # two-sided, of no difference


@dataclass(frozen=True)
class Alignment:
    """Where in a reference of n words the errors of a hypothesis are."""

    wrong: tuple[bool, ...]  # n: substituted or deleted
    inserted: tuple[int, ...]  # n + 1: words inserted before each word of the reference, and after the last

    @property
    def errors(self) -> int:
        return sum(self.wrong) + sum(self.inserted)


def mapsswe(triples: Sequence[tuple[str, str, str]]) -> Mapsswe:
    """The test on (reference, first hypothesis, second hypothesis), one triple an utterance, in any order.

    Texts are compared as they are; words are what white space separates. The sign is the opposite of the one that
    sc_stats prints, which is first minus second.

    The alignment is sclite's, not the one of least errors that our word error rates are counted with: a
    substitution costs 4, an insertion and a deletion 3 each, so sclite rather keeps a right word between a
    deletion and an insertion than substitute two, and now and then counts an error more. Segments depend on it.

    Without any error p is 1 and z is 0. If all segments have the same difference there is no deviation to divide
    by: p is then that of the sign test, min(1, 2 / 2^segments), and z the quantile that belongs to it (sc_stats
    gives z = 0 there, whatever the difference). The normal distribution is meant for 50 segments or more.
    """
    segments = [pair for triple in triples for pair in segments_of(*map(str.split, triple))]
    first, second = (sum(errors) for errors in zip(*segments, strict=True)) if segments else (0, 0)
    differences = [other - one for one, other in segments]
    mean = (second - first) / len(segments) if segments else 0.0
    deviation = stdev(differences) if len(segments) > 1 else 0.0
    if deviation:
        z = mean / (deviation / math.sqrt(len(segments)))
    elif mean:
        z = math.copysign(-NormalDist().inv_cdf(max(0.5 ** len(segments), 1e-300)), mean)
    else:
        z = 0.0
    p = math.erfc(abs(z) / math.sqrt(2))
    return Mapsswe(len(segments), first, second, mean, deviation, z, p)


def segments_of(
    reference: Sequence[str], first: Sequence[str], second: Sequence[str]
) -> list[tuple[int, int]]:
    """Errors of either system in each segment of one utterance; segments without any are none."""
    one, other = aligned(reference, first), aligned(reference, second)
    found: list[tuple[int, int]] = []
    errors, right = (0, 0), 0
    for place in range(len(reference) + 1):
        inserted = (one.inserted[place], other.inserted[place])
        wrong = (one.wrong[place], other.wrong[place]) if place < len(reference) else (False, False)
        right = 0 if any(inserted) else right
        right = 0 if any(wrong) else right + 1
        errors = (errors[0] + inserted[0] + wrong[0], errors[1] + inserted[1] + wrong[1])
        if any(errors) and (right == BUFFER or place == len(reference)):
            found.append(errors)
            errors = (0, 0)
    return found


def aligned(reference: Sequence[str], hypothesis: Sequence[str]) -> Alignment:
    """The cheapest alignment by sclite's charges; among several, the one that sclite takes.

    Traced back from the end, sclite takes a pair of words where that is as cheap as anything else, then an
    insertion, and a deletion only where that is cheaper still.
    """
    costs = _costs(reference, hypothesis)
    wrong, inserted = [False] * len(reference), [0] * (len(reference) + 1)
    row, column = len(reference), len(hypothesis)
    while row or column:
        same = row > 0 and column > 0 and reference[row - 1] == hypothesis[column - 1]
        pair = costs[row - 1][column - 1] + (0 if same else SUBSTITUTION) if row and column else math.inf
        if costs[row][column] == pair:
            row, column = row - 1, column - 1
            wrong[row] = not same
        elif column and costs[row][column] == costs[row][column - 1] + INSERTION:
            column -= 1
            inserted[row] += 1
        else:
            row -= 1
            wrong[row] = True
    return Alignment(tuple(wrong), tuple(inserted))


def _costs(reference: Sequence[str], hypothesis: Sequence[str]) -> list[list[int]]:
    """(n + 1, h + 1) least charge of aligning the first words of either (Wagner and Fischer, 1974)."""
    rows = [[INSERTION * column for column in range(len(hypothesis) + 1)]]
    for word in reference:
        above, row = rows[-1], [rows[-1][0] + DELETION]
        for heard, (corner, over) in zip(hypothesis, pairwise(above), strict=True):
            pair = corner if heard == word else corner + SUBSTITUTION
            row.append(min(pair, row[-1] + INSERTION, over + DELETION))
        rows.append(row)
    return rows
