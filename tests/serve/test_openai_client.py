"""OpenAI's own Python client, as it is, against a real server."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openai
import pytest
import soundfile
from openai import AsyncOpenAI, OpenAI
from served import Served

from asr import Transcriber, Transcript


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def expected(run_folder: Path, recordings: list[Path]) -> list[Transcript]:
    """What `asr transcribe` makes of each file by itself."""
    transcriber = Transcriber(run_folder, device="cpu", words=True, confidence="posterior")
    return [transcriber(path) for path in recordings]


def test_text_of_every_file(client: OpenAI, recordings: list[Path], expected: list[Transcript]) -> None:
    assert len({one.text for one in expected}) > 3
    for path, transcript in zip(recordings, expected, strict=True):
        found = client.audio.transcriptions.create(file=path, model="tones")
        assert found.text == transcript.text
        assert found.usage is not None and found.usage.type == "duration"
        assert found.usage.seconds == pytest.approx(transcript.seconds, abs=1e-3)


def test_verbose_json(client: OpenAI, recordings: list[Path], expected: list[Transcript]) -> None:
    found = client.audio.transcriptions.create(
        file=recordings[0],
        model="tones",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        language="en",
        prompt="ignored",
        temperature=0.0,
    )
    transcript = expected[0]
    assert (found.text, found.language) == (transcript.text, "en")
    assert found.duration == pytest.approx(transcript.seconds, abs=1e-3)
    assert found.words is not None and found.segments is not None
    assert [word.word for word in found.words] == [word.word for word in transcript.words]
    for word, own in zip(found.words, transcript.words, strict=True):
        assert (word.start, word.end) == (round(own.start, 3), round(own.end, 3))
        assert word.to_dict()["confidence"] == round(own.confidence or 0.0, 4)
    assert [segment.text for segment in found.segments] == [segment.text for segment in transcript.segments]
    assert found.segments[0].id == 0 and found.segments[0].avg_logprob <= 0


@pytest.mark.parametrize(("asked", "has"), [(["word"], (True, False)), (["segment"], (False, True))])
def test_granularities(
    client: OpenAI, recordings: list[Path], asked: list[str], has: tuple[bool, bool]
) -> None:
    found = client.audio.transcriptions.create(
        file=recordings[0], model="tones", response_format="verbose_json", timestamp_granularities=asked
    )
    assert (found.words is not None, found.segments is not None) == has


def test_formats_that_are_text(client: OpenAI, recordings: list[Path], expected: list[Transcript]) -> None:
    text = expected[0].text
    found = {
        form: client.audio.transcriptions.create(file=recordings[0], model="tones", response_format=form)
        for form in ("text", "srt", "vtt")
    }
    assert found["text"] == f"{text}\n"
    assert found["srt"].startswith("1\n00:00:0") and text in found["srt"]
    assert found["vtt"].startswith("WEBVTT\n\n00:00:0") and text in found["vtt"]


@pytest.mark.parametrize("form", ["tsv", "ctm", "jsonl"])
def test_our_own_formats(
    client: OpenAI, recordings: list[Path], expected: list[Transcript], form: str
) -> None:
    """The client knows nothing of them, and hands over what it got."""
    answer = client.audio.transcriptions.with_raw_response.create(
        file=("talk one.wav", recordings[0].read_bytes()), model="tones", response_format=form
    )
    text = answer.http_response.text
    first = expected[0].words[0]
    assert {
        "tsv": lambda: text.startswith(f"start\tend\ttext\n{round(first.start * 1000)}\t"),
        "ctm": lambda: text.startswith(f"talk_one 1 {first.start:.3f} "),
        "jsonl": lambda: json.loads(text)["file"] == "talk one.wav",
    }[form]()


def test_stream(client: OpenAI, recordings: list[Path], expected: list[Transcript]) -> None:
    events = list(client.audio.transcriptions.create(file=recordings[1], model="tones", stream=True))
    assert [event.type for event in events[-2:]] == ["transcript.text.delta", "transcript.text.done"]
    deltas = "".join(event.delta for event in events if event.type == "transcript.text.delta")
    assert deltas == events[-1].text == expected[1].text


def test_logprobs_are_those_of_words(
    client: OpenAI, recordings: list[Path], expected: list[Transcript]
) -> None:
    found = client.audio.transcriptions.create(file=recordings[0], model="tones", include=["logprobs"])
    assert found.logprobs is not None
    assert "".join(entry.token or "" for entry in found.logprobs) == expected[0].text
    sure = [np.exp(entry.logprob or 0.0) for entry in found.logprobs]
    assert sure == pytest.approx([word.confidence for word in expected[0].words], abs=1e-4)


def test_models(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["tones"]
    assert client.models.retrieve("tones").owned_by == "attest"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("whisper-1")


def test_errors_are_the_clients_own(client: OpenAI, recordings: list[Path]) -> None:
    create = client.audio.transcriptions.create
    with pytest.raises(openai.NotFoundError) as wrong_model:
        create(file=recordings[0], model="whisper-1")
    assert (wrong_model.value.code, wrong_model.value.param) == ("model_not_found", "model")
    assert "this server has tones" in wrong_model.value.message
    with pytest.raises(openai.BadRequestError, match=r"a\.wav: not audio in a format") as no_audio:
        create(file=("../../a.wav", b"no audio at all"), model="tones")
    assert (no_audio.value.code, no_audio.value.type) == ("audio_unreadable", "invalid_request_error")
    with pytest.raises(openai.BadRequestError, match="response_format=verbose_json"):
        create(file=recordings[0], model="tones", timestamp_granularities=["word"])
    with pytest.raises(openai.BadRequestError, match="speakers"):
        create(file=recordings[0], model="tones", response_format="diarized_json")
    with pytest.raises(
        openai.BadRequestError, match="not audio"
    ):  # before the first event: a status of its own
        create(file=("a.wav", b"no audio at all"), model="tones", stream=True)
    with pytest.raises(openai.APIStatusError) as large:
        create(file=("a.wav", bytes(2_500_000)), model="tones")
    assert (large.value.status_code, large.value.code) == (413, "file_too_large")


@pytest.mark.anyio
async def test_realtime(server: Served, recordings: list[Path], expected: list[Transcript]) -> None:
    samples, rate = soundfile.read(recordings[0], dtype="int16")
    client = AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none")
    audio = {"input": {"format": {"type": "audio/pcm", "rate": rate}, "transcription": {"model": "tones"}}}
    async with client, client.realtime.connect(model="tones") as connection:
        assert (await connection.recv()).type == "session.created"
        await connection.session.update(session={"type": "transcription", "audio": audio})
        assert (await connection.recv()).type == "session.updated"
        for begin in range(0, len(samples), 1000):
            block = samples[begin : begin + 1000].tobytes()
            await connection.input_audio_buffer.append(audio=base64.b64encode(block).decode())
        await connection.input_audio_buffer.commit()
        async for event in connection:
            if event.type == "conversation.item.input_audio_transcription.completed":
                break
    assert event.usage.type == "duration"
    assert isinstance(event.transcript, str)
