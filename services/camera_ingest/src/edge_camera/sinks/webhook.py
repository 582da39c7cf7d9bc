"""Events as JSON arrays, posted to an HTTP server."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.util import Retry, make_headers, parse_url

from edge_camera.bounded import connection_pool
from edge_camera.sinks.secrets import bearer_token, key_bytes, user_password
from edge_camera.sinks.signature import signature_headers
from edge_camera.sinks.webhook_config import WebhookConfig
from edge_camera.spool.outbox import Undeliverable, Unfinished
from edge_common.clock import Clock
from edge_common.tomlfile import one_line

# The longest that a Retry-After is obeyed.
MAX_WAIT_S = 300.0
# So much of an answer is read, to keep the connection, and so much of it is told.
_MAX_ANSWER_BYTES, _MAX_TOLD = 65_536, 200
# What a receiver says about the events. Of the other 4xx, 401, 403 and 404 among them, the way to it is the cause:
# whoever puts that right gets the events that waited.
_REFUSALS = frozenset({400, 409, 413, 415, 422})


class WebhookSink:
    """One receiver; a kept-alive connection. For use by one thread; `close` may come from another."""

    name = "webhook"

    def __init__(self, config: WebhookConfig, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self.max_batch = config.max_batch
        self._target = parse_url(config.url).request_uri
        self._pool: urllib3.HTTPConnectionPool | None = None
        self._not_before = clock.monotonic()

    def send(self, line: bytes) -> None:
        """Deliver one event; errors as those of `send_many`."""
        self.send_many([line])

    def send_many(self, lines: Sequence[bytes]) -> None:
        """Deliver events in order; a refused batch is halved until the event is found that is refused.

        Raises:
            Undeliverable: that event.
            Unfinished: the receiver is away, overloaded or not set up for us, or time was up.
        """
        now = self._clock.monotonic()
        if now < self._not_before:
            wait_s = self._not_before - now
            raise Unfinished(f"the receiver asked for a pause of {wait_s:.0f} s more", wait_s=wait_s)
        at, size = 0, max(1, len(lines))
        while at < len(lines):
            part = lines[at : at + size]
            try:
                refusal = self._post(part, now + self._config.timeout_s)
            except OSError as exc:
                raise Unfinished(str(exc), at, max(0.0, self._not_before - self._clock.monotonic())) from None
            if refusal is None:
                at += len(part)
            elif len(part) == 1:
                raise Undeliverable(refusal, at)
            else:
                size = len(part) // 2

    def close(self) -> None:
        """Close the connection."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _post(self, lines: Sequence[bytes], until: float) -> str | None:
        """Return None when the events were taken, else why they never will be; raise OSError for all else."""
        left_s = until - self._clock.monotonic()
        if left_s <= 0:
            raise TimeoutError("not all of it could be sent in time")
        body = b"[" + b",".join(lines) + b"]"
        try:
            response = self._open().urlopen(
                "POST",
                self._target,
                body=body,
                headers=self._headers(body),
                timeout=urllib3.Timeout(total=left_s),
                preload_content=False,
                redirect=False,
            )
            told = _told(response)
        except HTTPError as exc:
            # Certificates may have been changed.
            self.close()
            raise OSError(one_line(f"{type(exc).__name__}: {exc}")[:_MAX_TOLD]) from None
        if 200 <= response.status < 300:
            return None
        told = f"HTTP {response.status}: {told}"
        if response.status in _REFUSALS:
            return told
        self._not_before = self._clock.monotonic() + _wait_s(response)
        raise OSError(told)

    def _open(self) -> urllib3.HTTPConnectionPool:
        if self._pool is None:
            pool = connection_pool(self._config.url)
            if self._config.tls is not None:
                pool.conn_kw["ssl_context"] = self._config.tls.context()
            self._pool = pool
        return self._pool

    def _headers(self, body: bytes) -> dict[str, str]:
        config, headers = self._config, {"Content-Type": "application/json", "User-Agent": "edge-camera"}
        if config.credentials is not None:
            user, password = user_password(config.credentials)
            # urllib3 encodes in Latin-1; RFC 7617 has UTF-8.
            headers |= make_headers(basic_auth=f"{user}:{password}".encode().decode("latin-1"))
        if config.token is not None:
            headers["Authorization"] = f"Bearer {bearer_token(config.token)}"
        if config.signing_key is not None:
            headers |= signature_headers(key_bytes(config.signing_key), int(self._clock.time()), body)
        return headers


def _told(response: urllib3.BaseHTTPResponse) -> str:
    """Return the beginning of an answer on one line; a long one costs the connection."""
    text, size = b"", 0
    try:
        while piece := response.read1(8192):
            text = (text + piece)[:_MAX_TOLD]
            size += len(piece)
            if size > _MAX_ANSWER_BYTES:
                break
        else:
            response.release_conn()
    finally:
        response.close()  # after release_conn the connection is the pool's again and stays open
    return one_line(text.decode(errors="replace"))


def _wait_s(response: urllib3.BaseHTTPResponse) -> float:
    """Return for how long the receiver wants to be left alone: 0 when it does not say, or in no known form."""
    with contextlib.suppress(InvalidHeader, ValueError, OverflowError):
        if (value := response.headers.get("Retry-After")) is not None:
            return min(MAX_WAIT_S, max(0.0, Retry().parse_retry_after(value)))
    return 0.0
