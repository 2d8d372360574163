"""Log-probs to text, and to words with their times where they are wanted."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from asr.decoding.greedy import greedy
from asr.decoding.hypothesis import SearchResult
from asr.decoding.lexicon import Lexicon
from asr.decoding.reader import GREEDY, Reader, SearchReader
from asr.decoding.word_borders import Sound, word_borders
from asr.decoding.word_times import heard_words
from asr.model.described import Described
from asr.tokenizer import Tokenizer
from asr.transcribe.hear import LogProbs
from asr.transcribe.transcript import NO_CONFIDENCE, POSTERIOR, EngineName, Wanted, Word

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
    engine: EngineName = "torch"  # of whose log-probs; for the transcript
    centre: float = 0.0  # seconds from the beginning of the sound to the middle of the first frame
    hearings: int = 1  # of each stretch, whose mean it reads (asr.model.hearings)
    ctc_alone: bool = False  # though the bundle's search has an attention decoder: the engine has none
    _turn: threading.Lock = field(default_factory=threading.Lock, compare=False)  # a search has a state

    @property
    def alone(self) -> bool:
        """Whether what it makes depends on more than the best token of each frame: then the last bits matter, and each
        stretch has to be heard by itself, as it also has where it is heard several times."""
        searching = self.reader is not None and self.reader.name != GREEDY
        return searching or self.estimator is not None or self.hearings > 1

    @property
    def asks_attention(self) -> bool:
        """Whether its search asks an attention decoder, which has to know the frames that a model heard."""
        return isinstance(self.reader, SearchReader) and self.reader.rescoring is not None

    def __call__(self, log_probs: LogProbs, sound: Sound) -> tuple[str, list[Word]]:
        """Text and words of one stretch; times are seconds from its beginning.

        Args:
            log_probs: (frames, tokens), without padding.
            sound: of the same stretch; looked at for words alone.
        """
        if self.reader is None:
            return self.tokenizer.decode(greedy(log_probs)), []
        result = self.read(log_probs)
        if not self.words:
            return result.text, []
        words = heard_words(self.tokenizer, log_probs, result, self.lexicon)
        borders = word_borders(words, self.period, sound, self.centre)
        sure = [None] * len(words) if self.estimator is None else self.estimator(log_probs, result, words)
        return result.text, [
            Word(word.word, start, end, confidence)
            for word, (start, end), confidence in zip(words, borders, sure, strict=True)
        ]

    def read(self, log_probs: LogProbs) -> SearchResult:
        """What the reader, which has to be there, finds in one stretch."""
        assert self.reader is not None
        with self._turn:
            return self.reader(log_probs)


def interpreter_of(
    folder: Path, bundle: Described, wanted: Wanted, period: float, engine: EngineName, centre: float = 0.0
) -> Interpreter:
    """For a bundle.

    Args:
        period, centre: seconds, of its frames, as `Interpreter` has them.

    Raises:
        BundleError: the bundle carries no search and one was asked for, or its files are damaged.
        ConfidenceError: the estimator cannot be read, or is of another model or way to read.
    """
    from asr.decoding.bundled import bundled_decoder, reader_of

    decoder = bundled_decoder(folder, bundle, wanted.decoder)
    ctc_alone = bool(decoder.attention_weight) and decoder.attention is None
    if ctc_alone:  # an engine that has no attention decoder; whoever asks is told (Transcriber.ctc_alone)
        decoder = decoder.by_ctc_alone()
    if decoder.settings is None and not wanted.words:
        return Interpreter(bundle.tokenizer, period, engine=engine, centre=centre)
    estimator = _estimator(wanted.confidence, folder, bundle, decoder) if wanted.words else None
    reader = reader_of(folder, bundle, decoder, n_best=estimator.n_best if estimator is not None else 1)
    return Interpreter(
        bundle.tokenizer,
        period,
        words=wanted.words,
        reader=reader,
        lexicon=decoder.lexicon,
        estimator=estimator,
        engine=engine,
        centre=centre,
        hearings=decoder.hearings,
        ctc_alone=ctc_alone,
    )


def _estimator(path: str, folder: Path, bundle: Described, decoder: "Decoder") -> "Estimator | None":
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
