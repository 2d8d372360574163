"""Readers: log-probs of an utterance to readings of it, whichever way: greedy, or a search made ready once.

What comes after a decoder (texts, times, confidences) takes any of them and does not ask which one it is.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from asr.decoding.greedy import best_path
from asr.decoding.hypothesis import Hypothesis, SearchResult
from asr.decoding.priors import Priors
from asr.decoding.rescoring import Rescoring
from asr.decoding.search import Search
from asr.decoding.vocabulary import Vocabulary, vocabulary_of
from asr.tokenizer import BLANK, PhoneTokenizer, Tokenizer

GREEDY = "greedy"


class Reader(Protocol):
    """Log-probs to readings; made once and used for many utterances."""

    @property
    def name(self) -> str:
        """What computes: "greedy", "plain" or "flashlight"."""

    def __call__(self, log_probs: npt.ArrayLike) -> SearchResult:
        """The readings of one utterance, best first; of greedy decoding there is always one.

        Args:
            log_probs: (frames, tokens) natural log of probabilities, token 0 being the blank, without padding.

        Raises:
            ValueError: another shape, or NaN.
        """


def greedy_reader(tokenizer: Tokenizer) -> Reader:
    """The best token of each frame: no language model, no lexicon, one reading.

    Its acoustic score is the log-prob of the single best path, not that of all the alignments of what it reads.
    """
    return _Greedy(tokenizer)


def search_reader(
    search: Search,
    tokenizer: Tokenizer | None = None,
    *,
    priors: Priors | None = None,
    prior_weight: float = 0.0,
) -> Reader:
    """A beam search with all that it was made ready with.

    Args:
        tokenizer: of the model. One of phones makes words of them where no lexicon does, and tells words that sound
            alike where no language model does; None: the vocabulary tells words.
        priors: taken off the log-probs before they are searched, with this weight.

    Raises:
        ValueError: a weight without priors.
    """
    return SearchReader(search, tokenizer, priors, prior_weight, n_best=search.settings.n_best)


@dataclass(frozen=True)
class SearchReader:
    """See `search_reader`; where there is a `rescoring`, it has its say on what the search proposes."""

    search: Search
    tokenizer: Tokenizer | None
    priors: Priors | None
    prior_weight: float
    rescoring: Rescoring | None = None
    n_best: int = 1  # readings that are given, at most

    def __post_init__(self) -> None:
        if self.prior_weight and self.priors is None:
            raise ValueError(f"prior_weight = {self.prior_weight:g} needs priors")

    @property
    def name(self) -> str:
        return self.search.engine

    def __call__(self, log_probs: npt.ArrayLike) -> SearchResult:
        return self.decided(self.proposed(log_probs))

    def proposed(self, log_probs: npt.ArrayLike) -> SearchResult:
        """What the search finds; with a rescoring, each reading with what the attention decoder says of it."""
        matrix = log_probs
        if self.priors is not None and self.prior_weight:
            matrix = self.priors.removed(log_probs, self.prior_weight)
        result = self.search(matrix)
        return result if self.rescoring is None else self.rescoring.asked(result, log_probs)

    def decided(self, result: SearchResult) -> SearchResult:
        """The best readings of what was proposed, in words."""
        if self.rescoring is not None:
            result = self.rescoring.decided(result, self.n_best)
        if not isinstance(self.tokenizer, PhoneTokenizer) or self.search.model is not None:
            return result
        found: dict[tuple[tuple[int, ...], tuple[str, ...]], Hypothesis] = {}
        for hypothesis in result.hypotheses:
            words = self._words(self.tokenizer, hypothesis)
            found.setdefault(
                (hypothesis.tokens, words), replace(hypothesis, text=" ".join(words), words=words)
            )
        return replace(result, hypotheses=tuple(found.values()))

    def _words(self, tokenizer: PhoneTokenizer, hypothesis: Hypothesis) -> tuple[str, ...]:
        if self.search.lexicon is None:
            return tuple(tokenizer.decode(hypothesis.tokens).split())
        return tuple(tokenizer.choose(hypothesis.words))


@dataclass(frozen=True)
class _Greedy:
    tokenizer: Tokenizer

    @property
    def name(self) -> str:
        return GREEDY

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return vocabulary_of(self.tokenizer)

    def __call__(self, log_probs: npt.ArrayLike) -> SearchResult:
        matrix = np.asarray(log_probs)
        path = best_path(matrix)
        begins = np.flatnonzero(np.diff(path, prepend=BLANK) != 0) if len(path) else np.zeros(0, np.intp)
        begins = begins[path[begins] != BLANK]
        read = _without_spare(
            [(int(path[frame]), int(frame)) for frame in begins], self._vocabulary.separator
        )
        tokens = tuple(token for token, _ in read)
        text = self.tokenizer.decode(tokens)
        score = float(matrix[np.arange(len(path)), path].astype(np.float64).sum())
        frames = tuple(frame for _, frame in read)
        best = Hypothesis(tokens, tuple(text.split()), text, score, score, 0.0, 0.0, frames)
        return SearchResult((best,), GREEDY)


def _without_spare(read: list[tuple[int, int]], separator: int | None) -> list[tuple[int, int]]:
    """(token, frame) without separators at the ends, and of several in a row the first one alone."""
    kept: list[tuple[int, int]] = []
    for token, frame in read:
        if token != separator or (kept and kept[-1][0] != separator):
            kept.append((token, frame))
    return kept[:-1] if kept and kept[-1][0] == separator else kept
