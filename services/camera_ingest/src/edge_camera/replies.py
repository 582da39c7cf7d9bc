"""JSON replies of the page, and its errors: one wire shape for all, the same as the inference service's."""

from __future__ import annotations

import logging
import os

import msgspec
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WrongMethod

from edge_common.errors import EdgeError, InvalidInput, MethodNotAllowed, NotFound

log = logging.getLogger(__name__)

FRESH = {"Cache-Control": "no-store"}
# A client's request id is echoed and logged; longer ones are cut.
MAX_REQUEST_ID = 128


def reply(document: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return `document` as JSON that nobody keeps."""
    body = msgspec.json.encode(document)
    return Response(body, status, mimetype="application/json", headers={**FRESH, **(headers or {})})


def refusal(error: EdgeError, **more: object) -> Response:
    """Return {"error", "code", "request_id"} after the members `more`; what no JSON can carry is replaced."""
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    text = str(error).encode("utf-8", "replace").decode()
    body = {**more, "error": text, "code": error.code, "request_id": _request_id()}
    return reply(body, error.status, headers)


def add_errors(app: Flask) -> None:
    """Answer every error with `refusal`, and give a sent X-Request-Id back with every answer."""
    app.register_error_handler(EdgeError, refusal)
    app.register_error_handler(HTTPException, lambda exc: refusal(_told(exc)))
    app.register_error_handler(Exception, _unknown)

    @app.after_request
    def echo(response: Response) -> Response:
        if "X-Request-Id" in request.headers:
            response.headers["X-Request-Id"] = _request_id()
        return response


def _told(exc: HTTPException) -> EdgeError:
    """Werkzeug's own refusals in our vocabulary."""
    if isinstance(exc, WrongMethod):
        return MethodNotAllowed(request.method, sorted(exc.valid_methods or []))
    if exc.code == 404:
        return NotFound(f"no such path: {request.path[:120]!r}")
    return InvalidInput(f"{exc.name}: {exc.description}")


def _unknown(_: Exception) -> Response:
    """Say nothing of the inside to the client."""
    log.exception("unhandled error", extra={"request_id": _request_id(), "path": request.path})
    return refusal(EdgeError("internal error"))


def _request_id() -> str:
    """The client's X-Request-Id as far as it is printable, or a new one; the same for the whole request."""
    if "request_id" not in g:
        sent = request.headers.get("X-Request-Id", "")[:MAX_REQUEST_ID]
        g.request_id = "".join(c for c in sent if c.isascii() and c.isprintable()) or os.urandom(8).hex()
    known: str = g.request_id
    return known
