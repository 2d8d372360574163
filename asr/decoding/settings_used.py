"""The settings of a search as plain, checked data: in a bundle, and in the record of a run."""

from typing import Literal

from asr.decoding.settings import SearchSettings
from asr.frozen import Frozen


class SettingsUsed(Frozen):
    """How a search weighed and pruned. Scores are natural logarithms."""

    engine: Literal["plain", "flashlight"]  # what computed; the plain one gives the same everywhere
    lm_weight: float  # of the language model's log-prob; 0 without one
    lm_unit: Literal["word", "token"]  # what the language model predicts
    prior_weight: float  # of the log-prob of each token on the whole, which was taken off before the search
    word_score: float  # added for each known word
    unknown_score: float | None  # for an unknown one; null: no unknown words with a lexicon, -10 without
    token_score: float  # added for each token
    exact: bool  # whether readings were scored by all their alignments
    beam: int  # prefixes kept after a frame
    beam_threshold: float  # nats: prefixes so much worse than the best one were dropped
    tokens_per_frame: int | None  # the most probable ones that a frame considered; null: all
    token_threshold: float  # log-prob below which a token was not considered

    @classmethod
    def of(
        cls, settings: SearchSettings, engine: Literal["plain", "flashlight"], prior_weight: float
    ) -> "SettingsUsed":
        names = cls.model_fields.keys() - {"engine", "prior_weight"}
        values = {name: getattr(settings, name) for name in names}
        return cls(engine=engine, prior_weight=prior_weight, **values)

    def to_search(self, n_best: int = 1) -> SearchSettings:
        """
        Raises:
            ValueError: a value that no search can have.
        """
        return SearchSettings(n_best=n_best, **self.model_dump(exclude={"engine", "prior_weight"}))
