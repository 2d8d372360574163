"""Readings that are given, several in one pass: how probable each is, and where its tokens begin."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from asr.decoding.emissions import Matrix
from asr.tokenizer import BLANK

Readings = Sequence[Sequence[int]]
Scores = npt.NDArray[np.float64]
States = npt.NDArray[np.intp]


def log_probs_of(matrix: Matrix, readings: Readings, separator: int | None = None) -> list[float]:
    """log P(tokens | audio) of each reading: the sum over all its alignments.

    Args:
        matrix: (frames, tokens) natural log-probs.
        readings: tokens without blanks.
        separator: a token that may be repeated, and may stand at the ends, without making another reading of it.

    The forward variables of Graves et al. (2006), section 4.1.
    """
    states = CtcStates(readings, separator)
    scores = states.before()
    for frame in matrix:
        scores[:, 2:] = states.total(scores, frame)
    totals: list[float] = np.logaddexp.reduce(states.ends(scores), axis=0).tolist()
    return totals


def first_frames(matrix: Matrix, readings: Readings, separator: int | None = None) -> list[tuple[int, ...]]:
    """The frame in which each token begins, in the best alignment of each reading (Viterbi).

    Arguments as above; each reading must have an alignment of a probability above 0.

    Returns:
        As many frames as the reading has tokens. Of equally good alignments the one that comes to each token as early
        as it can.
    """
    return [_begins(path) for path in best_states(matrix, readings, separator)]


def best_states(matrix: Matrix, readings: Readings, separator: int | None = None) -> list[States]:
    """(frames,) the states of the best alignment of each reading: 0 a blank, 1 its first token, 2 a blank, and so on.

    Arguments as above; where there is no alignment of a probability above 0, what is returned is none.
    """
    states = CtcStates(readings, separator)
    scores = states.before()
    # States back to where the best came from.
    steps = np.zeros((len(matrix), *states.labels.shape), dtype=np.int8)
    for frame, row in zip(matrix, steps, strict=True):
        stay, step, skip = states.ways(scores)
        row[step > stay] = 1
        best = np.maximum(stay, step)
        row[skip > best] = 2
        scores[:, 2:] = np.maximum(best, skip) + states.best_of(frame)
    blank, token = states.ends(scores)
    last = np.array(states.widths, dtype=np.intp) - 1 - (token > blank)
    return [_back(steps[:, row], int(state)) for row, state in enumerate(last)]


class CtcStates:
    """The states of N readings: a blank, then each token followed by a blank. S of the longest."""

    def __init__(self, readings: Readings, separator: int | None) -> None:
        self.widths = [2 * len(tokens) + 1 for tokens in readings]
        self.labels = np.full((len(readings), max(self.widths, default=1)), BLANK, dtype=np.intp)
        for row, tokens in enumerate(readings):
            self.labels[row, 1 : 2 * len(tokens) : 2] = tokens
        self._others = self.labels.copy()  # what a state can emit besides
        if separator is not None:
            for row, tokens in enumerate(readings):
                gaps = [2 * n + 2 for n, token in enumerate(tokens) if token == separator]
                self._others[row, [0, *gaps, self.widths[row] - 1]] = separator
        self._two = self._others != self.labels
        self._after_separator = np.roll(self.labels, 1, axis=1)[self._two] == (separator or BLANK)
        self._after_separator &= separator is not None
        self._over = np.full(self.labels.shape, -np.inf)  # 0 where the blank before may be left out
        self._over[:, 2:][(self.labels[:, 2:] != BLANK) & (self.labels[:, 2:] != self.labels[:, :-2])] = 0.0

    def before(self) -> Scores:
        """(N, 2 + S) scores before the first frame: two states that never are, so that each has two before it."""
        scores = np.full((self.labels.shape[0], self.labels.shape[1] + 2), -np.inf)
        scores[:, 2] = 0.0
        return scores

    def ways(self, scores: Scores) -> tuple[Scores, Scores, Scores]:
        """(N, S) each: from the same state, the one before, and the one before that."""
        return scores[:, 2:], scores[:, 1:-1], scores[:, :-2] + self._over

    def best_of(self, frame: Scores) -> Scores:
        """(N, S) the better log-prob of what each state can emit."""
        return np.maximum(frame[self.labels], frame[self._others])

    def total(self, scores: Scores, frame: Scores) -> Scores:
        """(N, S) scores of all alignments one frame later."""
        stay, step, skip = self.ways(scores)
        found: Scores = np.logaddexp(np.logaddexp(stay, step), skip) + frame[self.labels]
        # A separator right after a separator is that token going on, in its own state: not to be counted twice.
        entered = np.where(self._after_separator, -np.inf, step[self._two])
        besides = np.logaddexp(stay[self._two], entered) + frame[self._others[self._two]]
        found[self._two] = np.logaddexp(found[self._two], besides)
        return found

    def ends(self, scores: Scores) -> Scores:
        """(2, N) scores of the last blank, and of the last token."""
        last = np.array(self.widths, dtype=np.intp) + 1
        rows = np.arange(len(self.widths))
        return np.stack([scores[rows, last], scores[rows, last - 1]])


def _back(steps: npt.NDArray[np.int8], state: int) -> States:
    path = np.empty(len(steps), dtype=np.intp)
    for frame in range(len(steps) - 1, -1, -1):
        path[frame] = state
        state -= int(steps[frame, state])
    return path


def _begins(path: States) -> tuple[int, ...]:
    """The first frame of each token."""
    if not len(path):
        return ()
    begins = np.flatnonzero(np.diff(path, prepend=0))
    return tuple(begins[path[begins] % 2 == 1].tolist())
