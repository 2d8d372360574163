"""Audio to text with a trained model, from Python."""

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import torch

from asr.audio import Audio
from asr.decoding.greedy import best_path, collapse
from asr.model.bundle import Bundle, load_bundle
from asr.model.inference import Inference
from asr.numerics import choose_device, warm_up
from asr.tokenizer import Tokenizer
from asr.transcribe.hear import LogProbs, posteriors
from asr.transcribe.reading import Group, Piece, Source, batches_of, groups_of, pieces_of, read_ahead
from asr.transcribe.transcript import Found, Transcript, in_order
from asr.transcribe.windows import Joiner, Windows

__all__ = ["Audio", "Transcriber", "Transcript"]
Heard = list[tuple[Piece, LogProbs]]  # in one batch


class Transcriber:
    """Transcribes files of any sample rate, channel count and length, or mono arrays of any sample rate.

        from asr import Transcriber

        transcriber = Transcriber("runs/an4")
        print(transcriber("speech.flac").text)

    Args:
        model: a bundle folder, or the folder of a run that holds one.
        device: auto, cpu, cuda or cuda:N.

    Raises:
        BundleError: no model there, or it is damaged.
    """

    def __init__(self, model: str | Path, *, device: str = "auto") -> None:
        self.device = choose_device(device)
        self.bundle: Bundle = load_bundle(find_bundle(Path(model)))
        self.model = self.bundle.model.to(self.device)
        self.windows = Windows.of(self.bundle.description.front_end, self.bundle.description.model)
        self._inference = Inference(self.model)

    @property
    def sample_rate(self) -> int:
        """Hz, what the model hears; other rates are resampled."""
        return self.bundle.description.front_end.sample_rate

    def __call__(self, audio: str | Path | Audio) -> Transcript:
        """Transcribes one file, or samples with their rate.

        Raises:
            AudioError: the file cannot be read, is cut off or holds no sample.
        """
        results = _Results(self.bundle.tokenizer, self.windows, self.sample_rate)
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
        results = _Results(self.bundle.tokenizer, self.windows, self.sample_rate)
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
        heard = posteriors(self._inference, [piece.samples for piece in batch])
        return list(zip(batch, heard, strict=True))


class _Results:
    """Puts together what was heard in the pieces of each file."""

    def __init__(self, tokenizer: Tokenizer, windows: Windows, sample_rate: int) -> None:
        self._tokenizer, self._windows, self._sample_rate = tokenizer, windows, sample_rate
        self._open: dict[int, _Unfinished] = {}

    def of(self, group: Group, heard: Iterable[Heard]) -> Iterator[tuple[int, Found]]:
        """Results of the files that end in this group, each as soon as all its pieces have been heard."""
        found = {id(piece): log_probs for batch in heard for piece, log_probs in batch}
        for piece in group:
            if piece.fault is not None:
                self._open.pop(piece.file, None)
                yield piece.file, piece.fault
                continue
            file = self._open.setdefault(piece.file, _Unfinished(Joiner(self._windows)))
            file.add(piece, found[id(piece)], self._windows)
            if piece.last:
                del self._open[piece.file]
                yield (
                    piece.file,
                    Transcript(self._tokenizer.decode(file.tokens), file.samples / self._sample_rate),
                )


class _Unfinished:
    """A file of which more is to come."""

    def __init__(self, joiner: Joiner) -> None:
        self.tokens: list[int] = []
        self.samples = 0
        self._joiner = joiner
        self._before: int | None = None  # the token of the last frame

    def add(self, piece: Piece, log_probs: LogProbs, windows: Windows) -> None:
        path = best_path(self._joiner.add(log_probs, piece.last))
        self.tokens += collapse(path, before=self._before)
        self._before = int(path[-1]) if len(path) else self._before
        self.samples += len(piece.samples) if piece.last else windows.step


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
