"""What a search returns, and the order in which it ranks."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

TIE = 2.0**-30  # nats, 1e-9: scores are ranked in these units, so that rounding does not decide a tie


@dataclass(frozen=True)
class Hypothesis:
    """One reading of an utterance. Scores are natural logarithms."""

    tokens: tuple[int, ...]  # without blanks and repeats, without separators at the ends or doubled
    words: tuple[str, ...]
    text: str
    score: (
        float  # acoustic + lm_weight * language + bonus; the joint one, where an attention decoder was asked
    )
    acoustic: float  # log P(tokens | audio), over the alignments that the beam kept, or over all (`exact`)
    language: float  # log P(text) of the language model, end of sentence included; 0 without one
    bonus: float  # for words and tokens
    frames: tuple[int, ...] = ()  # the first frame of each token in the best alignment
    attention: float = (
        0.0  # log P(tokens | audio) of an attention decoder, their end included; 0 where none was asked
    )


@dataclass(frozen=True)
class SearchResult:
    """The n best hypotheses, best first."""

    hypotheses: tuple[Hypothesis, ...]  # none where everything allowed has probability 0 or was pruned
    engine: str  # "greedy", "plain" or "flashlight"

    @property
    def best(self) -> Hypothesis | None:
        return self.hypotheses[0] if self.hypotheses else None

    @property
    def text(self) -> str:
        """Of the best hypothesis; "" where there is none."""
        return self.hypotheses[0].text if self.hypotheses else ""


def ranks(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scores as whole numbers of `TIE`: what differs by rounding alone is equal. -inf stays -inf."""
    return np.rint(scores / TIE)


def ranked(hypotheses: Iterable[Hypothesis], n_best: int | None = None) -> tuple[Hypothesis, ...]:
    """The best ones: by score, then tokens, then words. Of equal readings the best stays."""

    def key(hypothesis: Hypothesis) -> Any:
        return (
            -float(ranks(np.array([hypothesis.score]))[0]),
            hypothesis.tokens,
            hypothesis.words,
            -hypothesis.score,
        )

    first: dict[tuple[tuple[int, ...], tuple[str, ...]], Hypothesis] = {}
    for hypothesis in sorted(hypotheses, key=key):
        first.setdefault((hypothesis.tokens, hypothesis.words), hypothesis)
    return tuple(first.values())[:n_best]
