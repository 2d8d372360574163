"""Label priors: how probable a model finds each token on the whole, and log-probs without that.

A network trained with CTC gives P(token | audio). What a search with a language model wants is the sound's own part of
it, P(audio | token) up to a factor, which is the posterior divided by the prior; the language model has its own idea of
what is likely (Bourlard and Morgan 1994 for hybrid systems; Miao, Gowayyed and Metze 2015, EESEN, for CTC). With the
blank, which is most of all frames, taken off only in part, a power of the prior does best.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from asr.decoding.emissions import Matrix

FLOOR = 1e-8  # of a prior: a token that is never heard would get a weight without end


@dataclass(frozen=True)
class Priors:
    """Of each token."""

    values: tuple[float, ...]  # (tokens,) mean posteriors, which add up to 1

    def __post_init__(self) -> None:
        """
        Raises:
            ValueError: they are no probabilities.
        """
        if not self.values or min(self.values) < 0 or not abs(sum(self.values) - 1) < 1e-3:
            raise ValueError(
                f"priors are probabilities that add up to 1, got {len(self.values)} with the sum {sum(self.values):g}"
            )

    @classmethod
    def of(cls, log_probs: Iterable[npt.ArrayLike]) -> "Priors":
        """Mean over all frames.

        Args:
            log_probs: of one utterance after the other, (frames, tokens) natural logarithms.

        Raises:
            ValueError: there are no frames.
        """
        frames, total = 0, np.zeros(0)
        for matrix in log_probs:
            probabilities = np.exp(np.asarray(matrix, dtype=np.float64))
            frames += len(probabilities)
            total = probabilities.sum(axis=0) + (total if total.size else 0.0)
        if not frames:
            raise ValueError("priors need at least one frame")
        return cls(tuple((total / total.sum()).tolist()))

    @cached_property
    def _logs(self) -> npt.NDArray[np.float64]:
        return np.log(np.maximum(self.values, FLOOR))

    def removed(self, log_probs: npt.ArrayLike, weight: float) -> Matrix:
        """log P(token | audio) - weight * log prior, and each frame's probabilities made to add up to 1 again.

        Args:
            log_probs: (frames, tokens) natural logarithms.
            weight: 0 leaves everything as it is.

        Raises:
            ValueError: log_probs of other tokens.
        """
        matrix = np.asarray(log_probs, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[1] != len(self.values):
            raise ValueError(
                f"expected log_probs of shape (frames, {len(self.values)}), got shape {matrix.shape}"
            )
        if not weight:
            return matrix
        rest = matrix - weight * self._logs
        normalised: Matrix = rest - np.logaddexp.reduce(rest, axis=1, keepdims=True)
        return normalised
