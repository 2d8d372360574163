"""What is too much, each with its own status; and that what was refused leaves nothing behind."""

import asyncio
import errno
import io
import struct
import time
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
import soundfile
from in_process import TRANSCRIPTIONS, Application, code_of, serving
from stand_in_model import RATE, StandIn, models_of

from asr.audio_length import find_extent
from asr.serve.settings import Limits, Settings


@pytest.fixture
def heard() -> StandIn:
    return StandIn()


@pytest.fixture
def application(heard: StandIn) -> Iterator[Application]:
    limits = Limits(megabytes=1, seconds=30, requests=4)
    with serving(models_of(stub=heard), Settings(limits=limits)) as made:
        yield made


def sound(seconds: float, form: str = "WAV", subtype: str | None = "PCM_16") -> bytes:
    stream = io.BytesIO()
    with soundfile.SoundFile(stream, "w", RATE, 1, format=form, subtype=subtype) as file:
        for _ in range(round(seconds)):
            file.write(np.zeros(RATE, np.float32))
    return stream.getvalue()


def test_size(application: Application, heard: StandIn) -> None:
    assert application.post(sound(2)).json()["text"] == "8000 8000"
    assert code_of(application.post(bytes(1_000_001))) == (413, "file_too_large")
    assert len(heard.batches) <= 2


@pytest.mark.parametrize(
    ("form", "subtype"), [("WAV", "PCM_U8"), ("FLAC", None), ("OGG", "OPUS"), ("MP3", None)]
)
def test_seconds(application: Application, heard: StandIn, form: str, subtype: str | None) -> None:
    """A small file may be long: silence packs well."""
    file = sound(100, form, subtype)
    assert len(file) < 1_000_000
    assert code_of(application.post(file)) == (413, "audio_too_long")
    assert "30 s" in application.post(file).json()["error"]["message"]
    assert sum(len(piece.samples) for batch in heard.batches for piece in batch) <= 31 * RATE


def test_seconds_are_counted_before_resampling(application: Application, heard: StandIn) -> None:
    """200 kB that say they are a day and more: resampled to 8 kHz they would be gigabytes."""
    rate, data = 1_000, bytes(200_000)
    form = struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data)) + data
    file = b"RIFF" + struct.pack("<I", len(body)) + body
    assert find_extent(io.BytesIO(file)).container == "WAV"
    assert code_of(application.post(file)) == (413, "audio_too_long")
    assert heard.batches == []


def test_time(heard: StandIn) -> None:
    with serving(models_of(stub=heard), Settings(limits=Limits(time=0.2))) as application:
        heard.gate.clear()
        began = time.monotonic()
        answer = application.post(sound(1))
        assert code_of(answer) == (504, "took_too_long")
        assert answer.headers["x-should-retry"] == "false"  # or OpenAI's client would send it twice again
        assert time.monotonic() - began < 10
        heard.gate.set()
        assert application.service.running == 0


def test_number_at_once(application: Application, heard: StandIn) -> None:
    heard.gate.clear()

    async def crowd(client: httpx.AsyncClient) -> list[httpx.Response]:
        files = {"file": ("a.wav", sound(1))}
        asked = [asyncio.create_task(client.post(TRANSCRIPTIONS, files=files)) for _ in range(10)]
        while sum(one.done() for one in asked) < 6:
            await asyncio.sleep(0.005)
        assert (await client.get("/health/ready")).status_code == 503
        heard.gate.set()
        return await asyncio.gather(*asked)

    answers = application.run(crowd)
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [503] * 6
    for answer in answers:
        if answer.status_code == 503:
            assert code_of(answer) == (503, "server_overloaded")
            assert int(answer.headers["retry-after"]) > 0
    assert application.get("/health/ready").status_code == 200


def test_when_stopping_nothing_new_is_taken(application: Application) -> None:
    application.service.stopping.set()
    answer = application.post(sound(1))
    assert code_of(answer) == (503, "server_stopping")
    assert application.get("/health/ready").status_code == 503
    assert application.get("/health/live").status_code == 200


def test_a_full_disk(
    application: Application,
    heard: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/some/where")

    monkeypatch.setattr("asr.serve.upload._write", refuse)
    answer = application.post(sound(1))
    assert code_of(answer) == (503, "server_overloaded")
    assert "/some/where" not in answer.text + capfd.readouterr().err


def test_what_is_measured_and_said(application: Application, capfd: pytest.CaptureFixture[str]) -> None:
    """Numbers and routes; no name of a file, and nothing that was said."""
    application.post(sound(3), "private-name.wav")
    application.post(b"no sound", "private-name.wav")
    page = application.get("/metrics").text
    route = f'method="POST",route="{TRANSCRIPTIONS}"'
    assert f'asr_requests_total{{{route},status="200"}} 1.0' in page
    assert f'asr_requests_total{{{route},status="400"}} 1.0' in page
    assert 'asr_audio_seconds_total{model="stub"} 3.0' in page
    assert f'asr_request_seconds_count{{route="{TRANSCRIPTIONS}"}} 2.0' in page
    assert 'asr_batch_pieces_sum{model="stub"} 3.0' in page
    assert "asr_requests_running 0.0" in page
    log = capfd.readouterr().err
    assert f"POST {TRANSCRIPTIONS} 200" in log and "3.0 s of audio, model stub" in log
    assert "private" not in log + page and "8000" not in log


def test_models_and_limits_are_told(application: Application) -> None:
    told = application.get("/v1/models").json()
    assert told["limits"] == {"bytes": 1_000_000, "seconds": 30}
    assert [(model["id"], model["created"], model["sample_rate"]) for model in told["data"]] == [
        ("stub", 7, RATE)
    ]


def test_several_models() -> None:
    with serving(models_of(one=StandIn(), two=StandIn())) as application:
        assert application.post(sound(1), model="two").status_code == 200
        assert code_of(application.post(sound(1))) == (400, "model_missing")
        assert code_of(application.post(sound(1), model="three")) == (404, "model_not_found")
