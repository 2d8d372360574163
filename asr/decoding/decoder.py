"""A way to read log-probs: greedy, or a beam search with all that it needs."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from asr.decoding.fusion import LanguageModel
from asr.decoding.lexicon import Lexicon
from asr.decoding.priors import Priors
from asr.decoding.reader import Reader, greedy_reader, search_reader
from asr.decoding.search import Engine, Search
from asr.decoding.settings import SearchSettings
from asr.decoding.vocabulary import vocabulary_of
from asr.tokenizer import Tokenizer


class Weights(NamedTuple):
    """What is chosen."""

    lm_weight: float  # of the language model's log-prob; 0 where there is none
    word_score: float  # nats a word
    prior_weight: float  # of the tokens' log-priors, which are taken off; 0 leaves them
    beam: int  # prefixes kept after a frame


@dataclass(frozen=True)
class Decoder:
    """One way to read log-probs."""

    name: str  # greedy, beam, beam + model, ...
    settings: SearchSettings | None = None  # None: greedy
    model: LanguageModel | None = None
    lexicon: Lexicon | None = None
    engine: Engine = "plain"  # the only one whose result is the same everywhere
    priors: Priors | None = None  # of the tokens, needed for a weight of them
    prior_weight: float = 0.0  # with which they are taken off the log-probs

    def weighing(self, weights: Weights) -> "Decoder":
        """The same with other weights."""
        assert self.settings is not None
        changes = weights._asdict()
        prior_weight = changes.pop("prior_weight")
        return replace(self, settings=replace(self.settings, **changes), prior_weight=prior_weight)

    def reader(self, tokenizer: Tokenizer, n_best: int | None = None) -> Reader:
        """Made ready for many utterances. Errors are those of `search`.

        Args:
            n_best: readings that a search gives, at most; None: as its settings say.
        """
        if self.settings is None:
            return greedy_reader(tokenizer)
        search = self.search(tokenizer, n_best)
        return search_reader(search, tokenizer, priors=self.priors, prior_weight=self.prior_weight)

    def search(self, tokenizer: Tokenizer, n_best: int | None = None) -> Search:
        """For log-probs without their priors.

        Raises:
            ValueError: its parts do not fit together.
            ModuleNotFoundError: flashlight-text is its engine, and is not installed.
        """
        assert self.settings is not None
        return Search(
            self.settings if n_best is None else replace(self.settings, n_best=n_best),
            vocabulary=vocabulary_of(tokenizer),
            lexicon=self.lexicon,
            model=self.model,
            engine=self.engine,
        )


GREEDY = Decoder("greedy")
