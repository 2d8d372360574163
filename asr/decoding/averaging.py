"""Log-probs of one utterance by several models, or by one that has heard it several times, averaged frame by frame."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

# probabilities: the logarithm of their mean. log-probs: the mean of the logarithms, made to add up to 1 again.
Mean = Literal["probabilities", "log-probs"]


def average(matrices: Sequence[npt.ArrayLike], mean: Mean) -> npt.NDArray[np.float32]:
    """(frames, tokens) natural logarithms of one utterance, whose probabilities add up to 1 in each frame.

    The order of the matrices has no say: values are added in the order of their size.

    Args:
        matrices: as many (frames, tokens) log-probs of the same utterance over the same tokens.

    Raises:
        ValueError: none at all, or of different shapes.
    """
    shapes = {np.shape(matrix) for matrix in matrices}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise ValueError(f"expected log_probs of one shape (frames, tokens), got {sorted(shapes)}")
    stacked = np.sort(np.asarray(matrices, dtype=np.float64), axis=0)
    if mean == "probabilities":
        found = np.logaddexp.reduce(stacked, axis=0) - np.log(len(stacked))
    else:
        found = stacked.mean(axis=0)
    with np.errstate(invalid="ignore"):  # -inf of all tokens: NaN, which a decoder refuses
        found = found - np.logaddexp.reduce(found, axis=1, keepdims=True)
    return np.asarray(found, np.float32)
