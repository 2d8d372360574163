"""A way to read log-probs: greedy, or a beam search with all that it needs."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from asr.decoding.fusion import LanguageModel
from asr.decoding.lexicon import Lexicon
from asr.decoding.priors import Priors
from asr.decoding.reader import Reader, SearchReader, greedy_reader
from asr.decoding.rescoring import READINGS, Rescoring, Scorer, check
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
    attention_weight: float = 0.0  # of an attention decoder's log-prob, the rest of CTC's; 0: it is not asked


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
    attention: Scorer | None = None  # an attention decoder, needed for a weight of it
    attention_weight: float = 0.0  # of its log-prob, the rest of CTC's; 0: it is not asked
    attention_readings: int = READINGS  # that the search proposes to it
    hearings: int = 1  # of an utterance (asr.model.hearings); log-probs to be read are the mean of so many

    def weighing(self, weights: Weights) -> "Decoder":
        """The same with other weights."""
        assert self.settings is not None
        changes = weights._asdict()
        own = {name: changes.pop(name) for name in ("prior_weight", "attention_weight")}
        return replace(self, settings=replace(self.settings, **changes), **own)

    def by_ctc_alone(self) -> "Decoder":
        """The same without asking an attention decoder."""
        return replace(self, attention=None, attention_weight=0.0)

    def reader(self, tokenizer: Tokenizer, n_best: int | None = None) -> Reader:
        """Made ready for many utterances. Errors are those of `search`.

        Args:
            n_best: readings that a search gives, at most; None: as its settings say.
        """
        if self.settings is None:
            return greedy_reader(tokenizer)
        return self.search_reader(tokenizer, n_best)

    def search_reader(self, tokenizer: Tokenizer, n_best: int | None = None) -> SearchReader:
        """Of a search. Arguments and errors are those of `reader`.

        Raises:
            ValueError: likewise, a weight of an attention decoder that is not there, or one that cannot be.
        """
        assert self.settings is not None
        check(self.attention_weight, self.attention_readings)
        wanted = self.settings.n_best if n_best is None else n_best
        if not self.attention_weight:
            return SearchReader(
                self.search(tokenizer, wanted), tokenizer, self.priors, self.prior_weight, n_best=wanted
            )
        if self.attention is None:
            raise ValueError(f"attention_weight = {self.attention_weight:g} needs an attention decoder")
        # As many as its settings say, however many are wanted: that must not change which one is the best.
        search = self.search(tokenizer, self.attention_readings)
        rescoring = Rescoring(self.attention, self.attention_weight, self.attention_readings)
        return SearchReader(search, tokenizer, self.priors, self.prior_weight, rescoring, wanted)

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
