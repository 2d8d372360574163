"""Forced alignment: when each token of a text was said, by the most probable path of a CTC model."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from asr.errors import AlignmentError


@dataclass(frozen=True)
class AlignedToken:
    """One token and its frames."""

    token: int
    start: int  # first frame
    end: int  # frame after its last
    log_prob: float  # of the token in its frames, summed, nats


def align(log_probs: npt.ArrayLike, tokens: Sequence[int], blank: int = 0) -> list[AlignedToken]:
    """The most probable path that says the tokens (Viterbi over the states of Graves et al., 2006).

    Args:
        log_probs: (frames, V) natural log of probabilities, of the utterance without padding.
        tokens: what was said, without blanks.

    Returns:
        The tokens in order. Between two of them lie frames of blank, or none. Of equally probable paths it is the one
        that comes to each token as early as it can.

    Raises:
        AlignmentError: more tokens than fit into the frames; a blank must part two equal ones.
        ValueError: not a matrix, no such token, or a value that is not a number.
    """
    matrix = _checked(log_probs, tokens, blank)
    if not tokens:
        return []
    states = np.full(2 * len(tokens) + 1, blank)
    states[1::2] = tokens
    path = _best_path(matrix[:, states], states)
    if path is None:
        needed = len(tokens) + sum(a == b for a, b in pairwise(tokens))
        raise AlignmentError(
            f"{len(tokens)} tokens need {needed} frames or more that the model finds possible, and there are "
            f"{len(matrix)}; the text is not that of this audio, or the audio is cut off"
        )
    found = []
    for number, token in enumerate(tokens):
        start, end = np.searchsorted(path, [2 * number + 1, 2 * number + 2])
        found.append(AlignedToken(token, int(start), int(end), float(matrix[start:end, token].sum())))
    return found


def _checked(log_probs: npt.ArrayLike, tokens: Sequence[int], blank: int) -> npt.NDArray[np.float64]:
    matrix = np.asarray(log_probs, np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"expected log_probs of shape (frames, V), got shape {matrix.shape}")
    if np.isnan(matrix).any():
        raise ValueError(f"log_probs of shape {matrix.shape} has NaN")
    wrong = [token for token in tokens if not 0 <= token < matrix.shape[1] or token == blank]
    if wrong:
        raise ValueError(
            f"token {wrong[0]}: expected 0 to {matrix.shape[1] - 1}, and not the blank ({blank})"
        )
    return matrix


def _best_path(scores: npt.NDArray[np.float64], states: npt.NDArray[np.intp]) -> npt.NDArray[np.intp] | None:
    """(frames,) states of the best path, which never go back; None where there is no possible one.

    Args:
        scores: (frames, S) of each state in each frame: blank, token, blank, token, ..., blank.
        states: (S,) the tokens of the states.
    """
    frames, size = scores.shape
    skips = np.zeros(size, bool)  # a blank may be left out between two different tokens
    skips[3::2] = states[3::2] != states[1:-2:2]
    best = np.full(size, -np.inf)
    if frames:
        best[:2] = scores[0, :2]
    steps = np.zeros((frames, size), np.int8)  # how many states further than in the frame before
    for frame in range(1, frames):
        ways = np.full((3, size), -np.inf)
        ways[0] = best
        ways[1, 1:] = best[:-1]
        ways[2, 2:] = np.where(skips[2:], best[:-2], -np.inf)
        steps[frame] = ways.argmax(0)  # the first of equals: to have been in the state already
        best = ways[steps[frame], np.arange(size)] + scores[frame]
    state = size - 1 if best[size - 1] >= best[size - 2] else size - 2
    if not frames or best[state] == -np.inf:
        return None
    path = np.empty(frames, np.intp)
    for frame in range(frames - 1, -1, -1):
        path[frame] = state
        state -= int(steps[frame, state])  # as int8 it would overflow
    return path
