"""Audio to text with a trained model, from Python."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args, overload

import numpy as np
import torch

from asr.audio import Audio
from asr.decoding.vocabulary import vocabulary_of
from asr.model.bundle import Bundle, load_bundle
from asr.model.inference import Inference
from asr.model.named import find_model
from asr.numerics import choose_device, warm_up
from asr.sound_file import Samples
from asr.transcribe.hear import LogProbs, posteriors
from asr.transcribe.interpreter import interpreter_of
from asr.transcribe.pauses import Pauses, Stretch
from asr.transcribe.reading import Group, Piece, Sound, Source, batches_of, groups_of, pieces_of, read_ahead
from asr.transcribe.recording import Recording
from asr.transcribe.transcript import (
    NO_CONFIDENCE,
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
Heard = list[tuple[Piece, LogProbs]]  # in one batch, in the order of the batch


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

    Raises:
        AsrError: segmentation is "pauses" and the extra `vad` is not installed.
        BundleError: no model there, it is damaged, or it has no search and decoder is "beam".
        ConfidenceError: the estimator cannot be read, or is for another model or way to read.
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
    ) -> None:
        if segmentation not in get_args(Segmentation):
            expected = ", ".join(get_args(Segmentation))
            raise ValueError(f"segmentation must be one of {expected}, got {segmentation!r}")
        asked = str(confidence or "")
        wanted = Wanted(words or asked not in ("", NO_CONFIDENCE), decoder, asked, segmentation)
        self.device = choose_device(device)
        folder = find_model(model)
        self.bundle: Bundle = load_bundle(folder)
        self.model = self.bundle.model.to(self.device)
        self.windows = Windows.of(self.bundle.description.front_end, self.bundle.description.model)
        self._inference = Inference(self.model)
        period = self.windows.grid / self.sample_rate
        self._interpreter = interpreter_of(folder, self.bundle, wanted, period)
        self._word_starts = vocabulary_of(self.bundle.tokenizer).word_starts
        self.segmentation = segmentation
        self._activity = VoiceActivity() if segmentation == "pauses" else None
        self._loading = threading.Lock()

    @property
    def sample_rate(self) -> int:
        """Hz, what the model hears; other rates are resampled."""
        return self.bundle.description.front_end.sample_rate

    @property
    def batched(self) -> bool:
        """Whether `hear` computes its pieces as one batch; otherwise one by one, which is no quicker than alone."""
        return not self._interpreter.alone

    def __call__(self, audio: Sound) -> Transcript:
        """Transcribes one file: its path, an open binary file, samples with their rate, or blocks of them.

        Raises:
            AudioError: it cannot be read, is cut off or holds no sample.
        """
        results = _Results(self.recording)
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
        pauses = None
        if self.segmentation == "pauses" or (self.segmentation == "auto" and installed()):
            pauses = self._pauses
        whole = self.segmentation != "pauses"
        return pieces_of(number, source, self.sample_rate, self.windows, pauses, whole)

    def hear(self, pieces: list[Piece]) -> Heard:
        """Log-probs of each piece, of any files, computed as one batch where that cannot change a transcript."""
        waveforms = [piece.samples for piece in pieces if len(piece.samples)]
        if self._interpreter.alone:
            heard = [posteriors(self._inference, [waveform])[0] for waveform in waveforms]
        else:
            heard = posteriors(self._inference, waveforms) if waveforms else []
        found = iter(heard)
        nothing: LogProbs = np.zeros((0, self.bundle.tokenizer.size), np.float32)
        return [(piece, next(found) if len(piece.samples) else nothing) for piece in pieces]

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

        try:
            for number, found in in_order(self._numbered(sources(), workers)):
                yield names.pop(number), found
        finally:
            over.set()

    def _numbered(self, sources: Iterable[Source], workers: int) -> Iterator[tuple[int, Found]]:
        if self.device.type == "cuda":
            workers = 1  # a device computes one batch at a time, and its memory holds one
        warm_up()
        results = _Results(self.recording)
        pieces = read_ahead(sources, self.pieces, workers)
        groups = groups_of(pieces, self.sample_rate)
        computing = ThreadPoolExecutor(
            workers, thread_name_prefix="computing", initializer=torch.set_num_threads, initargs=(1,)
        )
        grouping = ThreadPoolExecutor(1, thread_name_prefix="grouping")
        waiting: deque[tuple[Group, list[Future[Heard]]]] = deque()
        try:
            coming: Future[Group | None] | None = grouping.submit(next, groups, None)
            while coming or waiting:
                if waiting and (coming is None or len(waiting) > 1 or _ready(waiting[0][1], coming)):
                    group, futures = waiting.popleft()
                    yield from results.of(group, (future.result() for future in futures))
                elif coming is not None and (group_or_end := coming.result()) is not None:
                    batches = batches_of(group_or_end, self.sample_rate, workers)
                    waiting.append((group_or_end, [computing.submit(self.hear, batch) for batch in batches]))
                    coming = grouping.submit(next, groups, None)
                else:
                    coming = None
        finally:
            for pool in (computing, grouping):
                pool.shutdown(wait=False, cancel_futures=True)

    def _pauses(self, blocks: Iterable[Samples]) -> Iterator[Stretch]:
        with self._loading:
            self._activity = self._activity or VoiceActivity()
        return Pauses(self._activity, self.sample_rate, self.windows)(blocks)


class _Results:
    """Puts together what was heard in the pieces of each file."""

    def __init__(self, new_file: Callable[[], Recording]) -> None:
        self._new_file = new_file
        self._open: dict[int, Recording] = {}

    def of(self, group: Group, heard: Iterable[Heard]) -> Iterator[tuple[int, Found]]:
        """Results of the files that end in this group, each as soon as all its pieces have been heard."""
        found = {id(piece): log_probs for batch in heard for piece, log_probs in batch}
        nothing: LogProbs = np.zeros((0, 0), np.float32)
        for piece in group:
            if piece.fault is not None:
                self._open.pop(piece.file, None)
                yield piece.file, piece.fault
                continue
            if piece.file not in self._open:
                self._open[piece.file] = self._new_file()
            self._open[piece.file].add(piece, found.get(id(piece), nothing))
            if piece.last:
                yield piece.file, self._open.pop(piece.file).finished()


def _ready(futures: list[Future[Heard]], coming: Future[Group | None]) -> bool:
    """Waits until the next group is there or this one has been heard; whether it has."""
    while not coming.done() and not all(future.done() for future in futures):
        unfinished: list[Future[Any]] = [future for future in futures if not future.done()]
        wait([coming, *unfinished], return_when=FIRST_COMPLETED)
    return all(future.done() for future in futures)
