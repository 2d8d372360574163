"""Log-probs to text, and to words with their times where they are wanted."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from asr.decoding.greedy import greedy
from asr.decoding.lexicon import Lexicon
from asr.decoding.reader import GREEDY, Reader
from asr.decoding.word_borders import Sound, word_borders
from asr.decoding.word_times import heard_words
from asr.model.bundle import Bundle
from asr.tokenizer import Tokenizer
from asr.transcribe.hear import LogProbs
from asr.transcribe.transcript import NO_CONFIDENCE, POSTERIOR, Wanted, Word

if TYPE_CHECKING:
    from asr.confidence.estimator import Estimator
    from asr.decoding.decoder import Decoder


@dataclass(frozen=True)
class Interpreter:
    """Reads the log-probs of a model. Made once and used for many stretches of audio, by any thread."""

    tokenizer: Tokenizer
    period: float  # seconds from one frame to the next
    words: bool = False  # whether words and times are wanted
    reader: Reader | None = None  # None: greedy text, nothing else
    lexicon: Lexicon | None = None  # of the reader
    estimator: "Estimator | None" = None  # of confidence
    _turn: threading.Lock = field(default_factory=threading.Lock, compare=False)  # a search has a state

    @property
    def alone(self) -> bool:
        """Whether what it makes depends on more than the best token of each frame: then the last bits matter, and each
        stretch has to be heard by itself."""
        searching = self.reader is not None and self.reader.name != GREEDY
        return searching or self.estimator is not None

    def __call__(self, log_probs: LogProbs, sound: Sound) -> tuple[str, list[Word]]:
        """Text and words of one stretch; times are seconds from its beginning.

        Args:
            log_probs: (frames, tokens), without padding.
            sound: of the same stretch; looked at for words alone.
        """
        if self.reader is None:
            return self.tokenizer.decode(greedy(log_probs)), []
        with self._turn:
            result = self.reader(log_probs)
        if not self.words:
            return result.text, []
        words = heard_words(self.tokenizer, log_probs, result, self.lexicon)
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
        ConfidenceError: the estimator cannot be read, or is of another model or way to read.
    """
    from asr.decoding.bundled import bundled_decoder, reader_of

    decoder = bundled_decoder(folder, bundle, wanted.decoder)
    if decoder.settings is None and not wanted.words:
        return Interpreter(bundle.tokenizer, period)
    estimator = _estimator(wanted.confidence, folder, bundle, decoder) if wanted.words else None
    reader = reader_of(folder, bundle, decoder, n_best=estimator.n_best if estimator is not None else 1)
    return Interpreter(bundle.tokenizer, period, wanted.words, reader, decoder.lexicon, estimator)


def _estimator(path: str, folder: Path, bundle: Bundle, decoder: "Decoder") -> "Estimator | None":
    """Of a file, the one that the bundle carries, or the one that needs none."""
    from asr.confidence.bundled import bundled_estimator
    from asr.confidence.estimator import plain
    from asr.confidence.estimator_file import load_estimator
    from asr.confidence.way import described

    if path == NO_CONFIDENCE:
        return None
    if not path:
        return bundled_estimator(folder, bundle, decoder)
    if path == POSTERIOR:
        return plain()
    return load_estimator(Path(path), weights=bundle.description.weights, decoder=described(decoder))
