"""Who may ask: hosts, origins, tokens; and what every answer carries."""

from collections.abc import Iterator
from typing import Any

import pytest
from in_process import Application, code_of, serving
from stand_in_model import StandIn, models_of

from asr.errors import AsrError
from asr.serve.settings import Settings, checked_tokens, read_tokens

MODELS = "/v1/models"
TOKEN = "correct-horse-battery-staple"


@pytest.fixture(scope="module")
def open_to_all() -> Iterator[Application]:
    with serving(models_of(stub=StandIn())) as application:
        yield application


@pytest.fixture(scope="module")
def guarded() -> Iterator[Application]:
    settings = Settings(tokens=("another", TOKEN), origins=("https://good.example",), hosts=("asr.example",))
    with serving(models_of(stub=StandIn()), settings) as application:
        yield application


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost", "localhost:80", "[::1]:8000", "192.168.1.7", "app.localhost", "LOCALHOST"]
)  # fmt: skip
def test_hosts_that_cannot_be_made_to_point_here(open_to_all: Application, host: str) -> None:
    assert open_to_all.get(MODELS, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", "asr.example"]
)  # fmt: skip
def test_other_names_are_refused(open_to_all: Application, host: str) -> None:
    """A name of the attacker's that resolves to 127.0.0.1 makes his page one of this origin: its Host gives it away."""
    origin = {"Origin": f"http://{host}"}
    assert code_of(open_to_all.get(MODELS, headers={"Host": host, **origin})) == (403, "host_not_allowed")
    assert code_of(open_to_all.get("/", headers={"Host": host})) == (403, "host_not_allowed")


def test_a_name_can_be_allowed(guarded: Application) -> None:
    allowed = {"Host": "asr.example", "Authorization": f"Bearer {TOKEN}"}
    assert guarded.get(MODELS, headers=allowed).status_code == 200


def test_pages_of_other_origins_are_refused(open_to_all: Application) -> None:
    own = "http://127.0.0.1:8000"
    assert open_to_all.get(MODELS, headers={"Origin": own}).status_code == 200
    for origin in (
        "http://evil.example",
        "http://127.0.0.1:9000",
        "http://localhost:8000",
        "null",
        "file://",
    ):
        assert code_of(open_to_all.get(MODELS, headers={"Origin": origin})) == (403, "origin_not_allowed")
    # What a browser sends for <img src=...>, without an origin.
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
        assert open_to_all.get(MODELS, headers={"Sec-Fetch-Site": site}).status_code == status
    assert open_to_all.get("/health", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_an_origin_can_be_allowed(guarded: Application) -> None:
    headers = {"Origin": "https://good.example", "Authorization": f"Bearer {TOKEN}"}
    answer = guarded.get(MODELS, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://good.example"
    assert "origin" in answer.headers["vary"]
    preflight = {"Origin": "https://good.example", "Access-Control-Request-Method": "POST"}
    asked = guarded.run(lambda client: client.options("/v1/audio/transcriptions", headers=preflight))
    assert asked.status_code == 204  # browsers send no token with it
    assert "authorization" in asked.headers["access-control-allow-headers"]
    refused = guarded.run(
        lambda client: client.options(MODELS, headers={**preflight, "Origin": "https://evil.example"})
    )
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer \u00e9".encode("latin-1")},
        {"Sec-WebSocket-Protocol": "realtime, openai-insecure-api-key.wrong"},
    ],
)
def test_without_the_token_nothing_is_told(guarded: Application, headers: dict[str, Any]) -> None:
    for path in (MODELS, "/v1/models/stub", "/v1/audio/transcriptions", "/metrics", "/v1/nothing"):
        answer = guarded.get(path, headers=headers)
        assert code_of(answer) == (401, "invalid_api_key")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in answer.text


def test_with_a_token_and_where_none_is_wanted(guarded: Application) -> None:
    for headers in (
        {"Authorization": f"Bearer {TOKEN}"},
        {"Authorization": "bearer another"},
        {"Sec-WebSocket-Protocol": f"realtime, openai-insecure-api-key.{TOKEN}"},
    ):
        assert guarded.get(MODELS, headers=headers).status_code == 200
    for path in ("/", "/health", "/health/live", "/health/ready", "/docs", "/openapi.json"):
        assert guarded.get(path).status_code == 200


def test_every_answer_is_taken_for_what_it_says_it_is(open_to_all: Application) -> None:
    for path in ("/", "/health", "/v1/models", "/v1/models/x", "/nothing", "/a/b/c", "/metrics"):
        headers = open_to_all.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] in ("no-store", "no-cache")


def test_what_is_not_there(open_to_all: Application) -> None:
    inside = ("/page/../../settings.py", "/..%2f..%2fsettings.py", "/%2e%2e/app.py", "/__init__.py")
    for path in ("/nothing", "/v1/nothing", *inside):
        assert code_of(open_to_all.get(path)) == (404, "not_found")
    assert code_of(open_to_all.get("/v1/models/other")) == (404, "model_not_found")
    assert open_to_all.get("/v1/audio/transcriptions").status_code == 405


def test_a_bug_tells_nothing(
    open_to_all: Application, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(_name: str | None) -> None:
        raise RuntimeError("/secret/path and what was said")

    monkeypatch.setattr(open_to_all.service.models, "asked_for", fail)
    answer = open_to_all.get("/v1/models/stub")
    assert code_of(answer) == (500, "internal_error")
    assert answer.headers["x-should-retry"] == "false"
    log = capfd.readouterr().err
    assert "secret" not in log + answer.text and "said" not in log + answer.text
    assert "RuntimeError at asr/serve/" in log


def test_tokens_from_a_file(tmp_path: Any) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"  {TOKEN}\n\nanother\n")
    assert read_tokens(path) == (TOKEN, "another")
    path.write_text("\n \n")
    with pytest.raises(AsrError, match="no token in it; make one"):
        read_tokens(path)
    with pytest.raises(AsrError, match="token 2 has a space"):
        checked_tokens(["good", "two words"], "here")
    with pytest.raises(AsrError, match="cannot be read"):
        read_tokens(tmp_path / "none")
