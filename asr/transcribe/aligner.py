"""When the words of a given text are said in a piece of audio."""

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from asr.audio import read_audio
from asr.decoding.alignment import Span, align
from asr.decoding.vocabulary import vocabulary_of
from asr.decoding.word_borders import Sound, powers, word_borders
from asr.decoding.word_times import known_words
from asr.errors import AlignmentError, AsrError, TokenizerError
from asr.model.bundle import load_bundle
from asr.model.inference import Inference
from asr.numerics import choose_device, warm_up
from asr.safety.opened import opened_model
from asr.sound_file import Samples
from asr.text import normalise
from asr.transcribe.hear import LogProbs, posteriors
from asr.transcribe.transcript import Word
from asr.transcribe.windows import Joiner, Windows
from asr.utterance import Utterance

AHEAD = 4  # utterances for each worker that are begun before they are asked for


@dataclass(frozen=True)
class Token:
    """A token of a model, and where its spike is: not how long it sounds."""

    token: str
    start: float  # seconds into the file
    end: float  # seconds into the file


@dataclass(frozen=True)
class Aligned:
    """A text as it is said."""

    text: str  # normalised as the model writes it
    words: tuple[Word, ...]
    tokens: tuple[Token, ...]


class Aligner:
    """Lays texts over audio with a trained model.

    Args:
        model: a bundle folder, the folder of a run that holds one, or the name of a model (`asr models`).
        device: auto, cpu, cuda or cuda:N.
        require_signature: as `Transcriber` has it.

    Raises:
        BundleError: no model there, or it is damaged.
        SignatureError: it is not signed as is required.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        device: str = "auto",
        require_signature: Sequence[str | Path] | str | Path | None = None,
    ) -> None:
        with opened_model(model, require_signature) as folder:
            self.bundle = load_bundle(folder)
        self._inference = Inference(self.bundle.model.to(choose_device(device)))
        description = self.bundle.description
        self._windows = Windows.of(description.front_end, description.model)
        self._rate = description.front_end.sample_rate
        self._period = self._windows.grid / self._rate
        self._centre = self._windows.centre / self._rate
        self._symbols = vocabulary_of(self.bundle.tokenizer)

    def __call__(self, path: str | Path, text: str, *, offset: float = 0.0, duration: float = 0.0) -> Aligned:
        """The words of one text, with seconds in the file. It is heard by itself, in windows if it is long.

        Args:
            offset: seconds of the file before the text.
            duration: seconds of it that the text is of; 0: all that is left.

        Raises:
            AudioError: the file cannot be read.
            TokenizerError: the text has characters, or words, that the model does not know.
            AlignmentError: there is no text, or it does not fit into the audio.
        """
        written = normalise(text, self.bundle.description.text)
        if not written:
            raise AlignmentError(f"{path}: the text is empty; there is nothing to align")
        try:
            tokens = self.bundle.tokenizer.encode(written)
            samples = read_audio(
                path, offset=offset, duration=duration or None, sample_rate=self._rate
            ).samples
            spans = align(self._hear(samples), tokens)
        except (TokenizerError, AlignmentError) as error:
            raise type(error)(f"{path}: {error}") from None
        words = known_words(self.bundle.tokenizer, spans, written)
        sound = Sound(powers(samples, self._windows.hop), self._windows.hop / self._rate)
        end = len(samples) / self._rate
        borders = word_borders(words, self._period, sound, self._centre)
        return Aligned(
            written,
            tuple(
                Word(word.word, offset + min(start, end), offset + min(stop, end))
                for word, (start, stop) in zip(words, borders, strict=True)
            ),
            tuple(self._token(span, offset, end) for span in spans),
        )

    def many(
        self, utterances: Iterable[Utterance], *, workers: int = 1
    ) -> Generator[tuple[Utterance, Aligned | AsrError]]:
        """Each utterance with its words, or what is wrong with it, in order.

        Args:
            workers: computing threads; their number does not change a result.
        """
        warm_up()
        ahead: deque[tuple[Utterance, Future[Aligned | AsrError]]] = deque()
        pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
        try:
            for utterance in utterances:
                ahead.append((utterance, pool.submit(self._one, utterance)))
                if len(ahead) >= AHEAD * workers:
                    done, future = ahead.popleft()
                    yield done, future.result()
            for done, future in ahead:
                yield done, future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _one(self, utterance: Utterance) -> Aligned | AsrError:
        try:
            return self(
                utterance.audio_filepath,
                utterance.text,
                offset=utterance.offset,
                duration=utterance.duration,
            )
        except AsrError as error:
            return error

    def _hear(self, samples: Samples) -> LogProbs:
        if len(samples) <= self._windows.whole:
            return posteriors(self._inference, [samples])[0]
        joiner = Joiner(self._windows)
        heard = [
            joiner.add(posteriors(self._inference, [window])[0], last)
            for window, last in self._windows.cut([samples])
        ]
        return np.concatenate(heard)

    def _token(self, span: Span, offset: float, end: float) -> Token:
        start, stop = (
            min(max(0.0, (frame - 0.5) * self._period + self._centre), end)
            for frame in (span.start, span.end)
        )
        return Token(self._symbols.name(span.token), offset + start, offset + stop)
