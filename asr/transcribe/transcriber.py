"""Audio to text with a trained model, from Python."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Literal

import torch

from asr.audio import Audio
from asr.decoding.vocabulary import vocabulary_of
from asr.model.bundle import Bundle, load_bundle
from asr.model.inference import Inference
from asr.numerics import choose_device, warm_up
from asr.transcribe.hear import LogProbs, posteriors
from asr.transcribe.interpreter import interpreter_of
from asr.transcribe.reading import Group, Piece, Source, batches_of, groups_of, pieces_of, read_ahead
from asr.transcribe.stretches import Stretches
from asr.transcribe.transcript import Found, Transcript, Wanted, Word, in_order
from asr.transcribe.windows import Windows

__all__ = ["Audio", "Transcriber", "Transcript", "Word"]
Heard = list[tuple[Piece, LogProbs]]  # in one batch


class Transcriber:
    """Transcribes files of any sample rate, channel count and length, or mono arrays of any sample rate.

        from asr import Transcriber

        transcriber = Transcriber("runs/an4")
        print(transcriber("speech.flac").text)

    Args:
        model: a bundle folder, or the folder of a run that holds one.
        device: auto, cpu, cuda or cuda:N.
        words: give each word with its start and end, too (docs/times.md).
        decoder: "greedy" or "beam"; None is the search that the bundle carries, or greedy where it has none.
        confidence: a file of `asr confidence train`: how sure each word is. Then there are words, too.

    Raises:
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
    ) -> None:
        wanted = Wanted(words or bool(confidence), decoder, str(confidence or ""))
        self.device = choose_device(device)
        folder = find_bundle(Path(model))
        self.bundle: Bundle = load_bundle(folder)
        self.model = self.bundle.model.to(self.device)
        self.windows = Windows.of(self.bundle.description.front_end, self.bundle.description.model)
        self._inference = Inference(self.model)
        period = self.windows.grid / self.sample_rate
        self._interpreter = interpreter_of(folder, self.bundle, wanted, period)
        self._word_starts = vocabulary_of(self.bundle.tokenizer).word_starts

    @property
    def sample_rate(self) -> int:
        """Hz, what the model hears; other rates are resampled."""
        return self.bundle.description.front_end.sample_rate

    def __call__(self, audio: str | Path | Audio) -> Transcript:
        """Transcribes one file, or samples with their rate.

        Raises:
            AudioError: the file cannot be read, is cut off or holds no sample.
        """
        results = _Results(self._new_file)
        pieces = pieces_of(0, audio, self.sample_rate, self.windows)
        for group in groups_of(pieces, self.sample_rate):
            heard = [self._hear(batch) for batch in batches_of(group, self.sample_rate, 1)]
            for _, found in results.of(group, heard):
                if isinstance(found, Transcript):
                    return found
                raise found
        raise AssertionError("the last piece of a file gives a result")

    def many(self, files: Iterable[str | Path | None], *, workers: int = 1) -> Generator[tuple[Path, Found]]:
        """Transcribes files, in order; one that fails yields its error, and the rest goes on.

        Files of like length are computed together, so their results come in groups: a None among the files asks for
        those of the files so far. Memory does not grow with the number of files, nor with their lengths.

        Args:
            files: taken as they are needed, in a thread.
            workers: computing threads; their number does not change a transcript.
        """
        names: dict[int, Path] = {}
        over = threading.Event()

        def sources() -> Iterator[Source]:
            number = 0
            for file in files:
                if over.is_set():  # whoever asked for the transcripts has gone
                    return
                if file is not None:
                    names[number] = Path(file)
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
        results = _Results(self._new_file)
        pieces = read_ahead(sources, self.sample_rate, self.windows, workers)
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
                    waiting.append((group_or_end, [computing.submit(self._hear, batch) for batch in batches]))
                    coming = grouping.submit(next, groups, None)
                else:
                    coming = None
        finally:
            for pool in (computing, grouping):
                pool.shutdown(wait=False, cancel_futures=True)

    def _hear(self, batch: list[Piece]) -> Heard:
        waveforms = [piece.samples for piece in batch]
        if self._interpreter.alone:
            heard = [posteriors(self._inference, [waveform])[0] for waveform in waveforms]
        else:
            heard = posteriors(self._inference, waveforms)
        return list(zip(batch, heard, strict=True))

    def _new_file(self) -> Stretches:
        return Stretches(self._interpreter, self.windows, self.sample_rate, self._word_starts)


class _Results:
    """Puts together what was heard in the pieces of each file."""

    def __init__(self, new_file: Callable[[], Stretches]) -> None:
        self._new_file = new_file
        self._open: dict[int, Stretches] = {}

    def of(self, group: Group, heard: Iterable[Heard]) -> Iterator[tuple[int, Found]]:
        """Results of the files that end in this group, each as soon as all its pieces have been heard."""
        found = {id(piece): log_probs for batch in heard for piece, log_probs in batch}
        for piece in group:
            if piece.fault is not None:
                self._open.pop(piece.file, None)
                yield piece.file, piece.fault
                continue
            if piece.file not in self._open:
                self._open[piece.file] = self._new_file()
            self._open[piece.file].add(piece, found[id(piece)])
            if piece.last:
                yield piece.file, self._open.pop(piece.file).finished()


def _ready(futures: list[Future[Heard]], coming: Future[Group | None]) -> bool:
    """Waits until the next group is there or this one has been heard; whether it has."""
    while not coming.done() and not all(future.done() for future in futures):
        unfinished: list[Future[Any]] = [future for future in futures if not future.done()]
        wait([coming, *unfinished], return_when=FIRST_COMPLETED)
    return all(future.done() for future in futures)


def find_bundle(folder: Path) -> Path:
    """A bundle itself, or the one inside a run."""
    inside = folder / "model"
    return inside if (inside / "model.json").is_file() else folder
