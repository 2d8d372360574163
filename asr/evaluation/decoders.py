"""Ways to read log-probs: greedy, and beam search with what it is given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from asr.decoding.fusion import LanguageModel
from asr.decoding.greedy import greedy
from asr.decoding.lexicon import Lexicon
from asr.decoding.search import Engine, Search
from asr.decoding.settings import SearchSettings
from asr.decoding.vocabulary import vocabulary_of
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

    def weighing(self, lm_weight: float, word_score: float) -> "Decoder":
        """The same with other weights."""
        assert self.settings is not None
        return replace(self, settings=replace(self.settings, lm_weight=lm_weight, word_score=word_score))


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
    log_probs: Sequence[LogProbs],
    progress: Progress = lambda done, total: None,
) -> Reading:
    """Texts of (frames, tokens) natural logarithms, utterance by utterance, on one core."""
    started = perf_counter()
    read, engine = _reader(decoder, tokenizer)
    texts = []
    for done, matrix in enumerate(log_probs, 1):
        texts.append(read(matrix))
        progress(done, len(log_probs))
    return Reading(texts, engine, perf_counter() - started)


def _reader(decoder: Decoder, tokenizer: Tokenizer) -> tuple[Callable[[LogProbs], str], str]:
    """What reads one utterance, and its name."""
    if decoder.settings is None:
        return lambda matrix: tokenizer.decode(greedy(matrix)), "greedy"
    search = Search(
        decoder.settings,
        vocabulary=vocabulary_of(tokenizer),
        lexicon=decoder.lexicon,
        model=decoder.model,
        engine=decoder.engine,
    )
    return lambda matrix: search(matrix).text, search.engine
