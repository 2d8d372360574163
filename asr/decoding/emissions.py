"""The matrix that a search takes: checked, and without the tokens that a frame need not consider."""

import numpy as np
import numpy.typing as npt

from asr.decoding.settings import SearchSettings
from asr.tokenizer import BLANK

Matrix = npt.NDArray[np.float64]

ABOVE_ONE = 1e-3  # by how much the probabilities of a frame may exceed 1: rounding, and then some


def checked(log_probs: npt.ArrayLike, tokens: int | None = None) -> Matrix:
    """(frames, tokens) float64 log-probs.

    Args:
        log_probs: (frames, tokens) natural logarithms, of the utterance without its padding.
        tokens: how many there must be, the blank included.

    Raises:
        ValueError: another shape, NaN, or values that are no log-probs; the message names the first frame.
    """
    matrix = np.asarray(log_probs, dtype=np.float64)
    expected = f"(frames, {tokens})" if tokens is not None else "(frames, tokens)"
    if matrix.ndim != 2 or matrix.shape[1] < 1 or tokens not in (None, matrix.shape[1]):
        raise ValueError(f"expected log_probs of shape {expected}, got shape {matrix.shape}")
    if np.isnan(matrix).any():
        frame = int(np.isnan(matrix).any(axis=1).argmax())
        raise ValueError(f"log_probs of shape {matrix.shape} has NaN, first in frame {frame}")
    too_much = np.exp(np.minimum(matrix, 1.0)).sum(axis=1) > 1 + ABOVE_ONE
    if too_much.any():
        frame = int(too_much.argmax())
        raise ValueError(
            f"log_probs of shape {matrix.shape}: the probabilities of frame {frame} add up to more than 1 "
            f"(largest log-prob {matrix[frame].max():.4g}); are these logits? Use log_softmax"
        )
    return matrix


def considered(matrix: Matrix, settings: SearchSettings) -> Matrix:
    """The matrix with -inf for tokens that `tokens_per_frame` and `token_threshold` leave out.

    The blank stays always, and so does the most probable token of a frame. Of equal tokens the lower ones stay.
    """
    out = matrix < settings.token_threshold
    rest = matrix[:, BLANK + 1 :]
    if settings.tokens_per_frame is not None and settings.tokens_per_frame < rest.shape[1]:
        order = np.argsort(-rest, axis=1, kind="stable")
        np.put_along_axis(out[:, BLANK + 1 :], order[:, settings.tokens_per_frame :], True, axis=1)
    out[np.arange(len(matrix)), matrix.argmax(axis=1)] = False
    out[:, BLANK] = False
    return np.where(out, -np.inf, matrix)
