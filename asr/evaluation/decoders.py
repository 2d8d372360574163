"""Ways to read log-probs: greedy, and beam search with what it is given."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from asr.decoding.bundled import BundledDecoder
from asr.decoding.fusion import LanguageModel
from asr.decoding.lexicon import Lexicon
from asr.decoding.priors import Priors
from asr.decoding.reader import Reader, greedy_reader, search_reader
from asr.decoding.search import Engine, Search
from asr.decoding.settings import SearchSettings
from asr.decoding.vocabulary import vocabulary_of
from asr.evaluation.tuning import Errors, Grid, Point, Surface, Weights, tune
from asr.scoring import count_character_errors, count_errors
from asr.tokenizer import Tokenizer
from asr.transcribe.hear import LogProbs

Progress = Callable[[int, int], None]


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

    @classmethod
    def bundled(cls, found: BundledDecoder) -> "Decoder":
        """The search that a bundle carries."""
        used = found.used
        return cls(
            *("beam", used.to_search(), found.model, found.lexicon),
            *(used.engine, found.priors, used.prior_weight),
        )

    def weighing(self, weights: Weights) -> "Decoder":
        """The same with other weights."""
        assert self.settings is not None
        changes = weights._asdict()
        prior_weight = changes.pop("prior_weight")
        return replace(self, settings=replace(self.settings, **changes), prior_weight=prior_weight)

    def reader(self, tokenizer: Tokenizer) -> Reader:
        """Made ready for many utterances.

        Raises:
            ValueError: its parts do not fit together.
        """
        if self.settings is None:
            return greedy_reader(tokenizer)
        return search_reader(
            self.search(tokenizer), tokenizer, priors=self.priors, prior_weight=self.prior_weight
        )

    def search(self, tokenizer: Tokenizer) -> Search:
        """For log-probs without their priors.

        Raises:
            ValueError: its parts do not fit together.
        """
        return Search(
            self.settings,
            vocabulary=vocabulary_of(tokenizer),
            lexicon=self.lexicon,
            model=self.model,
            engine=self.engine,
        )


GREEDY = Decoder("greedy")


@dataclass(frozen=True)
class Reading:
    """What a decoder made of utterances."""

    texts: list[str]
    engine: str  # "greedy", or of the beam search
    seconds: float  # that it took


def read_all(
    decoder: Decoder,
    tokenizer: Tokenizer,
    log_probs: Iterable[LogProbs],
    progress: Callable[[int], None] = lambda done: None,
) -> Reading:
    """Texts of (frames, tokens) natural logarithms, utterance by utterance, on one core."""
    reader = decoder.reader(tokenizer)
    texts, seconds = [], 0.0
    for done, matrix in enumerate(log_probs, 1):
        started = perf_counter()
        texts.append(reader(matrix).text)
        seconds += perf_counter() - started
        progress(done)
    return Reading(texts, reader.name, seconds)


def choose(
    decoder: Decoder,
    grid: Grid,
    tokenizer: Tokenizer,
    log_probs: Sequence[LogProbs],
    references: Sequence[str],
    *,
    known: Iterable[Point] = (),
    keep: Callable[[Sequence[Point]], None] = lambda points: None,
    progress: Progress = lambda done, total: None,
) -> Surface:
    """Reads development data, heard once, with each of the weights of a grid.

    Args:
        known, keep: as for `tune`.
        progress: told the number of utterances read and to be read, over all weights.
    """

    total = len(grid) * len(log_probs)
    before = {weights: number * len(log_probs) for number, weights in enumerate(grid)}

    def errors(weights: Weights) -> Errors:
        def shown(done: int) -> None:
            progress(before[weights] + done, total)

        texts = read_all(decoder.weighing(weights), tokenizer, log_probs, shown).texts
        pairs = list(zip(references, texts, strict=True))
        return Errors(
            sum(count_errors(*pair).errors for pair in pairs),
            sum(count_character_errors(*pair).errors for pair in pairs),
        )

    return tune(errors, grid, known=known, keep=keep)
