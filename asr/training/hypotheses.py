"""Several readings of one utterance: the best ones, or ones that are drawn as the model believes in them."""

import numpy as np
import numpy.typing as npt

from asr.decoding.fusion import Fusion
from asr.decoding.greedy import collapse
from asr.decoding.look_ahead import LookAhead
from asr.decoding.prefix_beam import prefix_beam
from asr.decoding.settings import SearchSettings
from asr.decoding.vocabulary import vocabulary_of
from asr.tokenizer import Tokenizer

Tokens = tuple[int, ...]
Matrix = npt.NDArray[np.float64]


class BestReadings:
    """A search for the n best of a few prefixes, without language model and lexicon. Calls may run side by side."""

    def __init__(self, tokenizer: Tokenizer, count: int, beam: int) -> None:
        self._settings = SearchSettings(n_best=count, beam=beam)
        self._vocabulary = vocabulary_of(tokenizer)
        self._look_ahead = LookAhead(self._fusion())

    def _fusion(self) -> Fusion:
        return Fusion(self._settings, self._vocabulary, None, None)

    def __call__(self, log_probs: Matrix) -> list[Tokens]:
        """Different ones, best first, of finite (frames, tokens) log-probs."""
        return [found.tokens for found in prefix_beam(log_probs, self._fusion(), self._look_ahead)]


def drawn_readings(log_probs: Matrix, count: int, generator: np.random.Generator) -> list[Tokens]:
    """Tokens of CTC paths that are drawn frame by frame, each path with its probability.

    So each token sequence is drawn with the probability that CTC gives it: that of all its paths together.

    Args:
        log_probs: (frames, tokens), finite.
    """
    cumulative = np.exp(log_probs).cumsum(axis=1)
    heights = generator.random((count, len(log_probs))) * cumulative[:, -1]
    paths = (heights[:, :, None] >= cumulative).sum(axis=2)
    paths = np.minimum(paths, log_probs.shape[1] - 1)  # a product may be rounded up to the last sum
    return [tuple(collapse(path)) for path in paths]
