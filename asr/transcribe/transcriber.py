"""Audio to text with a trained model, from Python."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, Self, get_args, overload

import numpy as np

from asr.audio import Audio
from asr.decoding.vocabulary import vocabulary_of
from asr.engine.engine import Engine, load_engine
from asr.model.described import Described
from asr.model.hearings import Hearings
from asr.safety.opened import opened_model
from asr.sound_file import Samples
from asr.transcribe.hear import LogProbs
from asr.transcribe.interpreter import interpreter_of
from asr.transcribe.pauses import Pauses, Stretch
from asr.transcribe.reading import Piece, Sound, Source, batches_of, groups_of, pieces_of, read_ahead
from asr.transcribe.recording import Recording
from asr.transcribe.threads import Heard as Heard
from asr.transcribe.threads import Results, results_in_threads
from asr.transcribe.transcript import (
    NO_CONFIDENCE,
    Asked,
    EngineName,
    Found,
    Part,
    Segment,
    Segmentation,
    Transcript,
    Wanted,
    Word,
    in_order,
)
from asr.transcribe.voice_activity import VoiceActivity, installed
from asr.transcribe.windows import Windows

__all__ = ["Audio", "Part", "Segment", "Transcriber", "Transcript", "Word"]


class Transcriber:
    """Transcribes sound of any sample rate, channel count and length: files, open binary files, arrays.

        from asr import Transcriber

        transcriber = Transcriber("runs/an4")
        print(transcriber("speech.flac").text)

    Args:
        model: a bundle folder, the folder of a run that holds one, or the name of a model (`asr models list`).
        device: auto, cpu, cuda or cuda:N.
        words: give each word with its start and end, too (docs/times.md).
        decoder: "greedy" or "beam"; None is the search that the bundle carries, or greedy where it has none.
        confidence: how sure each word is: a file of `asr confidence train`, or "posterior", the highest probability
            that the model gives each token of the word: trained on nothing, and too sure. Then there are words, too.
            None: where words are wanted and the bundle carries an estimator, by that one; "none": not at all.
        segmentation: how audio is cut. "auto": up to a minute not at all; longer at pauses where the extra `vad` is
            installed, else as windows that overlap. "pauses": at pauses, whatever its length. "windows": no pauses are
            looked for. A transcript says how it was (docs/long-audio.md).
        engine: what computes. "auto": the model's ONNX file, if it has one, else torch; and torch where there is a CUDA
            card. "onnx", "torch": that one. A transcript says which it was (docs/export.md).
        require_signature: files of public keys, of each of which one must have signed the model, else it is not
            loaded; what is loaded is what was checked (docs/safety.md).

    Raises:
        AsrError: segmentation is "pauses" and the extra `vad` is not installed, or what the engine needs.
        BundleError: no model there, it is damaged, or it has no search and decoder is "beam".
        ConfidenceError: the estimator cannot be read, or is for another model or way to read.
        SignatureError: the model is not signed as is required, or not as it was signed.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        device: str = "auto",
        words: bool = False,
        decoder: Literal["greedy", "beam"] | None = None,
        confidence: str | Path | None = None,
        segmentation: Segmentation = "auto",
        engine: Asked = "auto",
        require_signature: Sequence[str | Path] | str | Path | None = None,
    ) -> None:
        if segmentation not in get_args(Segmentation):
            expected = ", ".join(get_args(Segmentation))
            raise ValueError(f"segmentation must be one of {expected}, got {segmentation!r}")
        asked = str(confidence or "")
        wanted = Wanted(words or asked not in ("", NO_CONFIDENCE), decoder, asked, segmentation, engine)
        self.bundle: Described
        with opened_model(model, require_signature) as folder:
            self.bundle, self._engine = load_engine(folder, engine, device)
            self.windows = Windows.of(self.bundle.description.front_end, self.bundle.description.model)
            period = self.windows.grid / self.sample_rate
            centre = self.windows.centre / self.sample_rate
            self._interpreter = interpreter_of(folder, self.bundle, wanted, period, self._engine.name, centre)
        self._hearings = Hearings(self.hearings, self.windows.grid)
        self._others: tuple[Engine, ...] = ()  # that hear with it, and how all that is heard becomes one
        self._average: Callable[[list[LogProbs]], LogProbs] = itemgetter(0)
        self._word_starts = vocabulary_of(self.bundle.tokenizer).word_starts
        self.segmentation = segmentation
        self._at_pauses = segmentation == "pauses" or (segmentation == "auto" and installed())
        self._activity = VoiceActivity() if segmentation == "pauses" else None
        self._loading = threading.Lock()

    @property
    def sample_rate(self) -> int:
        """Hz, what the model hears; other rates are resampled."""
        return self.bundle.description.front_end.sample_rate

    @property
    def batched(self) -> bool:
        """Whether `hear` computes its pieces as one batch; otherwise one by one, which is no quicker than alone."""
        return self._engine.batched and not self._each_alone

    @property
    def engine(self) -> EngineName:
        """What computes."""
        return self._engine.name

    @property
    def ctc_alone(self) -> bool:
        """Whether an attention decoder, which is a part of the model's search, is not asked: the engine has none."""
        return self._interpreter.ctc_alone

    @property
    def asks_attention(self) -> bool:
        """Whether an attention decoder is asked, which has to know the frames that the model itself heard."""
        return self._interpreter.asks_attention

    @property
    def hearings(self) -> int:
        """How often a stretch of audio is heard, as the model's search wants it."""
        return self._interpreter.hearings

    @property
    def device(self) -> str:
        """On what: cpu, cuda or cuda:N."""
        return self._engine.device

    def without_confidence(self) -> Self:
        """The same text, words and times, and no confidence. The model and what it is read with are shared."""
        other = copy(self)
        other._interpreter = replace(self._interpreter, estimator=None)
        return other

    def together_with(self, engines: Sequence[Engine], average: Callable[[list[LogProbs]], LogProbs]) -> Self:
        """The same way to read what this one's engine and others hear, averaged.

        Each piece of sound is heard by itself: what else is in a batch changes last bits, and which frames of an
        average are close calls is not known beforehand.

        Args:
            engines: of models of the same pace.
            average: of the log-probs of one piece by each engine, this one's own first; in its tokens.
        """
        other = copy(self)
        other._others, other._average = tuple(engines), average
        return other

    def __call__(self, audio: Sound) -> Transcript:
        """Transcribes one file: its path, an open binary file, samples with their rate, or blocks of them.

        Raises:
            AudioError: it cannot be read, is cut off or holds no sample.
        """
        results = Results(self.recording)
        for group in groups_of(self.pieces(0, audio), self.sample_rate):
            heard = [self.hear(batch) for batch in batches_of(group, self.sample_rate, 1)]
            for _, found in results.of(group, heard):
                if isinstance(found, Transcript):
                    return found
                raise found
        raise AssertionError("the last piece of a file gives a result")

    def stream(self, audio: Sound) -> Iterator[Part]:
        """The transcript of one file in parts, each as soon as it is known for sure; together they are the transcript.

        What is heard as a whole is one part.

        Raises:
            AudioError: it cannot be read, is cut off or holds no sample; what is wrong further back is found when it is
                reached.
        """
        recording = self.recording()
        for piece in self.pieces(0, audio):
            if piece.fault is not None:
                raise piece.fault
            for _, log_probs in self.hear([piece]):
                yield from recording.add(piece, log_probs)

    def pieces(self, number: int, source: Sound) -> Iterator[Piece]:
        """The sound of one file as it is to be heard, in order. The last has `last`, a broken file's also a `fault`.

        Args:
            number: what the pieces have as `file`.
        """
        pauses = self._pauses if self._at_pauses else None
        whole = self.segmentation != "pauses"
        return pieces_of(
            number, source, self.sample_rate, self.windows, pauses, whole, company=self.hearings > 1
        )

    def hear(self, pieces: list[Piece]) -> Heard:
        """Log-probs of each piece, of any files, computed as one batch where that cannot change a transcript."""
        sound = [piece for piece in pieces if len(piece.samples)]
        if self._each_alone:
            found = iter([self._hear_alone(each) for each in sound])
        else:
            found = iter(self._engine([each.samples for each in sound]))
        nothing: LogProbs = np.zeros((0, self.bundle.tokenizer.size), np.float32)
        return [(piece, next(found) if len(piece.samples) else nothing) for piece in pieces]

    @property
    def _each_alone(self) -> bool:
        return self._interpreter.alone or bool(self._others)

    def _hear_alone(self, piece: Piece) -> LogProbs:
        heard = [
            self._hearings(piece.samples, engine, piece.before, piece.after)
            for engine in (self._engine, *self._others)
        ]
        return self._average(heard)

    def recording(self, words: bool = True) -> Recording:
        """Puts one file together: give it each piece with its log-probs, in order.

        Any number of recordings may be put together at the same time, each by one thread.

        Args:
            words: False: text alone, though this transcriber gives words.
        """
        interpreter = self._interpreter if words else replace(self._interpreter, words=False)
        return Recording(interpreter, self.windows, self.sample_rate, self._word_starts)

    @overload
    def many(
        self, files: Iterable[str | Path | None], *, workers: int = 1
    ) -> Generator[tuple[Path, Found]]: ...

    @overload
    def many(self, files: Iterable[Source], *, workers: int = 1) -> Generator[tuple[Any, Found]]: ...

    def many(self, files: Iterable[Source], *, workers: int = 1) -> Generator[tuple[Any, Found]]:
        """Transcribes files, in order, each with its path; one that fails yields its error, and the rest goes on.

        What is no path (samples, open files) comes back as it is, with its transcript.

        Files of like length are computed together, so their results come in groups: a None among the files asks for
        those of the files so far. Memory does not grow with the number of files, nor with their lengths.

        Args:
            files: taken as they are needed, in a thread.
            workers: computing threads; their number does not change a transcript.
        """
        if self.device.startswith("cuda"):
            workers = 1  # a device computes one batch at a time, and its memory holds one
        names: dict[int, Any] = {}
        over = threading.Event()

        def sources() -> Iterator[Source]:
            number = 0
            for file in files:
                if over.is_set():  # whoever asked for the transcripts has gone
                    return
                if file is not None:
                    names[number] = Path(file) if isinstance(file, str) else file
                    number += 1
                yield file

        def results() -> Iterator[tuple[int, Found]]:
            pieces = read_ahead(sources(), self.pieces, workers)
            return results_in_threads(pieces, self.hear, self.recording, self.sample_rate, workers)

        try:
            for number, found in in_order(results()):  # no name holds them: they end as soon as this does
                yield names.pop(number), found
        finally:
            over.set()

    def _pauses(self, blocks: Iterable[Samples]) -> Iterator[Stretch]:
        with self._loading:
            self._activity = self._activity or VoiceActivity()
        return Pauses(self._activity, self.sample_rate, self.windows)(blocks)
