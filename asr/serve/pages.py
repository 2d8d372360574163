"""What browsers see: the web page, and a page about the interface. Nothing is loaded from elsewhere."""

import hashlib
import html
import mimetypes
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response

from asr.serve.refusal import RefusedError

FOLDER = Path(__file__).parent / "page"
INDEX = "index.html"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; worker-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
KINDS = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/json",
}


def page_file(name: str, headers: Headers) -> Response:
    """A file of the web page.

    Raises:
        RefusedError: there is none of this name (404).
    """
    # Compared with the names that are there, so that no name leads out of the folder.
    found = next((path for path in FOLDER.iterdir() if path.name == name and path.is_file()), None)
    if found is None or name.startswith((".", "_")):
        raise RefusedError(404, "there is nothing under this address", "not_found")
    body = found.read_bytes()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={**HEADERS, "ETag": tag})
    kind = KINDS.get(found.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(body, headers={**HEADERS, "ETag": tag}, media_type=kind)


def interface_page(schema: dict[str, Any]) -> Response:
    """The OpenAPI schema as a page for people, without script."""
    rows = [
        _operation(path, method.upper(), operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    title = html.escape(schema["info"]["title"])
    body = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<h1>{title} {html.escape(schema['info']['version'])}</h1>"
        f"<p>{html.escape(schema['info']['description'])}</p>"
        '<p><a href="openapi.json">openapi.json</a></p>' + "".join(rows) + "</html>"
    )
    return Response(body, headers=HEADERS, media_type="text/html")


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    fields = (
        operation.get("requestBody", {}).get("content", {}).get("multipart/form-data", {}).get("schema", {})
    )
    listed = "".join(
        f"<li><code>{html.escape(name)}</code> {html.escape(_described(field))}</li>"
        for name, field in fields.get("properties", {}).items()
    )
    about = html.escape(operation.get("description", ""))
    statuses = ", ".join(operation.get("responses", {}))
    return (
        f"<h2><code>{method} {html.escape(path)}</code></h2><p>{about}</p>"
        + (f"<ul>{listed}</ul>" if listed else "")
        + f"<p>Statuses: {html.escape(statuses)}</p>"
    )


def _described(field: dict[str, Any]) -> str:
    values = field.get("enum") or field.get("items", {}).get("enum") or []
    said = [
        str(field.get("type", "")),
        "one of " + ", ".join(values) if values else "",
        field.get("description", ""),
    ]
    return "; ".join(filter(None, said))
