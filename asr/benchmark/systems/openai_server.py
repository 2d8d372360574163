"""Any server in the shape of OpenAI's API, such as `asr serve`: a file is sent, a text comes back.

    [[systems]]
    name = "server"
    kind = "openai"
    address = "http://127.0.0.1:8000/v1"
    model = "an4-s1-0123abcd"
    token_env = "OPENAI_API_KEY"
    fields = { language = "en", temperature = "0" }

What is measured is what a client sees: the way there and back is in it, time that the server asks to be left alone is
not. The token is read from the environment and recorded nowhere.
"""

import hashlib
import os
import secrets
import time
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

from pydantic import Field, field_validator

from asr.benchmark.errors import HearingError
from asr.benchmark.system import Answer, Json, SystemSpec
from asr.benchmark.systems.answer_text import text_in
from asr.benchmark.systems.client import Client, Reply

_BUSY = (429, 503)
# Seconds before the second try where the server names none; twice as long before each further one.
_PAUSE = 1.0
_NO_IDENTITY = ("created", "object", "permission", "root", "parent")  # of a model's description
_ASKING = 20.0  # seconds for a server to say what models it has


class OpenAiSpec(SystemSpec):
    """Keys of a server."""

    kind: Literal["openai"]
    address: str  # of its API, to which /audio/transcriptions is added
    model: str = ""  # "": the server's only one
    token_env: str = ""  # name of the environment variable that holds the token
    fields: dict[str, str] = Field(default_factory=dict)  # further fields of each request
    version: str = ""  # what is recorded as its version, for servers that do not say what they are

    @field_validator("address")
    @classmethod
    def _is_an_address(cls, address: str) -> str:
        try:
            parts = urlsplit(address)
            _ = parts.port
        except ValueError as error:
            raise ValueError(f"no address: {error}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected an address such as http://127.0.0.1:8000/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("an address is recorded: no user, password or query in it; see token_env")
        return address.rstrip("/")

    @field_validator("fields")
    @classmethod
    def _are_further(cls, fields: dict[str, str]) -> dict[str, str]:
        own = {"file", "model", "response_format", "stream"} & set(fields)
        if own:
            raise ValueError(f"{own.pop()} is set here already; leave it out")
        if any(set('"\r\n\0') & set(name) or not name for name in fields):
            raise ValueError("names of fields have no quotes, line ends or zero bytes")
        return fields

    def system(self, folder: Path) -> "OpenAiSystem":  # noqa: ARG002
        return OpenAiSystem(self)


class OpenAiSystem:
    """A server that somebody has started."""

    concurrent = True
    inside = False

    def __init__(self, spec: OpenAiSpec) -> None:
        self._spec = spec
        self._client: Client | None = None

    def identity(self) -> dict[str, Json]:
        spec, says = self._spec, self._description()
        found: dict[str, Json] = {
            "kind": spec.kind,
            "model": spec.model,
            "fields": dict(spec.fields),
            "server": says,
            "version": spec.version,
        }
        if "weights" not in says:  # then only its place tells it from another one of that name
            found["address_sha256"] = hashlib.sha256(spec.address.encode()).hexdigest()
        return found

    def size(self) -> int | None:
        return None

    def open(self) -> None:
        self._client = self._new_client()
        self._description()

    def hear(self, path: Path) -> Answer:
        if self._client is None:
            raise ValueError("hear comes after open")
        until = time.monotonic() + self._spec.timeout
        begun = time.perf_counter()
        kind, body = _form(path, {"model": self._spec.model, "response_format": "json"} | self._spec.fields)
        prepared = time.perf_counter() - begun
        pause = _PAUSE
        while True:
            begun = time.perf_counter()
            reply = self._client.ask("POST", "/audio/transcriptions", until, body, kind)
            seconds = time.perf_counter() - begun
            if reply.status not in _BUSY:
                break
            wait = pause if reply.wait is None else reply.wait
            if time.monotonic() + wait >= until:
                raise HearingError(
                    f"{_refusal(reply)}; it asks to wait {wait:g} s, longer than is left of timeout = "
                    f"{self._spec.timeout:g} s: raise it, or lower at_once"
                )
            time.sleep(wait)
            pause *= 2
        if reply.status != 200:
            raise HearingError(_refusal(reply))
        return Answer(text_in(reply.body, json_path="text"), prepared + seconds)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _new_client(self) -> Client:
        name = self._spec.token_env
        token = os.environ.get(name, "") if name else ""
        if name and not token:
            raise HearingError(f"token_env = {name}: this environment variable is not set")
        return Client(self._spec.address, token)

    def _description(self) -> dict[str, Json]:
        """What the server says of the model; nothing where it has no list of models.

        Raises:
            HearingError: no server there, the token is refused, or there is no such model.
        """
        client = self._new_client()
        try:
            reply = client.ask("GET", "/models", time.monotonic() + _ASKING)
        finally:
            client.close()
        if reply.status in (401, 403):
            raise HearingError(_refusal(reply))
        tree = reply.json() if reply.status == 200 else None
        listed = tree.get("data") if isinstance(tree, dict) else None
        models = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        chosen = [each for each in models if self._spec.model in ("", each.get("id"))]
        if models and len(chosen) != 1:
            names = ", ".join(str(each.get("id")) for each in models[:10])
            raise HearingError(f"model = {self._spec.model!r}: this server has {names}; name one of them")
        says = chosen[0] if chosen else {}
        return {key: value for key, value in says.items() if key not in _NO_IDENTITY}


def _form(path: Path, fields: dict[str, str]) -> tuple[str, bytes]:
    """Content type and body of multipart/form-data (RFC 7578). The name of the file is sent without its place."""
    try:
        sound = path.read_bytes()
    except OSError as error:
        raise HearingError(f"{path}: cannot be read ({error.strerror})") from None
    mark = secrets.token_hex(16)
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
        if value
    ]
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{quote(path.name)}"\r\n'
    parts += [f"{head}Content-Type: audio/wav\r\n\r\n".encode(), sound, f"\r\n--{mark}--\r\n".encode()]
    return f"multipart/form-data; boundary={mark}", b"".join(parts)


def _refusal(reply: Reply) -> str:
    """Status, and the message where it comes in OpenAI's shape."""
    tree = reply.json()
    error = tree.get("error") if isinstance(tree, dict) else None
    said = error.get("message") if isinstance(error, dict) else error
    shown = said if isinstance(said, str) else reply.body.decode(errors="replace")
    moved = f" (it says: go to {reply.place}; give that address)" if reply.place else ""
    return f"the server answers with status {reply.status}{moved}: {' '.join(shown.split())[:200]}"
