"""Log-probs to text, and to words with their times where they are wanted."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from asr.decoding.alignment import align
from asr.decoding.greedy import greedy
from asr.decoding.lexicon import Lexicon
from asr.decoding.reader import Reader
from asr.decoding.vocabulary import vocabulary_of
from asr.decoding.word_borders import Sound, word_borders
from asr.decoding.word_times import read_words
from asr.model.bundle import Bundle
from asr.tokenizer import PhoneTokenizer, Tokenizer
from asr.transcribe.hear import LogProbs
from asr.transcribe.transcript import Wanted, Word

if TYPE_CHECKING:
    from asr.confidence.estimator import Estimator


@dataclass(frozen=True)
class Interpreter:
    """Reads the log-probs of a model. Made once and used for many stretches of audio."""

    tokenizer: Tokenizer
    period: float  # seconds from one frame to the next
    words: bool = False  # whether words and times are wanted
    reader: Reader | None = None  # None: greedy text, nothing else
    lexicon: Lexicon | None = None  # of the reader
    estimator: "Estimator | None" = None  # of confidence

    @property
    def alone(self) -> bool:
        """Whether what it makes depends on more than the best token of each frame: then the last bits matter, and each
        stretch has to be heard by itself."""
        greedily = self.reader is None or self.reader.name == "greedy"
        return not greedily or self.estimator is not None

    def __call__(self, log_probs: LogProbs, sound: Sound) -> tuple[str, list[Word]]:
        """Text and words of one stretch; times are seconds from its beginning.

        Args:
            log_probs: (frames, tokens), without padding.
            sound: of the same stretch; looked at for words alone.
        """
        if self.reader is None:
            return self.tokenizer.decode(greedy(log_probs)), []
        result = self.reader(log_probs)
        best = result.best
        if best is None or not self.words or not best.tokens:
            return result.text, []
        spans = align(log_probs, best.tokens)
        words = read_words(self.tokenizer, spans, best.words or best.text.split(), self.lexicon)
        borders = word_borders(words, self.period, sound)
        sure = [None] * len(words) if self.estimator is None else self.estimator(log_probs, result, words)
        return result.text, [
            Word(word.word, start, end, confidence)
            for word, (start, end), confidence in zip(words, borders, sure, strict=True)
        ]


def interpreter_of(folder: Path, bundle: Bundle, wanted: Wanted, period: float) -> Interpreter:
    """For a bundle.

    Raises:
        BundleError: the bundle carries no search and one was asked for, or its files are damaged.
        ConfidenceError: the estimator cannot be read, or is of another model.
    """
    from asr.decoding.bundled import bundled_reader, load_decoder

    estimator = None
    if wanted.confidence:
        from asr.confidence.estimator_file import load_estimator

        estimator = load_estimator(Path(wanted.confidence), weights=bundle.description.weights)
    searching = wanted.decoder == "beam" or (wanted.decoder is None and bool(bundle.description.decoder))
    if not searching and not wanted.words:
        return Interpreter(bundle.tokenizer, period)
    n_best = estimator.n_best if estimator is not None else 1
    reader = bundled_reader(folder, bundle, "beam" if searching else "greedy", n_best=n_best)
    phones = searching and isinstance(bundle.tokenizer, PhoneTokenizer)
    lexicon = load_decoder(folder, bundle).lexicon if phones else None
    return Interpreter(bundle.tokenizer, period, wanted.words, reader, lexicon, estimator)


def word_starts_of(tokenizer: Tokenizer) -> frozenset[int]:
    """Tokens that begin a word, separators among them; none where tokens do not tell."""
    return vocabulary_of(tokenizer).word_starts
