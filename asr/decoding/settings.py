"""How a beam search weighs and prunes."""

import math
from dataclasses import dataclass
from typing import Literal

# Nats. A model over words has one probability for all unknown ones, however long: without a price for their letters
# a reading gets better by leaving out spaces. (pyctcdecode's default is the same.)
UNKNOWN = -10.0


@dataclass(frozen=True)
class SearchSettings:
    """Scores are natural logarithms. What is sought is the token sequence with the highest

        log P(tokens | audio) + lm_weight * log P(text) + word_score * known words + unknown_score * unknown words
        + token_score * tokens

    The last four settings are pruning: none of them changes the score of a hypothesis that survives it, except by the
    alignments that were lost on the way.
    """

    lm_weight: float = 0.5  # of the language model's log-prob
    lm_unit: Literal["word", "token"] = "word"  # what the language model predicts
    word_score: float = 0.0  # added for each known word
    unknown_score: float | None = (
        None  # instead, for an unknown one; None: `UNKNOWN`, but none with a lexicon
    )
    token_score: float = 0.0  # added for each token, separators included
    n_best: int = 1  # hypotheses to return
    exact: bool = False  # score what is returned by all its alignments, not by those that the beam kept
    beam: int = 50  # prefixes kept after a frame
    beam_threshold: float = 20.0  # nats: a prefix that much worse than the best one is dropped
    tokens_per_frame: int | None = None  # the most probable ones besides the blank; None: all
    token_threshold: float = -10.0  # log-prob below which a token cannot be in a frame

    def __post_init__(self) -> None:
        """
        Raises:
            ValueError: a number is impossible; the message names it.
        """
        for name in ("n_best", "beam", "tokens_per_frame"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be 1 or more, got {value}")
        for name in ("lm_weight", "word_score", "token_score"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{name} must be finite, got {getattr(self, name)}")
        if self.lm_weight < 0:
            raise ValueError(f"lm_weight must be 0 or more, got {self.lm_weight}")
        if self.unknown_score is not None and not self.unknown_score < math.inf:
            raise ValueError(f"unknown_score must be a number or -inf, got {self.unknown_score}")
        if not self.beam_threshold >= 0:
            raise ValueError(f"beam_threshold must be 0 or more, got {self.beam_threshold}")
        if not self.token_threshold <= 0:
            raise ValueError(f"token_threshold is a log-prob, 0 or less, got {self.token_threshold}")
        if self.lm_unit not in ("word", "token"):
            raise ValueError(f'lm_unit must be "word" or "token", got {self.lm_unit!r}')

    def allows_unknown(self, has_lexicon: bool) -> bool:
        """Whether unknown words may be found. Unless `unknown_score` says so: not where there is a lexicon."""
        return not has_lexicon if self.unknown_score is None else self.unknown_score > -math.inf

    def bonus_of_word(self, known: bool) -> float:
        """What a word adds to the score besides its log-prob."""
        if known:
            return self.word_score
        return UNKNOWN if self.unknown_score is None else self.unknown_score
