"""The routes of a server."""

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, WebSocket
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from asr.serve.guard import Guard
from asr.serve.pages import INDEX, interface_page, page_file
from asr.serve.realtime import talk
from asr.serve.refusal import RefusedError, broken, json_response
from asr.serve.service import Service
from asr.serve.transcriptions import TranscriptionAnswer, form_schema

ABOUT = "Speech to text, in the shape of OpenAI's API: docs/server.md has what is different."
STATUSES: dict[int | str, dict[str, Any]] = {
    400: {"description": "a value or a file that cannot be"},
    401: {"description": "a token is wanted"},
    403: {"description": "asked by a web page elsewhere, or under another name"},
    404: {"description": "no such model"},
    408: {"description": "the upload came too slowly"},
    413: {"description": "the upload is too large, or too long"},
    415: {"description": "no multipart/form-data"},
    503: {"description": "too much at once; Retry-After says when"},
    504: {"description": "it took too long"},
}


def make_app(service: Service) -> ASGIApp:
    """The application of a server."""
    app = FastAPI(
        title="Attest", version=version("attest-asr"), description=ABOUT, docs_url=None, redoc_url=None
    )
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(Exception, _broken)
    _add_interface(app, service)
    _add_state(app, service)
    _add_pages(app)
    return Guard(app, service)


def _add_interface(app: FastAPI, service: Service) -> None:
    @app.post(
        "/v1/audio/transcriptions", openapi_extra=form_schema(), responses=STATUSES, response_class=Response
    )
    async def transcribe() -> Response:
        """The transcript of an uploaded file."""
        return TranscriptionAnswer(service)

    @app.get("/v1/models", response_class=Response)
    async def models() -> Response:
        """The models of this server, and the largest uploads that it takes."""
        limits = service.settings.limits
        described = [model.description for model in service.models.values()]
        most = {"bytes": limits.bytes, "seconds": limits.seconds}
        return json_response({"object": "list", "data": described, "limits": most})

    @app.get("/v1/models/{name}", response_class=Response)
    async def model(name: str) -> Response:
        """One model."""
        return json_response(service.models.asked_for(name).description)

    @app.websocket("/v1/realtime")
    async def realtime(socket: WebSocket) -> None:
        await talk(socket, service)


def _add_state(app: FastAPI, service: Service) -> None:
    @app.get("/health", response_class=Response)
    @app.get("/health/live", response_class=Response)
    async def live() -> Response:
        """Whether the server runs."""
        return json_response({"status": "ok", "version": app.version})

    @app.get("/health/ready", response_class=Response)
    async def ready() -> Response:
        """Whether a request would be taken now."""
        if service.stopping.is_set():
            return json_response({"status": "stopping"}, 503)
        if service.is_full:
            return json_response({"status": "full"}, 503)
        return json_response({"status": "ready"})

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """What is counted and measured, for Prometheus."""
        return service.metrics.page()


def _add_pages(app: FastAPI) -> None:
    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return interface_page(app.openapi())

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        return page_file(INDEX, request.headers)

    @app.get("/{name}", include_in_schema=False)
    async def file(name: str, request: Request) -> Response:
        return page_file(name, request.headers)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return error.response


async def _no_route(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = {404: "there is nothing under this address", 405: "not by this method"}.get(
        error.status_code, "refused"
    )
    return RefusedError(error.status_code, message, "not_found", headers=error.headers).response


async def _broken(_request: Request, _error: Exception) -> Response:
    return broken().response
