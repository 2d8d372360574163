"""What is computed together, in which order, and what happens to what fails or is not wanted any more."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stand_in_model import RATE, StandIn, models_of

from asr import Transcriber
from asr.audio import Audio
from asr.errors import AudioError
from asr.serve.engine import AHEAD, CancelledError, Engine, Job
from asr.serve.models import Hearing
from asr.transcribe.reading import BATCH_SECONDS, Piece
from asr.transcribe.transcript import Transcript


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine(workers=1)
    yield made
    made.stop()


@pytest.fixture
def heard() -> StandIn:
    return StandIn()


@pytest.fixture
def model(heard: StandIn) -> Hearing:
    return models_of(stub=heard)["stub"].sure


def pieces(seconds: float, model: Hearing) -> Iterator[Piece]:
    audio = Audio(np.zeros(round(seconds * RATE), np.float32), RATE)
    return model.transcriber.pieces(0, iter([audio]))


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_a_recording_in_pieces_is_joined_in_order(engine: Engine, model: Hearing) -> None:
    told: list[tuple[str, float]] = []
    closed: list[bool] = []
    job = engine.submit(
        model,
        pieces(3.5, model),
        listener=lambda parts, seconds: told.extend((part.text, seconds) for part in parts),
        close=lambda: closed.append(True),
    )
    found = job.transcript.result(20)
    assert found.text == "8000 8000 8000 4000"
    assert told == [("8000", 1.0), ("8000", 2.0), ("8000", 3.0), ("4000", 3.5)]
    assert [word.start for word in found.words] == [0.0, 1.0, 2.0, 3.0]
    until(lambda: closed == [True])


def test_recordings_that_wait_are_one_batch(engine: Engine, model: Hearing, heard: StandIn) -> None:
    heard.gate.clear()
    first = engine.submit(model, pieces(0.5, model))
    until(lambda: heard.begun == 1)
    others = [engine.submit(model, pieces(0.75, model)) for _ in range(20)]
    until(lambda: engine.waiting[0] == 20)
    heard.gate.set()
    assert [job.transcript.result(20).text for job in (first, *others)] == ["4000"] + ["6000"] * 20
    assert [len(batch) for batch in heard.batches] == [1, 20]


def test_a_short_recording_does_not_wait_for_a_long_one(
    engine: Engine, model: Hearing, heard: StandIn
) -> None:
    heard.batched = False
    heard.gate.clear()
    long = engine.submit(model, pieces(50, model))
    until(lambda: (heard.begun, engine.waiting[0]) == (1, 49))
    short = engine.submit(model, pieces(0.5, model))
    until(lambda: engine.waiting[0] == 50)
    heard.gate.set()
    assert short.transcript.result(20).text == "4000"
    assert long.transcript.result(20).seconds == 50
    place = next(n for n, batch in enumerate(heard.batches) if len(batch[0].samples) == 4000)
    assert place <= 2


def test_no_more_is_read_ahead_than_may_be(engine: Engine, model: Hearing, heard: StandIn) -> None:
    heard.gate.clear()
    read = [0]

    def endless() -> Iterator[Piece]:
        while True:
            read[0] += 1
            yield Piece(0, np.zeros(60 * RATE, np.float32), last=False)

    job = engine.submit(model, endless())
    until(lambda: engine.waiting[1] >= AHEAD)
    time.sleep(0.1)
    assert read[0] <= (AHEAD + BATCH_SECONDS) / 60 + 1  # a batch of them is being computed
    engine.cancel(job)
    heard.gate.set()


def test_a_fault_ends_its_recording_alone(engine: Engine, model: Hearing, heard: StandIn) -> None:
    def broken() -> Iterator[Piece]:
        yield Piece(0, np.zeros(RATE, np.float32), last=False)
        yield Piece(0, np.zeros(0, np.float32), last=True, fault=AudioError("cut off"))

    def failing() -> Iterator[Piece]:
        yield Piece(0, np.zeros(RATE, np.float32), last=False)
        raise ZeroDivisionError

    jobs = [engine.submit(model, made) for made in (broken(), failing(), pieces(1.0, model))]
    with pytest.raises(AudioError, match="cut off"):
        jobs[0].transcript.result(20)
    with pytest.raises(ZeroDivisionError):
        jobs[1].transcript.result(20)
    assert jobs[2].transcript.result(20).text == "8000"


def test_what_cannot_be_computed_ends_what_was_in_its_batch_alone(
    engine: Engine, model: Hearing, heard: StandIn
) -> None:
    def refuse(batch: list[Piece]) -> None:
        if len(batch[0].samples) == 4000:
            raise MemoryError

    heard.before = refuse
    with pytest.raises(MemoryError):
        engine.submit(model, pieces(0.5, model)).transcript.result(20)
    assert engine.submit(model, pieces(1.0, model)).transcript.result(20).text == "8000"


def test_what_is_not_wanted_any_more_is_not_computed(engine: Engine, model: Hearing, heard: StandIn) -> None:
    heard.gate.clear()
    closed = threading.Event()
    first = engine.submit(model, pieces(0.5, model))
    until(lambda: heard.begun == 1)
    unwanted = engine.submit(model, pieces(30, model), close=closed.set)
    until(lambda: engine.waiting[0] == 30)
    engine.cancel(unwanted)
    assert engine.waiting == (0, 0.0)
    assert closed.wait(20)
    heard.gate.set()
    with pytest.raises(CancelledError):
        unwanted.transcript.result(20)
    assert first.transcript.result(20).text == "4000"
    assert len(heard.batches) == 1


def test_the_sound_is_let_go_when_it_is_not_being_read(engine: Engine, model: Hearing) -> None:
    """A file that is closed while a thread reads it could be another's by then."""
    reading, go, order = threading.Event(), threading.Event(), []

    def slow() -> Iterator[Piece]:
        reading.set()
        assert go.wait(20)
        order.append("read")
        yield Piece(0, np.zeros(RATE, np.float32), last=True)

    job = engine.submit(model, slow(), close=lambda: order.append("closed"))
    assert reading.wait(20)
    engine.cancel(job)
    time.sleep(0.05)
    assert order == []
    go.set()
    until(lambda: len(order) == 2)
    assert order == ["read", "closed"]


def test_a_live_piece_is_next(engine: Engine, model: Hearing, heard: StandIn) -> None:
    heard.batched = False
    heard.gate.clear()
    jobs = [engine.submit(model, pieces(1.0, model)) for _ in range(3)]
    until(lambda: (heard.begun, engine.waiting[0]) == (1, 2))
    answer: Future[Any] = Future()
    live = Piece(0, np.zeros(77, np.float32), last=True)
    threading.Thread(target=lambda: answer.set_result(engine.hear(model, live)), daemon=True).start()
    until(lambda: engine.waiting[0] == 3)
    heard.gate.set()
    assert answer.result(20).shape == (1, 2)
    for job in jobs:
        job.transcript.result(20)
    assert [len(batch[0].samples) for batch in heard.batches] == [8000, 77, 8000, 8000]


def test_a_stop_ends_what_is_under_way(model: Hearing, heard: StandIn) -> None:
    engine = Engine(workers=2)
    heard.gate.clear()
    jobs = [engine.submit(model, pieces(5.0, model)) for _ in range(4)]
    until(lambda: heard.begun == 2)
    for job in jobs:  # the batches under way go on when nothing more is wanted of them
        job.transcript.add_done_callback(
            lambda _: all(one.transcript.done() for one in jobs) and heard.gate.set()
        )
    engine.stop()
    assert all(isinstance(job.transcript.exception(5), CancelledError) for job in jobs)
    with pytest.raises(RuntimeError):
        engine.hear(model, Piece(0, np.zeros(8, np.float32), last=True))


@pytest.mark.parametrize(("workers", "confidence"), [(1, "none"), (2, "posterior")])
def test_what_is_heard_does_not_depend_on_what_else_is(
    run_folder: Path, recordings: list[Path], workers: int, confidence: str
) -> None:
    """Short and long ones at once, as `asr transcribe` hears each by itself, words, times and confidence."""
    transcriber = Transcriber(
        run_folder, device="cpu", words=True, confidence=confidence, segmentation="windows"
    )
    rate = transcriber.sample_rate
    samples = [next(transcriber.pieces(0, path)).samples for path in recordings]
    long = [np.concatenate(samples * times)[: rate * 75] for times in (8, 7)]
    sounds = [Audio(sound, rate) for sound in (*samples, *long)]
    alone = [transcriber(sound) for sound in sounds]
    engine = Engine(workers)
    try:
        model = Hearing("tones", transcriber)
        jobs: list[Job] = [engine.submit(model, transcriber.pieces(0, sound)) for sound in sounds]
        together: list[Transcript] = [job.transcript.result(60) for job in jobs]
    finally:
        engine.stop()
    assert together == alone
    assert max(len(one.words) for one in alone) > 40
