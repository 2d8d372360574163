"""A server's application in this process, asked without a socket."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx

from asr.serve.app import make_app
from asr.serve.models import Models
from asr.serve.service import Service
from asr.serve.settings import Settings

T = TypeVar("T")
TRANSCRIPTIONS = "/v1/audio/transcriptions"


@contextlib.contextmanager
def serving(models: Models, settings: Settings | None = None) -> Iterator["Application"]:
    """What is asked within one `with` goes to one service."""
    application = Application(models, settings or Settings())
    try:
        yield application
    finally:
        application.close()


class Application:
    """One service in one event loop."""

    def __init__(self, models: Models, settings: Settings) -> None:
        self._runner = asyncio.Runner()
        self.service = self._runner.run(self._made(models, settings))
        self.app = make_app(self.service)

    async def _made(self, models: Models, settings: Settings) -> Service:
        return Service(settings, models)

    def run(self, work: Callable[[httpx.AsyncClient], Awaitable[T]]) -> T:
        """A coroutine function, given a client."""

        async def with_client() -> T:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
                return await work(client)

        return self._runner.run(with_client())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.run(lambda client: client.get(path, **more))

    def post(self, file: Path | bytes, name: str = "a.wav", /, **fields: str) -> httpx.Response:
        """One upload."""
        return self.post_all([file], name, **fields)[0]

    def post_all(
        self, files: Sequence[Path | bytes], name: str = "a.wav", /, **fields: str
    ) -> list[httpx.Response]:
        """All at the same time."""

        async def all_of(client: httpx.AsyncClient) -> list[httpx.Response]:
            contents = [file if isinstance(file, bytes) else file.read_bytes() for file in files]
            asked = [
                client.post(TRANSCRIPTIONS, files={"file": (name, one)}, data=fields) for one in contents
            ]
            return await asyncio.gather(*asked)

        return self.run(all_of)

    def close(self) -> None:
        self.service.close()
        self._runner.close()


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error in OpenAI's shape."""
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return answer.status_code, error["code"]
