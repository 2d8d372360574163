"""The live interface in this process: its events are those of `Live`, and what is wrong is said."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient, WebSocketDenialResponse, WebSocketTestSession

from asr import Transcriber
from asr.serve.app import make_app
from asr.serve.models import Models, Served
from asr.serve.service import Service
from asr.serve.settings import Limits, Settings
from asr.transcribe.live.live import Final, Live

TRANSCRIPTION = "conversation.item.input_audio_transcription"
PATH = "/v1/realtime?model=tones"


@pytest.fixture(scope="module")
def transcriber(run_folder: Path) -> Transcriber:
    return Transcriber(run_folder, device="cpu", words=True, confidence="posterior")


@pytest.fixture(scope="module")
def service(transcriber: Transcriber) -> Iterator[Service]:
    limits = Limits(seconds=20, live=2)
    made = Service(Settings(limits=limits, hosts=("testserver",)), Models([Served("tones", transcriber, 0)]))
    yield made
    made.close()


@pytest.fixture
def client(service: Service, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """Tones are no speech to Silero's network: a gate finds their pauses here."""
    monkeypatch.setattr("asr.serve.live_session.installed", lambda: False)
    return TestClient(make_app(service))


@pytest.fixture(scope="module")
def spoken(recordings: list[Path]) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Two recordings with a pause between them, and one after."""
    samples, rate = [], 0
    for path in recordings[:2]:
        one, rate = soundfile.read(path, dtype="int16")
        samples += [one, np.zeros(rate, np.int16)]
    return np.concatenate(samples)


def update(**heard: Any) -> str:
    return json.dumps(
        {"type": "session.update", "session": {"type": "transcription", "audio": {"input": heard}}}
    )


def until(socket: WebSocketTestSession, kind: str) -> list[dict[str, Any]]:
    """Events up to the first of this kind."""
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] != kind:
        events.append(socket.receive_json())
    return events


@pytest.mark.parametrize("binary", [True, False])
def test_what_was_said_is_what_live_hears(
    client: TestClient, transcriber: Transcriber, spoken: np.ndarray[Any, Any], binary: bool
) -> None:
    live = Live(transcriber, sample_rate=8_000, voice="energy")
    sound = spoken.astype(np.float32) / np.float32(32768)
    updates = [*live.feed(sound, partials=False), *live.finish()]
    finals = [one for one in updates if isinstance(one, Final) and one.text]
    assert len(finals) == 2
    with client.websocket_connect(PATH) as socket:
        assert socket.receive_json()["type"] == "session.created"
        socket.send_text(update(format={"type": "audio/pcm", "rate": 8_000}))
        session = socket.receive_json()
        assert session["session"]["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 8_000}
        raw = spoken.tobytes()
        for begin in range(0, len(raw), 1_001):  # odd: half a sample waits for the next message
            block = raw[begin : begin + 1_001]
            if binary:
                socket.send_bytes(block)
            else:
                audio = base64.b64encode(block).decode()
                socket.send_text(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
        socket.send_text('{"type": "input_audio_buffer.commit"}')
        events: list[dict[str, Any]] = []
        for _ in finals:
            events += until(socket, f"{TRANSCRIPTION}.completed")
    completed = [event for event in events if event["type"] == f"{TRANSCRIPTION}.completed"]
    assert [event["transcript"] for event in completed] == [final.text for final in finals]
    for event, final in zip(completed, finals, strict=True):
        assert (event["start"], event["end"]) == (round(final.start, 3), round(final.end, 3))
        assert [word["word"] for word in event["words"]] == [word.word for word in final.words]
    deltas = [event["delta"] for event in events if event["type"] == f"{TRANSCRIPTION}.delta"]
    assert deltas == [final.text for final in finals]
    items = [event["item_id"] for event in events if event["type"] == "input_audio_buffer.committed"]
    assert items == [event["item_id"] for event in completed] and len(set(items)) == 2
    assert len({event["event_id"] for event in events}) == len(events)


def test_a_commit_always_gives_an_item_and_times_go_on(
    client: TestClient, spoken: np.ndarray[Any, Any]
) -> None:
    """Silence, committed, then speech: its times are those of the whole stream."""
    with client.websocket_connect(PATH) as socket:
        socket.send_text(update(format={"type": "audio/pcm", "rate": 8_000}))
        for sound in (np.zeros(8_000, np.int16), spoken):
            socket.send_bytes(sound.tobytes())
            socket.send_text('{"type": "input_audio_buffer.commit"}')
        silent = until(socket, f"{TRANSCRIPTION}.completed")[-1]
        assert (silent["transcript"], silent["words"]) == ("", [])
        said = until(socket, f"{TRANSCRIPTION}.completed")[-1]
        assert said["transcript"]
        assert 1.0 <= said["start"] < said["words"][0]["end"] <= said["end"] <= 1.0 + len(spoken) / 8_000


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no json", "invalid_json"),
        ("[1]", "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        ('{"type": "response.create"}', "unknown_event"),
        ("{}", "unknown_event"),
        ('{"type": "input_audio_buffer.append"}', "invalid_value"),
        ('{"type": "input_audio_buffer.append", "audio": "***"}', "invalid_value"),
        ('{"type": "input_audio_buffer.commit"}', "input_audio_buffer_commit_empty"),
        ('{"type": "session.update", "session": {"type": "realtime"}}', "invalid_value"),
        (update(format={"type": "audio/pcmu"}), "invalid_value"),
        (update(format={"type": "audio/pcm", "rate": 10}), "invalid_value"),
        (update(format=7), "invalid_value"),
        (update(transcription={"model": "whisper-1"}), "invalid_value"),
        (update(turn_detection={"type": "semantic_vad"}), "invalid_value"),
        (update(turn_detection={"silence_duration_ms": 1}), "invalid_value"),
        (update(noise_reduction={"type": "near_field"}), "invalid_value"),
    ],
)
def test_what_is_wrong_is_said_and_the_session_goes_on(client: TestClient, message: str, code: str) -> None:
    with client.websocket_connect(PATH) as socket:
        socket.receive_json()
        socket.send_text(message)
        error = socket.receive_json()
        assert (error["type"], error["error"]["code"]) == ("error", code)
        assert error["error"]["message"]
        socket.send_text(update(turn_detection={"type": "server_vad", "silence_duration_ms": 400}))
        session = socket.receive_json()["session"]
        assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 400


def test_what_cannot_be_changed_any_more(client: TestClient) -> None:
    with client.websocket_connect(PATH) as socket:
        socket.receive_json()
        socket.send_bytes(bytes(100))
        socket.send_text(update(format={"type": "audio/pcm", "rate": 16_000}))
        assert socket.receive_json()["error"]["code"] == "too_late"


def test_the_end_of_a_session_that_is_too_long(client: TestClient) -> None:
    with client.websocket_connect(PATH) as socket:
        socket.receive_json()
        socket.send_bytes(bytes(2 * 24_000 * 21))
        assert socket.receive_json()["error"]["code"] == "audio_too_long"
        assert socket.receive() == {"type": "websocket.close", "code": 1009, "reason": ""}


def test_who_may_not_begin(client: TestClient, service: Service) -> None:
    for path, headers, status in (
        ("/v1/realtime?model=other", {}, 404),
        (PATH, {"Origin": "http://evil.example"}, 403),
        (PATH, {"Host": "evil.example"}, 403),
    ):
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            client.websocket_connect(path, headers=headers),
        ):
            pass
        assert refused.value.status_code == status
    with client.websocket_connect(PATH), client.websocket_connect(PATH):
        with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect(PATH):
            pass
        assert (refused.value.status_code, refused.value.json()["error"]["code"]) == (
            503,
            "server_overloaded",
        )
    assert service.live == 0
