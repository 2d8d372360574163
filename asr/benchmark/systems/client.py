"""HTTP to one server, within a time limit, by connections that stay open: one for each thread.

Redirections are not followed: a token is sent to nobody but the address that it is meant for.
"""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from asr.benchmark.errors import HearingError

MOST = 1 << 24  # bytes of an answer
_BLOCK = 1 << 16  # bytes
_HIDDEN = "***"


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    body: bytes
    wait: float | None = None  # seconds, as Retry-After says
    place: str = ""  # of a redirection

    def json(self) -> Any:
        """The body read as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Client:
    """
    Args:
        address: http or https, with the path that all requests have in common.
        token: sent as a bearer token; "" for none. Answers that repeat it come back without it.
    """

    def __init__(self, address: str, token: str = "") -> None:
        self._address, self._token = address, token
        self._parts = urlsplit(address)
        self._of_thread = threading.local()
        self._connections: list[http.client.HTTPConnection] = []

    def ask(self, method: str, path: str, until: float, body: bytes | None = None, kind: str = "") -> Reply:
        """
        Args:
            until: of time.monotonic; the whole answer has to be there.
            kind: content type of the body.

        Raises:
            HearingError: no connection, no HTTP, an answer that is cut off, too large, or too late.
        """
        headers = {"Accept": "application/json", "User-Agent": "attest-asr"}
        if kind:
            headers["Content-Type"] = kind
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        connection = self._connection()
        kept = connection.sock is not None
        try:
            return self._asked(connection, method, path, until, body, headers)
        except TimeoutError:
            connection.close()
            raise HearingError(
                f"{self._address}: no answer in time; raise timeout if it needs longer"
            ) from None
        except (ConnectionError, http.client.RemoteDisconnected) as error:
            connection.close()
            if kept:  # it was open since the last request, and servers close those that are idle
                return self.ask(method, path, until, body, kind)
            raise HearingError(f"{self._address}: {_reason(error)}; is the server running?") from None
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise HearingError(f"{self._address}: {_reason(error)}") from None

    def close(self) -> None:
        """Of all threads."""
        for connection in self._connections:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._of_thread, "connection", None)
        if found is None:
            kind = (
                http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
            )
            found = kind(self._parts.hostname or "", self._parts.port)
            self._of_thread.connection = found
            self._connections.append(found)
        return found

    def _asked(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        until: float,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Reply:
        connection.timeout = _left(until)
        if connection.sock is None:
            connection.connect()
        wire: socket.socket = connection.sock
        wire.settimeout(_left(until))
        connection.request(method, f"{self._parts.path}{path}", body, dict(headers))
        found = b""
        # Closed in any case; the connection stays open after it, if the server wants that.
        with connection.getresponse() as response:
            while True:
                with contextlib.suppress(OSError):  # closed already, if the server wants no further request
                    wire.settimeout(_left(until))
                block = response.read1(_BLOCK)
                if not block:
                    break
                found += block
                if len(found) > MOST:
                    raise http.client.HTTPException(f"an answer of more than {MOST >> 20} MB")
        if response.length:
            raise http.client.HTTPException(f"an answer that is cut off: {response.length} bytes are missing")
        if self._token:
            found = found.replace(self._token.encode(), _HIDDEN.encode())
        place = response.getheader("Location", "") if 300 <= response.status < 400 else ""
        return Reply(response.status, found, _wait(response.getheader("Retry-After")), place)


def _left(until: float) -> float:
    """Seconds."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _wait(said: str | None) -> float | None:
    """Seconds that Retry-After asks for, as a number or a date."""
    if said is None:
        return None
    if said.strip().isdigit():
        return float(said)
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # TypeError: a date without a zone
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
