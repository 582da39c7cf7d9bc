"""The WSGI door: infer, predict and health without a framework in between, everything else to Flask.

Flask's request and response objects cost more than a small model's inference (docs/adr/0002-lean-infer.md).
"""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Callable, Iterable
from math import inf
from typing import TYPE_CHECKING, Any

import orjson

from edge_common.body import BodyReader
from edge_common.errors import DeadlinePassed, EdgeError, GraphFails, MethodNotAllowed, NotReady, Overloaded
from edge_inference.access import AccessLog
from edge_inference.encoding import compress, decompress
from edge_inference.headers import JSON, check_count, error_body, raw_needs_length, request_id_of, timeout_of
from edge_inference.metrics import Timing
from edge_inference.service import Service

if TYPE_CHECKING:
    from edge_inference.plane import Plane
    from edge_inference.predict import Predictor

log = logging.getLogger(__name__)

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Environ = dict[str, Any]
Headers = list[tuple[str, str]]
# What answers a counted call: (plane, body, environ, timing) -> (pieces, headers).
Answer = Callable[["Plane", bytes, Environ, Timing], tuple[list[Any], Headers]]

_JSON_ONLY = [JSON]
_TELL_EVERY_S = 60.0
_OUTCOMES: tuple[tuple[type[EdgeError], str], ...] = (
    (Overloaded, "rejected"),
    (NotReady, "rejected"),
    (DeadlinePassed, "timeout"),
    (GraphFails, "failed"),
)


class Front:
    """The WSGI callable of the inference port."""

    def __init__(self, service: Service, bodies: BodyReader, flask: Callable[[], Any]) -> None:
        name, version = service.bundle.name, service.bundle.version
        self._service = service
        self._bodies = bodies
        self._make_flask = flask
        self._flask: Any = None
        self._predictor: Predictor | None = None
        self._making = threading.Lock()
        self._calls: dict[str, Answer] = {
            f"/v2/models/{name}/infer": self._infer,
            f"/v2/models/{name}/versions/{version}/infer": self._infer,
            "/predict": self._predict,
        }
        self._max_body = service.settings.max_body_bytes
        self._max_headers = service.settings.max_headers
        self._compress_min = service.settings.compress_min_bytes
        self._access = AccessLog(service.settings.access_log_rate)
        self._plain_keys = 0
        self._tell_again = -inf
        self.active: set[int] = set()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return self._answer(environ, start_response)
        except Exception:  # the only broad handler of the process: says nothing of the inside to the client
            extra = {"request_id": request_id_of(environ), "path": environ["PATH_INFO"]}
            log.exception("unhandled error", extra=extra)
            return self.refuse(environ, start_response, EdgeError("internal error"))

    def _answer(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            if len(environ) - self._plain_keys > self._max_headers:
                self._plain_keys = check_count(environ, self._max_headers, self._plain_keys)
            path = environ["PATH_INFO"]
            if path in self._calls and environ["REQUEST_METHOD"] == "POST":
                return self._counted(self._calls[path], environ, start_response)
            if path.startswith("/v2/health/"):
                return self._health(environ, start_response)
            return self._rest(environ, start_response)
        except EdgeError as exc:
            return self.refuse(environ, start_response, exc)

    def _counted(self, answer: Answer, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one inference call; whatever becomes of it is counted once."""
        timing, outcome, status, me = Timing(), "failed", 500, threading.get_ident()
        self.active.add(me)
        try:
            plane = self._service.plane()
            body = self._bodies.read(environ)
            timing.bytes_in = len(body)
            if "HTTP_CONTENT_ENCODING" in environ:
                body = decompress(body, environ["HTTP_CONTENT_ENCODING"], self._max_body)
            pieces, headers = answer(plane, body, environ, timing)
            timing.bytes_out = sum(map(len, pieces))
            start_response("200 OK", self._common(environ, headers))
            outcome, status = "ok", 200
            return pieces
        except EdgeError as exc:
            outcome = next((word for kind, word in _OUTCOMES if isinstance(exc, kind)), "invalid")
            status = exc.status
            if isinstance(exc, GraphFails):
                self._tell(exc, environ)
            raise
        finally:
            self._bodies.done()
            seconds = self._service.recorder.finish(timing, outcome)
            self.active.discard(me)
            if self._access.rate:
                self._access.note(environ, status, timing, seconds)

    def _tell(self, exc: GraphFails, environ: Environ) -> None:
        """Log one failure of the model a minute: what a client can provoke must not fill the log."""
        now = time.monotonic()
        if now >= self._tell_again:
            self._tell_again = now + _TELL_EVERY_S
            log.warning("the model failed: %s", exc, extra={"request_id": request_id_of(environ)})

    def _infer(self, plane: Plane, body: bytes, environ: Environ, timing: Timing) -> tuple[list[Any], Headers]:
        length = environ.get("HTTP_INFERENCE_HEADER_CONTENT_LENGTH")
        if length == "0" and not environ.get("CONTENT_LENGTH"):
            raw_needs_length()
        head, pieces = plane.infer(body, length, timeout_of(environ), timing)
        headers = _JSON_ONLY if head is None else _binary_headers(head)
        if "HTTP_ACCEPT_ENCODING" in environ:
            pieces, headers = compress(environ["HTTP_ACCEPT_ENCODING"], pieces, headers, self._compress_min)
        return pieces, headers

    def _predict(self, plane: Plane, body: bytes, environ: Environ, timing: Timing) -> tuple[list[Any], Headers]:
        if self._predictor is None:
            # Imported here: most services never see a person.
            from edge_inference.predict import Predictor

            with self._making:
                self._predictor = self._predictor or Predictor(self._service)
        document = self._predictor.predict(plane, body, environ.get("CONTENT_TYPE", ""), timeout_of(environ), timing)
        return [document], _JSON_ONLY

    def _health(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        what = environ["PATH_INFO"].removeprefix("/v2/health/")
        if what not in ("live", "ready"):
            return self._rest(environ, start_response)
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            raise MethodNotAllowed(environ["REQUEST_METHOD"], ("GET", "HEAD"))
        if what == "live":
            start_response("200 OK", self._common(environ, _JSON_ONLY))
            return [b'{"live":true}']
        reason = self._service.reason
        if not reason:
            start_response("200 OK", self._common(environ, _JSON_ONLY))
            return [b'{"ready":true}']
        body = {"ready": False, **error_body(NotReady(reason), request_id_of(environ))}
        start_response("503 Service Unavailable", self._common(environ, [JSON, ("Retry-After", "1")]))
        return [orjson.dumps(body)]

    def _rest(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Hand on to Flask, which is built when first needed: a camera's gateway may never look at a page."""
        if self._flask is None:
            with self._making:
                self._flask = self._flask or self._make_flask()
        try:
            if environ["REQUEST_METHOD"] not in ("GET", "HEAD", "OPTIONS"):
                body = self._bodies.read(environ)
                body = decompress(body, environ.pop("HTTP_CONTENT_ENCODING", ""), self._max_body)
                environ["wsgi.input"] = io.BytesIO(body)
                environ["CONTENT_LENGTH"] = str(len(body))
            return _whole(
                self._flask(environ, lambda status, headers: start_response(status, self._common(environ, headers)))
            )
        finally:
            self._bodies.done()

    def refuse(self, environ: Environ, start_response: StartResponse, error: EdgeError) -> Iterable[bytes]:
        """Answer with the one wire shape of errors."""
        headers = [JSON]
        if error.retry_after_s is not None:
            headers.append(("Retry-After", str(error.retry_after_s)))
        if isinstance(error, MethodNotAllowed):
            headers.append(("Allow", ", ".join(error.allowed)))
        if error.status in (408, 413):
            # The rest of the body may still be on its way: it must not be read as the next request.
            headers.append(("Connection", "close"))
        start_response(f"{error.status} {error.code}", self._common(environ, headers))
        return [orjson.dumps(error_body(error, request_id_of(environ)))]

    def _common(self, environ: Environ, headers: Headers) -> Headers:
        if "HTTP_X_REQUEST_ID" in environ:
            headers = [*headers, ("X-Request-Id", request_id_of(environ))]
        if self._service.leaving:
            headers = [*headers, ("Connection", "close")]
        return headers


def _binary_headers(head: int) -> Headers:
    return [("Content-Type", "application/octet-stream"), ("Inference-Header-Content-Length", str(head))]


def _whole(pieces: Any) -> list[bytes]:
    try:
        return list(pieces)
    finally:
        if hasattr(pieces, "close"):
            pieces.close()
