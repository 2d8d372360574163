"""In front of all routes: who may ask, what every answer carries, what is counted and said in the log.

A browser is the danger of a service that listens on this machine: any page that is open in it can send requests here.
So a request that a page of another origin sends is refused, and so is one to a name that is not this server's: by a
name that was made to point here, a page elsewhere would be of the same origin (DNS rebinding).
"""

import hmac
import ipaddress
import socket
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asr.serve.refusal import RefusedError, broken, invalid
from asr.serve.reports import report, say
from asr.serve.service import Service

GONE = 499  # in metrics and log: whoever asked had gone
SUBPROTOCOL = "openai-insecure-api-key."  # how OpenAI's browser clients send a token to a WebSocket
WANTED = ("/v1", "/metrics")  # where a token is
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Guard:
    """ASGI around an application."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service
        settings = service.settings
        own = socket.gethostname().lower()
        self._hosts = {"localhost", own, f"{own}.local", *(host.lower() for host in settings.hosts)}
        self._origins = {origin.lower().rstrip("/") for origin in settings.origins}
        self._tokens = [token.encode() for token in settings.tokens]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        headers = Headers(scope=scope)
        answer = _Answer(send, self._cors(headers))
        try:
            answered = self._answer_here(scope, headers)
            await (self._app if answered is None else answered)(scope, receive, answer)
        except Exception as error:  # noqa: BLE001  # shown in the log, without what it says
            report(error)
            if answer.status is None:
                await broken().response(scope, receive, answer)
        self._note(scope, answer.status, time.monotonic() - began)

    def _answer_here(self, scope: Scope, headers: Headers) -> Response | None:
        """The answer to what goes no further."""
        try:
            self._check_host(headers)
            self._check_origin(scope, headers)
            if scope.get("method") == "OPTIONS" and "access-control-request-method" in headers:
                return Response(status_code=204)
            if self._tokens and scope["path"].startswith(WANTED):
                self._check_token(headers)
        except RefusedError as refused:
            return refused.response
        return None

    def _check_host(self, headers: Headers) -> None:
        named = headers.getlist("host")
        if len(named) > 1:
            raise invalid("more than one Host header", code="host_not_allowed")
        host = _host(named[0]) if named else "localhost"
        if not (host in self._hosts or host.endswith(".localhost") or _is_address(host)):
            message = "this server is not called by that name; it is allowed by --allow-host NAME"
            raise RefusedError(403, message, "host_not_allowed")

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        origin = headers.get("origin")
        if origin is None:
            # Browsers leave it out of simple requests for a resource, such as an image; they say this instead.
            foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
            allowed = not foreign or "*" in self._origins or not scope["path"].startswith(WANTED)
        else:
            allowed = self._is_allowed(origin, headers)
        if not allowed:
            message = "a web page of another origin asks; it is allowed by --allow-origin ORIGIN"
            raise RefusedError(403, message, "origin_not_allowed")

    def _is_allowed(self, origin: str, headers: Headers) -> bool:
        own = origin.lower() != "null" and urlsplit(origin.lower()).netloc == headers.get("host", "").lower()
        return own or self._is_named(origin)

    def _is_named(self, origin: str) -> bool:
        return "*" in self._origins or origin.lower() in self._origins

    def _check_token(self, headers: Headers) -> None:
        kind, _, given = headers.get("authorization", "").partition(" ")
        tokens = [given.strip()] if kind.lower() == "bearer" else []
        for protocol in headers.get("sec-websocket-protocol", "").split(","):
            if protocol.strip().startswith(SUBPROTOCOL):
                tokens.append(protocol.strip().removeprefix(SUBPROTOCOL))
        # Every pair is compared, each in constant time, so that the time tells nothing.
        found = [hmac.compare_digest(token.encode(), own) for token in tokens for own in self._tokens]
        if not any(found):
            message = (
                "a token is wanted: Authorization: Bearer TOKEN" if not tokens else "the token is not right"
            )
            challenge = {"WWW-Authenticate": "Bearer"}
            raise RefusedError(401, message, "invalid_api_key", headers=challenge)

    def _cors(self, headers: Headers) -> list[tuple[bytes, bytes]]:
        """For a page of another origin that is allowed."""
        origin = headers.get("origin", "")
        if not origin or not self._is_named(origin):
            return []
        return [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", b"*, authorization"),
            (b"access-control-allow-private-network", b"true"),
            (b"access-control-expose-headers", b"retry-after"),
            (b"vary", b"origin"),
        ]

    def _note(self, scope: Scope, status: int | None, seconds: float) -> None:
        """In metrics and log: the route, never what was asked for."""
        if status is None:
            status = GONE
        route = getattr(scope.get("route"), "path", "none")
        method = scope.get("method", "WEBSOCKET")
        method = method if method in (*METHODS, "WEBSOCKET") else "OTHER"
        self._service.metrics.request(route, method, status, seconds)
        heard = scope.get("asr.seconds")
        sound = "" if heard is None else f", {heard:.1f} s of audio, model {scope['asr.model']}"
        if route.startswith("/v1") or status >= 400:
            say(f"{method} {route} {status}, {seconds:.3f} s{sound}")


class _Answer:
    """Sends an answer with what all carry, and knows its status."""

    def __init__(self, send: Send, more: Iterable[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._more = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"), *more]
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        kind = message["type"]
        if kind in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            headers = list(message.get("headers", []))
            if not any(name.lower() == b"cache-control" for name, _ in headers):
                headers.append((b"cache-control", b"no-store"))
            message = {**message, "headers": [*headers, *self._more]}
        elif kind == "websocket.accept":
            self.status = 101
        await self._send(message)


def _host(header: str) -> str:
    """Without the port."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower().rstrip(".")


def _is_address(host: str) -> bool:
    """No name can be made to point here that is an address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
