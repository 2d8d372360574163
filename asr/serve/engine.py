"""Computes what all requests ask for: sound is read in some threads while others compute batches across requests.

What is heard in a recording does not depend on what else is computed (asr.transcribe.hear), so a batch is only quicker.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from asr.numerics import one_thread
from asr.serve.models import Hearing
from asr.serve.turns import Share, Turns
from asr.transcribe.hear import LogProbs
from asr.transcribe.reading import Piece
from asr.transcribe.transcript import Part, Transcript

AHEAD = 1024.0  # seconds of sound that are read before they are computed, of all recordings; each has one piece anyway
READERS = 2  # threads

Listener = Callable[[list[Part], float], None]  # parts that are certain now, and seconds heard so far
Watch = Callable[[str, int, float], None]  # a batch: model, pieces, seconds it took


class Job:
    """One recording, from its sound to its transcript."""

    def __init__(
        self,
        hearing: Hearing,
        pieces: Iterator[Piece],
        words: bool,
        listener: Listener,
        close: Callable[[], None],
    ) -> None:
        self.hearing, self.pieces, self.listener = hearing, pieces, listener
        self.transcript: Future[Transcript] = Future()
        self.share = Share()
        self.recording = hearing.transcriber.recording(words)
        self.read = 0  # pieces
        self.waiting = 0  # of them, not taken yet
        self.due = 0  # the piece that is joined next
        self.heard: dict[int, tuple[Piece, LogProbs]] = {}
        self.reading = False  # a thread is reading, or will
        self.at_end = False  # all has been read
        self.joining = False
        self.over = False  # nothing more is wanted
        self._close, self._closing = close, threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Lets go of the sound. Not while it is being read."""
        with self._closing:
            if not self._closed:
                self._closed = True
                if (end := getattr(self.pieces, "close", None)) is not None:
                    end()
                self._close()


class CancelledError(Exception):
    """Of a transcript that nobody wanted any more."""


@dataclass
class _Heard:
    """A piece to be computed: of a job, or of somebody who waits for its log-probs."""

    piece: Piece
    hearing: Hearing
    job: Job | None = None
    place: int = 0  # in the job
    answer: Future[LogProbs] | None = None


class Engine:
    """Threads that read and compute, until it is stopped."""

    def __init__(self, workers: int, watch: Watch = lambda *_: None) -> None:
        self._watch = watch
        self._turns: Turns[_Heard] = Turns()
        self._jobs: set[Job] = set()
        self._changed = threading.Condition()
        self._stopped = False
        self._idle = workers
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reading")
        self._workers = [
            threading.Thread(target=self._work, name=f"computing-{number}", daemon=True)
            for number in range(workers)
        ]
        for worker in self._workers:
            worker.start()

    def submit(
        self,
        hearing: Hearing,
        pieces: Iterator[Piece],
        *,
        words: bool = True,
        listener: Listener = lambda *_: None,
        close: Callable[[], None] = lambda: None,
    ) -> Job:
        """Begins with a recording.

        Args:
            pieces: of its sound, read in a thread.
            words: whether they are wanted.
            listener: called from threads, in order.
            close: called once, when the sound is not needed any more, from any thread.
        """
        job = Job(hearing, pieces, words, listener, close)
        with self._changed:
            self._jobs.add(job)
            self._read_on(job)
        return job

    def cancel(self, job: Job) -> None:
        """Nobody wants it any more. What is being computed of it is thrown away."""
        self._end(job, partial(job.transcript.set_exception, CancelledError()))

    def hear(self, hearing: Hearing, piece: Piece) -> LogProbs:
        """Log-probs of a piece whose turn is now, in whichever batch; waits for them."""
        answer: Future[LogProbs] = Future()
        with self._changed:
            if self._stopped:
                raise RuntimeError("the engine has been stopped")
            self._put(None, _Heard(piece, hearing, answer=answer))
        return answer.result()

    @property
    def waiting(self) -> tuple[int, float]:
        """Pieces that wait, and seconds of sound in them."""
        with self._changed:
            return len(self._turns), self._turns.seconds

    def stop(self) -> None:
        """Drops what is not done, and waits for the threads."""
        with self._changed:
            self._stopped = True
            jobs = list(self._jobs)
            self._changed.notify_all()
        for job in jobs:
            self.cancel(job)
        for worker in self._workers:
            worker.join()
        self._readers.shutdown(wait=True)
        while left := self._turns.take():
            for heard in left:
                if heard.answer is not None:
                    heard.answer.set_exception(CancelledError())

    def _read_on(self, job: Job) -> None:
        """Reads the next piece, if it may be read now. Called with the lock."""
        if job.reading or job.at_end or job.over or self._stopped:
            return
        if job.waiting == 0 or self._turns.seconds < AHEAD:
            job.reading = True
            self._readers.submit(self._read, job)

    def _read(self, job: Job) -> None:
        """One piece: then others have their turn at the threads that read."""
        piece: Piece | None = None
        fault: Exception | None = None
        try:
            piece = None if job.over else next(job.pieces)
            fault = None if piece is None else piece.fault
        except Exception as error:  # noqa: BLE001  # it ends this recording alone
            fault = error
        if fault is not None:
            self._end(job, partial(job.transcript.set_exception, fault))
        with self._changed:
            job.reading = False
            if piece is not None and not job.over:
                self._put(job.share, _Heard(piece, job.hearing, job, job.read))
                job.read += 1
                job.waiting += 1
                job.at_end = piece.last
                self._read_on(job)
            at_end = job.at_end or job.over
        if at_end:
            job.close()

    def _put(self, share: Share | None, heard: _Heard) -> None:
        hearing = heard.hearing
        seconds = len(heard.piece.samples) / hearing.transcriber.sample_rate
        self._turns.put(share, seconds, hearing, heard, batched=hearing.batched)
        self._changed.notify()

    def _work(self) -> None:
        one_thread()
        while (batch := self._next_batch()) is not None:
            self._compute(batch)
            with self._changed:
                self._idle += 1

    def _next_batch(self) -> list[_Heard] | None:
        with self._changed:
            while not (self._turns or self._stopped):
                self._changed.wait()
            if self._stopped:
                return None
            batch = self._turns.take(self._idle)
            self._idle -= 1
            for heard in batch:
                if heard.job is not None:
                    heard.job.waiting -= 1
            for job in self._jobs:
                self._read_on(job)
            return batch

    def _compute(self, batch: list[_Heard]) -> None:
        hearing = batch[0].hearing
        began = time.monotonic()
        try:
            found = hearing.transcriber.hear([heard.piece for heard in batch])
        except Exception as error:  # noqa: BLE001  # it ends these recordings alone
            for heard in batch:
                self._fail(heard, error)
            return
        self._watch(hearing.model, len(batch), time.monotonic() - began)
        for heard, (piece, log_probs) in zip(batch, found, strict=True):
            if heard.answer is not None:
                heard.answer.set_result(log_probs)
            elif (job := heard.job) is not None:
                with self._changed:
                    job.heard[heard.place] = piece, log_probs
                self._join(job)

    def _join(self, job: Job) -> None:
        """What has been heard, in order, as far as it goes; by one thread at a time."""
        while True:
            with self._changed:
                if job.joining or job.over or job.due not in job.heard:
                    return
                job.joining = True
                piece, log_probs = job.heard.pop(job.due)
            try:
                parts = job.recording.add(piece, log_probs)
                transcript = job.recording.finished() if piece.last else None
                job.listener(parts, (piece.begin + len(piece.samples)) / job.hearing.transcriber.sample_rate)
            except Exception as error:  # noqa: BLE001  # it ends this recording alone
                self._end(job, partial(job.transcript.set_exception, error))
                return
            with self._changed:
                job.due += 1
                job.joining = False
            if transcript is not None:
                self._end(job, partial(job.transcript.set_result, transcript))

    def _fail(self, heard: _Heard, error: Exception) -> None:
        if heard.answer is not None:
            heard.answer.set_exception(error)
        if (job := heard.job) is not None:
            self._end(job, partial(job.transcript.set_exception, error))

    def _end(self, job: Job, tell: Callable[[], Any]) -> None:
        """Once, whatever comes first. The sound is let go by the thread that reads it, if one does."""
        with self._changed:
            if job.over:
                return
            job.over = True
            self._jobs.discard(job)
            self._turns.drop(lambda heard: heard.job is job)
            for other in self._jobs:
                self._read_on(other)
            idle = not job.reading
        if idle:
            job.close()
        tell()
