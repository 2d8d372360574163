"""Answers that are no transcript, in OpenAI's shape: {"error": {"message", "type", "param", "code"}}."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

INVALID = "invalid_request_error"
OURS = "server_error"
# OpenAI's client tries again after 408, 409, 429 and 500 and more, unless told not to.
NOT_AGAIN = {"X-Should-Retry": "false"}


class RefusedError(Exception):
    """A request that gets no transcript, and why.

    Args:
        status: of HTTP.
        message: for whoever asked. No path, trace or token.
        code: for programs.
        param: the field of the request that it is about.
        headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        kind = INVALID if self.status < 500 else OURS
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    @property
    def response(self) -> Response:
        return json_response(self.body, self.status, self.headers)


def invalid(message: str, param: str | None = None, code: str = "invalid_value") -> RefusedError:
    """Something in the request that cannot be (400)."""
    return RefusedError(400, message, code, param=param)


def full(what: str, seconds: int) -> RefusedError:
    """Too much at once (503)."""
    return RefusedError(
        503, f"{what}; try again in {seconds} s", "server_overloaded", headers={"Retry-After": str(seconds)}
    )


def stopping() -> RefusedError:
    """The server has been asked to stop (503)."""
    message = "the server is stopping and takes no new requests"
    return RefusedError(503, message, "server_stopping", headers={"Retry-After": "5", "Connection": "close"})


def broken() -> RefusedError:
    """A bug of ours (500): the log has its kind and place."""
    return RefusedError(500, "the server failed at this request", "internal_error", headers=NOT_AGAIN)


def json_response(tree: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON as it is read by everybody: UTF-8, and no NaN."""
    body = json.dumps(tree, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace")
    return Response(body, status, headers, media_type="application/json")
