"""Greedy CTC decoding: the best token of each frame, repeats merged, blanks removed."""

import numpy as np
import numpy.typing as npt

Path = npt.NDArray[np.intp]


def greedy(log_probs: npt.ArrayLike, blank: int = 0) -> list[int]:
    """The tokens on the single most probable path.

    Args:
        log_probs: (frames, tokens) natural log of probabilities, a numpy array or a CPU tensor without
            gradient. Pass only the frames of the utterance, not its padding. Of equally probable tokens the
            lowest wins.
        blank: the number of the CTC blank.

    Returns:
        Tokens without blanks; none at all for 0 frames.

    Raises:
        ValueError: not a matrix, no such blank, or a value that is not a number.

    Best path decoding of Graves et al. (2006), section 3.2.
    """
    return collapse(best_path(log_probs, blank), blank)


def best_path(log_probs: npt.ArrayLike, blank: int = 0) -> Path:
    """(frames,) the best token of each frame. Arguments and errors are those of `greedy`."""
    matrix = np.asarray(log_probs)
    if matrix.ndim != 2:
        raise ValueError(f"expected log_probs of shape (frames, tokens), got shape {matrix.shape}")
    if not 0 <= blank < matrix.shape[1]:
        raise ValueError(
            f"blank {blank} is not one of the {matrix.shape[1]} tokens of log_probs {matrix.shape}"
        )
    if np.isnan(matrix).any():
        frame = int(np.isnan(matrix).any(axis=1).argmax())
        raise ValueError(f"log_probs of shape {matrix.shape} has NaN, first in frame {frame}")
    path: Path = matrix.argmax(axis=1)
    return path


def collapse(path: Path, blank: int = 0) -> list[int]:
    """Tokens of a (frames,) path: repeats merged, blanks removed.

    Args:
        path: the best token of each frame.
        blank: the number of the CTC blank.
    """
    starts = np.ones(len(path), dtype=bool)
    starts[1:] = path[1:] != path[:-1]
    return [int(token) for token in path[starts & (path != blank)]]
