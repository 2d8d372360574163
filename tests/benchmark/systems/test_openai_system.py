"""A server as a system: what is sent, what comes back, and all that can go wrong on the way."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import miniature
import pytest
from own_server import own_server
from pydantic import ValidationError
from scripted_server import Does, Scripted, models, scripted

from asr.benchmark.errors import HearingError
from asr.benchmark.systems import openai_server
from asr.benchmark.systems.openai_server import OpenAiSpec, OpenAiSystem


def system(address: str, **keys: Any) -> OpenAiSystem:
    tree = {"name": "it", "kind": "openai", "address": address, "model": "small", "timeout": 20.0}
    return OpenAiSpec.model_validate(tree | keys).system(Path())


@contextmanager
def opened(address: str, **keys: Any) -> Iterator[OpenAiSystem]:
    made = system(address, **keys)
    made.open()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "ein Satz, müde.wav"
    path.write_bytes(b"RIFF\r\n--sound\0\xff")
    return path


def test_a_file_is_sent_whole_and_its_text_comes_back(wav: Path) -> None:
    says = Does(body='{"text": " grüß dich \\u4f60 "}'.encode())
    with scripted(says) as server, opened(server.address, fields={"language": "en"}) as heard:
        begun = time.perf_counter()
        answer = heard.hear(wav)
        assert 0 < answer.seconds <= time.perf_counter() - begun
    assert answer.text == "grüß dich 你"
    assert server.forms == [
        {"model": b"small", "response_format": b"json", "language": b"en", "file": wav.read_bytes()}
    ]


def test_the_connection_stays_open(wav: Path) -> None:
    with scripted() as server, opened(server.address) as heard:
        before = server.connections
        for _ in range(3):
            heard.hear(wav)
    assert server.connections == before + 1


def test_a_connection_that_was_closed_meanwhile_is_made_anew(wav: Path) -> None:
    script = (Does(), Does(hangs_up=True), Does(body=b'{"text": "no"}'))
    with scripted(*script) as server, opened(server.address) as heard:
        assert [heard.hear(wav).text for _ in range(2)] == ["yes", "no"]


class Pauses:
    """In the place of `time`: pauses take no time here, and a thousand seconds by the clock that measures answers."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self) -> None:
        self.server: Scripted | None = None
        self.made: list[tuple[int, float]] = []  # after how many requests, how many seconds

    def perf_counter(self) -> float:
        return time.perf_counter() + 1000 * len(self.made)

    def sleep(self, seconds: float) -> None:
        assert self.server is not None
        self.made.append((len(self.server.forms), seconds))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    made = Pauses()
    monkeypatch.setattr(openai_server, "time", made)
    return made


@pytest.mark.parametrize("status", [429, 503])
def test_it_waits_as_long_as_it_is_told(status: int, wav: Path, pauses: Pauses) -> None:
    busy = Does(status, b"{}", {"Retry-After": "3"})
    with scripted(busy, Does()) as pauses.server, opened(pauses.server.address) as heard:
        answer = heard.hear(wav)
    assert answer.text == "yes"
    assert pauses.made == [(1, 3.0)]
    assert answer.seconds < 1000  # the wait is no work of the recogniser


def test_it_waits_by_itself_where_it_is_told_nothing_and_until_a_date(wav: Path, pauses: Pauses) -> None:
    past = Does(503, b"{}", {"Retry-After": formatdate(time.time() - 60, usegmt=True)})
    with scripted(Does(429, b"busy"), past, Does()) as pauses.server, opened(pauses.server.address) as heard:
        assert heard.hear(wav).text == "yes"
    assert pauses.made == [(1, 1.0), (2, 0.0)]


def test_a_wait_that_is_longer_than_the_time_left_is_no_answer(wav: Path, pauses: Pauses) -> None:
    refuses = Does(503, b'{"error": {"message": "too much at once"}}', {"Retry-After": "3600"})
    expected = pytest.raises(HearingError, match=r"status 503: too much at once; it asks to wait 3600 s")
    with scripted(refuses) as pauses.server, opened(pauses.server.address) as heard, expected:
        heard.hear(wav)
    assert pauses.made == []


@pytest.mark.parametrize(
    ("does", "message"),
    [
        (Does(500, b'{"error": {"message": "a bug", "code": null}}'), "status 500: a bug"),
        (Does(404, b'{"error": "no such model"}'), "status 404: no such model"),
        (Does(301, b"", {"Location": "https://elsewhere.example/v1"}), "go to https://elsewhere.example/v1"),
        (Does(body=b"<html>welcome"), "the answer is no JSON"),
        (Does(body=b'{"words": []}'), "no 'text' in the answer"),
        (Does(body=b'{"text": null}'), "text in the answer is no text: 'null'"),
        (Does(body=b'["text"]'), "no 'text' in the answer"),
        (Does(body=b'{"text": "\xff"}'), "no UTF-8"),
        (Does(cut=100), "cut off: 100 bytes are missing"),
        (Does(hangs_up=True), "Remote end closed connection"),
        (Does(status=200, headers={"Content-Length": "many"}), "no JSON|many|cut off|in time"),
    ],
)
def test_what_is_no_answer_says_what_came_instead(does: Does, message: str, wav: Path) -> None:
    expected = pytest.raises(HearingError, match=message)
    limit = 1.0 if "Content-Length" in does.headers else 60.0  # without a length it may go on to the limit
    with scripted(does) as server, opened(server.address, timeout=limit) as heard, expected:
        heard.hear(wav)


@pytest.mark.parametrize("slow", [Does(never=True), Does(body=b'{"text": "yes"}' + b" " * 285, drips=0.1)])
def test_what_is_too_slow_is_given_up(slow: Does, wav: Path) -> None:
    """One says nothing; one, at every moment, has just said something, for half a minute."""
    with scripted(slow) as server, opened(server.address, timeout=1.0) as heard:
        begun = time.monotonic()
        with pytest.raises(HearingError, match="no answer in time"):
            heard.hear(wav)
        assert 1.0 <= time.monotonic() - begun < 20
        server.script = [Does()]
        assert heard.hear(wav).text == "yes"  # and the late one is not taken for another's


def test_several_are_under_way_at_once(wav: Path) -> None:
    with scripted(Does(crowd=4)) as server, opened(server.address, at_once=4, timeout=60.0) as heard:
        assert heard.concurrent
        with ThreadPoolExecutor(4) as pool:
            assert [each.text for each in pool.map(heard.hear, [wav] * 4)] == ["yes"] * 4
    assert server.together == 4


def test_the_token_goes_to_the_server_and_nowhere_else(wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_TEST", "sesame-123")
    echoes = Does(401, b'{"error": {"message": "bad key sesame-123"}}')
    with (
        scripted(echoes, models=models({"id": "small"})) as server,
        opened(server.address, token_env="SECRET_OF_TEST") as heard,
    ):
        with pytest.raises(HearingError, match=r"bad key \*\*\*$"):
            heard.hear(wav)
        assert "sesame" not in str(heard.identity())
    assert {each["Authorization"] for each in server.headers} == {"Bearer sesame-123"}


def test_a_token_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_OF_TEST", raising=False)
    with pytest.raises(
        HearingError, match="token_env = SECRET_OF_TEST: this environment variable is not set"
    ):
        system("http://127.0.0.1:9/v1", token_env="SECRET_OF_TEST").identity()


def test_no_server_says_so() -> None:
    with scripted() as server:
        address = server.address
    for ask in (system(address).identity, system(address).open):
        with pytest.raises(HearingError, match=f"{address}: .*refused; is the server running"):
            ask()


def test_identity_is_what_the_server_says_of_the_model() -> None:
    one = {"id": "small", "object": "model", "created": 5, "weights": "abc", "search": ""}
    with scripted(models=models({"id": "other"}, one)) as first, scripted(models=models(one)) as second:
        found = [system(each.address).identity() for each in (first, second)]
    assert found[0] == found[1]  # weights tell who it is, wherever it is
    assert found[0]["server"] == {"id": "small", "weights": "abc", "search": ""}
    assert "127.0.0.1" not in str(found)


def test_without_a_word_about_weights_the_place_belongs_to_it() -> None:
    with scripted() as first, scripted() as second:
        found = [system(each.address, version="2.1").identity() for each in (first, second)]
    assert found[0] != found[1]
    assert found[0] | {"address_sha256": ""} == found[1] | {"address_sha256": ""}
    assert found[0]["version"] == "2.1"
    assert "127.0.0.1" not in str(found)


def test_a_model_that_is_not_there_is_found_out_before_anything_is_heard() -> None:
    with scripted(models=models({"id": "other"}, {"id": "third"})) as server:
        with pytest.raises(HearingError, match="model = 'small': this server has other, third"):
            system(server.address).open()
        with pytest.raises(HearingError, match="name one of them"):
            system(server.address, model="").open()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"address": "127.0.0.1:8000"}, "expected an address"),
        ({"address": "ftp://host/v1"}, "expected an address"),
        ({"address": "http://host:http/v1"}, "no address"),
        ({"address": "http://me:secret@host/v1"}, "no user, password or query"),
        ({"address": "https://host/v1?key=secret"}, "no user, password or query"),
        ({"fields": {"file": "x"}}, "file is set here already"),
        ({"fields": {'a"\r\nb': "x"}}, "no quotes, line ends"),
        ({"token": "secret"}, "Extra inputs"),
    ],
)
def test_keys_that_cannot_be(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        system(**({"address": "http://host/v1"} | keys))


@pytest.mark.slow
def test_our_own_server_hears_what_our_own_model_hears(tmp_path_factory: pytest.TempPathFactory) -> None:
    from asr import Transcriber

    corpus, run = miniature.trained(tmp_path_factory.getbasetemp())
    files = sorted((corpus / "wav" / "an4test_clstk").rglob("*.wav"))[:3]
    ours = Transcriber(run)
    with own_server(run) as (address, process), opened(address) as heard:
        identity = heard.identity()
        texts = [heard.hear(file).text for file in files]
        with pytest.raises(HearingError, match="status 400"):
            heard.hear(Path(__file__))
        process.terminate()
        process.wait(200)
        with pytest.raises(HearingError, match="is the server running"):
            heard.hear(files[0])
    assert texts == [ours(file).text for file in files]
    assert any(texts)
    assert identity["server"]["weights"] == ours.bundle.description.weights
    assert "address_sha256" not in identity
