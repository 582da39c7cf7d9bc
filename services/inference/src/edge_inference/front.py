"""The WSGI door: the infer call and health without a framework in between, everything else to Flask.

Flask's request and response objects cost more than a small model's inference (docs/adr/0002-lean-infer.md).
"""

from __future__ import annotations

import io
import logging
import random
import secrets
import threading
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from edge_common.body import BodyReader
from edge_common.errors import DeadlinePassed, EdgeError, InvalidInput, MethodNotAllowed, NotReady, Overloaded
from edge_inference.encoding import compress, decompress
from edge_inference.metrics import Timing
from edge_inference.service import Service

log = logging.getLogger(__name__)

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Environ = dict[str, Any]

_JSON = ("Content-Type", "application/json")
_JSON_ONLY = [_JSON]
_OUTCOMES: tuple[tuple[type[EdgeError], str], ...] = (
    (Overloaded, "rejected"),
    (NotReady, "rejected"),
    (DeadlinePassed, "timeout"),
)
# A client's request id is echoed and logged; longer ones are cut.
MAX_REQUEST_ID = 128


class Front:
    """The WSGI callable of the inference port."""

    def __init__(self, service: Service, bodies: BodyReader, flask: Callable[[], Any]) -> None:
        name, version = service.bundle.name, service.bundle.version
        self._service = service
        self._bodies = bodies
        self._make_flask = flask
        self._flask: Any = None
        self._flask_lock = threading.Lock()
        self._infer_paths = {f"/v2/models/{name}/infer", f"/v2/models/{name}/versions/{version}/infer"}
        self._max_body = service.settings.max_body_bytes
        self._max_headers = service.settings.max_headers
        self._compress_min = service.settings.compress_min_bytes
        self._log_rate = service.settings.access_log_rate
        self._plain_keys = 0
        self.active: set[int] = set()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            if len(environ) - self._plain_keys > self._max_headers:
                self._check_headers(environ)
            if environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] in self._infer_paths:
                return self._infer(environ, start_response)
            if environ["PATH_INFO"].startswith("/v2/health/"):
                return self._health(environ, start_response)
            return self._rest(environ, start_response)
        except EdgeError as exc:
            return self.refuse(environ, start_response, exc)
        except Exception:  # the only broad handler of the process: says nothing of the inside to the client
            request_id = request_id_of(environ)
            log.exception("unhandled error", extra={"request_id": request_id, "path": environ["PATH_INFO"]})
            return self.refuse(environ, start_response, EdgeError("internal error"), request_id)

    def _infer(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        timing, outcome, me = Timing(), "failed", threading.get_ident()
        try:
            plane = self._service.plane()
            body = self._bodies.read(environ)
            self.active.add(me)
            timing.bytes_in = len(body)
            if "HTTP_CONTENT_ENCODING" in environ:
                body = decompress(body, environ["HTTP_CONTENT_ENCODING"], self._max_body)
            head, pieces = plane.infer(
                body, environ.get("HTTP_INFERENCE_HEADER_CONTENT_LENGTH"), _timeout(environ), timing
            )
            headers = _JSON_ONLY if head is None else _binary_headers(head)
            if "HTTP_ACCEPT_ENCODING" in environ:
                pieces, headers = compress(environ["HTTP_ACCEPT_ENCODING"], pieces, headers, self._compress_min)
            timing.bytes_out = sum(map(len, pieces))
            start_response("200 OK", self._common(environ, headers))
            outcome = "ok"
            return pieces
        except EdgeError as exc:
            outcome = next((word for kind, word in _OUTCOMES if isinstance(exc, kind)), "invalid")
            raise
        finally:
            seconds = self._service.recorder.finish(timing, outcome)
            self.active.discard(me)
            if self._log_rate and random.random() < self._log_rate:
                _log_access(environ, outcome, seconds)

    def _health(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        what = environ["PATH_INFO"].removeprefix("/v2/health/")
        if what not in ("live", "ready"):
            return self._rest(environ, start_response)
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            raise MethodNotAllowed(f"{environ['REQUEST_METHOD']} is not allowed here; want GET, HEAD")
        if what == "live":
            start_response("200 OK", self._common(environ, _JSON_ONLY))
            return [b'{"live":true}']
        if self._service.ready:
            start_response("200 OK", self._common(environ, _JSON_ONLY))
            return [b'{"ready":true}']
        request_id = request_id_of(environ)
        body = {"ready": False, "error": self._service.reason, "code": NotReady.code, "request_id": request_id}
        start_response("503 Service Unavailable", self._common(environ, [_JSON, ("Retry-After", "1")]))
        return [orjson.dumps(body)]

    def _rest(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Hand on to Flask, which is built when first needed: a camera's gateway may never look at a page."""
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD", "OPTIONS"):
            body = self._bodies.read(environ)
            body = decompress(body, environ.pop("HTTP_CONTENT_ENCODING", ""), self._max_body)
            environ["wsgi.input"] = io.BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        if self._flask is None:
            with self._flask_lock:
                self._flask = self._flask or self._make_flask()
        pieces: Iterable[bytes] = self._flask(environ, start_response)
        return list(pieces)

    def refuse(
        self, environ: Environ, start_response: StartResponse, error: EdgeError, request_id: str = ""
    ) -> Iterable[bytes]:
        """Answer with the one wire shape of errors."""
        headers = [_JSON]
        if error.retry_after_s is not None:
            headers.append(("Retry-After", str(error.retry_after_s)))
        if error.status in (408, 413):
            # The rest of the body may still be on its way: it must not be read as the next request.
            headers.append(("Connection", "close"))
        body = error_body(error, request_id or request_id_of(environ))
        start_response(f"{error.status} {error.code}", self._common(environ, headers))
        return [orjson.dumps(body)]

    def _common(self, environ: Environ, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        if "HTTP_X_REQUEST_ID" in environ:
            headers = [*headers, ("X-Request-Id", request_id_of(environ))]
        if self._service.closing:
            headers = [*headers, ("Connection", "close")]
        return headers

    def _check_headers(self, environ: Environ) -> None:
        count = sum(key.startswith("HTTP_") for key in environ)
        # The rest of the dictionary is the same in every request; remember it, so that this stays rare.
        self._plain_keys = max(self._plain_keys, len(environ) - count)
        if count > self._max_headers:
            raise InvalidInput(f"{count} header fields: at most {self._max_headers} are accepted")


def error_body(error: EdgeError, request_id: str) -> dict[str, str]:
    return {"error": str(error), "code": error.code, "request_id": request_id}


def request_id_of(environ: Environ) -> str:
    """The client's X-Request-Id as far as it is printable, or a new one."""
    sent = environ.get("HTTP_X_REQUEST_ID", "")
    clean = "".join(c for c in sent[:MAX_REQUEST_ID] if c.isascii() and c.isprintable())
    return clean or secrets.token_hex(8)


def _binary_headers(head: int) -> list[tuple[str, str]]:
    return [("Content-Type", "application/octet-stream"), ("Inference-Header-Content-Length", str(head))]


def _timeout(environ: Environ) -> float | None:
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


def _log_access(environ: Environ, outcome: str, seconds: float) -> None:
    log.info(
        "infer %s",
        outcome,
        extra={
            "request_id": request_id_of(environ),
            "method": "POST",
            "path": environ["PATH_INFO"],
            "duration_ms": round(seconds * 1000, 3),
        },
    )
