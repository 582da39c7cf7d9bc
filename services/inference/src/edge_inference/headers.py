"""What the door reads from a request's headers, and the one wire shape of errors."""

from __future__ import annotations

import os
from typing import Any, NoReturn

from edge_common.errors import EdgeError, InvalidInput

Environ = dict[str, Any]

JSON = ("Content-Type", "application/json")
# A client's request id is echoed and logged; longer ones are cut.
MAX_REQUEST_ID = 128
_ID_KEY = "edge.request_id"


def error_body(error: EdgeError, request_id: str) -> dict[str, str]:
    """Return {"error", "code", "request_id"}; what no JSON can carry is replaced."""
    text = str(error).encode("utf-8", "replace").decode()
    return {"error": text, "code": error.code, "request_id": request_id}


def request_id_of(environ: Environ) -> str:
    """The client's X-Request-Id as far as it is printable, or a new one; the same for the whole request."""
    known: str | None = environ.get(_ID_KEY)
    if known is None:
        sent = environ.get("HTTP_X_REQUEST_ID", "")
        clean = "".join(c for c in sent[:MAX_REQUEST_ID] if c.isascii() and c.isprintable())
        known = environ[_ID_KEY] = clean or os.urandom(8).hex()
    return known


def timeout_of(environ: Environ) -> float | None:
    """X-Request-Timeout-Ms in seconds, None without one."""
    text = environ.get("HTTP_X_REQUEST_TIMEOUT_MS")
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e12:
        raise InvalidInput(f"X-Request-Timeout-Ms: want milliseconds above 0, got {text[:40]!r}")
    return value / 1000


def check_count(environ: Environ, most: int, plain_keys: int) -> int:
    """Raise InvalidInput for more than `most` header fields; return how many other keys requests have."""
    count = sum(key.startswith("HTTP_") for key in environ)
    if count > most:
        raise InvalidInput(f"{count} header fields: at most {most} are accepted")
    # The rest of the dictionary is the same in every request; remembered, so that this stays rare.
    return max(plain_keys, len(environ) - count)


def raw_needs_length() -> NoReturn:
    raise InvalidInput(
        "a raw request needs a Content-Length: without one, a broken connection looks like the end of the tensor"
    )
