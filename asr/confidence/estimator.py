"""Confidences of words and utterances: by the model's own probabilities, or by an estimator that was trained.

    estimator = load_estimator(Path("confidence.json"))
    estimator(log_probs, result, words)              # [0.98, 0.41, ...]: that each word is right
    estimator.utterance(log_probs, result, words)    # that all of them are

Neither torch nor scikit-learn is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from asr.confidence.calibration import Calibration
from asr.confidence.features import FEATURES, peaks, word_features
from asr.confidence.forest import Forest
from asr.confidence.n_best import N_BEST, Rivals
from asr.decoding.ctc_states import log_probs_of
from asr.decoding.emissions import checked
from asr.decoding.hypothesis import SearchResult
from asr.decoding.vocabulary import Vocabulary
from asr.decoding.word_times import WordSpan

Floats = npt.NDArray[np.float64]

PLAIN = "peak_mean"  # the feature that is a confidence without any training


class Estimator(Protocol):
    """Made once, used for many utterances.

    Attributes:
        n_best: readings that a beam search should give it; one is enough of greedy decoding.
    """

    @property
    def n_best(self) -> int: ...

    def __call__(
        self, log_probs: npt.ArrayLike, result: SearchResult, words: Sequence[WordSpan]
    ) -> list[float]:
        """That each word is right, 0 to 1.

        Args:
            log_probs: (frames, tokens) natural logarithms as the model gives them, without padding.
            result: what the decoder read, with the frames of its tokens.
            words: of its best reading, each with its frames.

        Raises:
            ValueError: these do not fit together.
        """

    def utterance(self, log_probs: npt.ArrayLike, result: SearchResult, words: Sequence[WordSpan]) -> float:
        """That all its words are right and none is missing, 0 to 1. Arguments as above."""


def plain() -> Estimator:
    """The mean over a word's tokens of the highest probability that each reaches in its frames; of an utterance, the
    lowest of its words. It is trained on nothing, and usually too sure."""
    return _Plain()


@dataclass(frozen=True)
class _Plain:
    n_best: int = 1

    def __call__(
        self, log_probs: npt.ArrayLike, result: SearchResult, words: Sequence[WordSpan]
    ) -> list[float]:
        if result.best is None:
            return []
        return [float(each.mean()) for each in peaks(checked(log_probs), result.best, words)]

    def utterance(self, log_probs: npt.ArrayLike, result: SearchResult, words: Sequence[WordSpan]) -> float:
        return min(self(log_probs, result, words), default=_silence(log_probs, None))


@dataclass(frozen=True)
class Trained:
    """An estimator fitted to development data: features of a word to a score, and that to a probability."""

    vocabulary: Vocabulary  # of the model that it is for
    method: str  # "forest", or the feature that is the score
    forest: Forest | None
    of_words: Calibration
    of_utterances: Calibration  # of the product of the words' confidences
    n_best: int = N_BEST

    @cached_property
    def rivals(self) -> Rivals:
        return Rivals(self.vocabulary, self.n_best)

    def __call__(
        self, log_probs: npt.ArrayLike, result: SearchResult, words: Sequence[WordSpan]
    ) -> list[float]:
        found: list[float] = self.confidences(word_features(log_probs, result, words, self.rivals)).tolist()
        return found

    def confidences(self, features: Floats) -> Floats:
        """(words, len(FEATURES)) to (words,)."""
        return self.of_words(scores(features, self.method, self.forest))

    def utterance(self, log_probs: npt.ArrayLike, result: SearchResult, words: Sequence[WordSpan]) -> float:
        if not words:
            return _silence(log_probs, self.vocabulary.separator)
        return self.of_confidences(self(log_probs, result, words))

    def of_confidences(self, confidences: Sequence[float] | Floats) -> float:
        """Of an utterance whose words have these, one or more."""
        return float(self.of_utterances([np.prod(np.asarray(confidences, dtype=np.float64))])[0])


def scores(features: Floats, method: str, forest: Forest | None) -> Floats:
    """(words, len(FEATURES)) to (words,) scores from 0 to 1, not yet calibrated."""
    if forest is not None:
        return forest(features)
    return features[:, FEATURES.index(method)]


def _silence(log_probs: npt.ArrayLike, separator: int | None) -> float:
    """The probability that nothing was said: the confidence of an utterance without words."""
    return float(np.exp(min(log_probs_of(checked(log_probs), [()], separator)[0], 0.0)))
