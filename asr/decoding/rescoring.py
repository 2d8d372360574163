"""Joint scoring: a search proposes readings, and an attention decoder has its say on each as a whole.

    score = (1 - weight) * log P_ctc + weight * log P_attention + what language model and words add

(Watanabe et al., 2017, equation 46, on whole readings instead of on each prefix.)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy.typing as npt

from asr.decoding.encoded import Encoded
from asr.decoding.hypothesis import Hypothesis, SearchResult, ranked
from asr.frozen import Frozen

READINGS = 20  # proposed to an attention decoder, where nothing else is said
# Of what was heard in an utterance, natural logarithms of the probability of each reading, its end included.
Scorer = Callable[[Encoded, Sequence[tuple[int, ...]]], list[float]]


class AttentionUsed(Frozen):
    """How an attention decoder took part in a search."""

    weight: float  # of its log-prob; the rest is that of CTC
    readings: int  # that the search proposed to it, at most


@dataclass(frozen=True)
class Rescoring:
    """An attention decoder made ready for the readings of many utterances."""

    scorer: Scorer
    weight: float
    readings: int = READINGS

    def __post_init__(self) -> None:
        """Raises ValueError for a weight or a number that cannot be."""
        check(self.weight, self.readings)

    def asked(self, result: SearchResult, log_probs: npt.ArrayLike) -> SearchResult:
        """The same readings in the same order, each with what the attention decoder says of it.

        Raises:
            ValueError: the log-probs do not carry what the encoder made of the frames.
        """
        if not isinstance(log_probs, Encoded) or log_probs.frames is None:
            raise ValueError(
                "these log-probs come without the encoder's frames, which an attention decoder needs; set its weight "
                "to 0, or take an engine that has it (torch)"
            )
        known, tokens = log_probs.scores, [hypothesis.tokens for hypothesis in result.hypotheses]
        new = [each for each in dict.fromkeys(tokens) if each not in known]
        known.update(zip(new, self.scorer(log_probs, new), strict=True))
        found = (replace(each, attention=known[each.tokens]) for each in result.hypotheses)
        return replace(result, hypotheses=tuple(found))

    def decided(self, result: SearchResult, n_best: int) -> SearchResult:
        """The best readings of those that have been asked about, by the joint score."""
        found = (joint(each, self.weight) for each in result.hypotheses)
        return replace(result, hypotheses=ranked(found, n_best))


def joint(hypothesis: Hypothesis, weight: float) -> Hypothesis:
    """With its joint score."""
    others = hypothesis.score - hypothesis.acoustic
    score = (1 - weight) * hypothesis.acoustic + weight * hypothesis.attention + others
    return replace(hypothesis, score=score)


def check(weight: float, readings: int) -> None:
    """Raises ValueError for a weight or a number that cannot be."""
    if not 0 <= weight <= 1:
        raise ValueError(f"attention_weight must be 0 to 1, got {weight}")
    if readings < 1:
        raise ValueError(f"attention_readings must be 1 or more, got {readings}")
