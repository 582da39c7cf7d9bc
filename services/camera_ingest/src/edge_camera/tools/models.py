"""Does the inference service have the model that a config names? Asked before anything is changed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec
import urllib3
from urllib3.exceptions import HTTPError

from edge_camera.bounded import connection_pool
from edge_camera.config import Inference
from edge_common.errors import StartError
from edge_common.tomlfile import one_line

# A network policy learns the address of a new pod a moment after its start: until then nobody can be reached.
PAUSES_S = (0.5, 1.0, 2.0)
_TIMEOUT_S = 2.0
_MAX_BYTES = 64 * 1024
_SHOWN = 20
# The Open Inference Protocol leaves it open; Triton says 400 of a model that it does not have.
_UNKNOWN = {400, 404}


class _Model(msgspec.Struct, frozen=True):
    name: str


def ask_models(inference: Inference, pauses_s: Sequence[float] = PAUSES_S) -> list[str]:
    """Return a line for each address of `inference` that cannot answer now: cameras are often there before models.

    Raises:
        StartError: a server is there, and does not have the model.
    """
    asked = [("inference.model", inference.url)]
    if inference.candidate is not None:
        asked.append(("inference.candidate.url", inference.candidate.url))
    lines = [_ask(key, url, inference.model, pauses_s) for key, url in asked]
    return [line for line in lines if line]


def _ask(key: str, url: str, model: str, pauses_s: Sequence[float]) -> str:
    base = (urllib3.util.parse_url(url).path or "").rstrip("/")
    with connection_pool(url) as pool:
        try:
            status = _status(pool, f"{base}/v2/models/{quote(model)}/ready", pauses_s)
        except HTTPError as exc:
            return f"{key}: nothing is known of {model}: {url} cannot be asked now: {one_line(str(exc))[:200]}"
        names = _names(pool, base) if status in _UNKNOWN else []
    if status in _UNKNOWN and model not in names:
        if not names:
            raise StartError(f"{key}: want an inference service with model {model} at {url}, found HTTP {status}")
        raise StartError(f"{key}: want a model that {url} has: {', '.join(names)}; found {model!r}")
    return "" if status == 200 else f"{key}: {model} is not ready at {url} now: HTTP {status}"


def _status(pool: urllib3.HTTPConnectionPool, path: str, pauses_s: Sequence[float]) -> int:
    for pause_s in pauses_s:
        try:
            return _call(pool, "GET", path)[0]
        except HTTPError:
            time.sleep(pause_s)
    return _call(pool, "GET", path)[0]


def _names(pool: urllib3.HTTPConnectionPool, base: str) -> list[str]:
    """The names of the server's models, as far as it tells them."""
    try:
        status, body = _call(pool, "POST", f"{base}/v2/repository/index", body=b"{}")
        models = msgspec.json.decode(body, type=list[_Model]) if status == 200 else []
    except (HTTPError, msgspec.DecodeError):
        return []
    return [one_line(model.name[:80]) for model in models[:_SHOWN]]


def _call(pool: urllib3.HTTPConnectionPool, method: str, path: str, **more: Any) -> tuple[int, bytes]:
    headers = {"Content-Type": "application/json"}
    timeout = urllib3.Timeout(total=_TIMEOUT_S)
    reply = pool.urlopen(method, path, headers=headers, timeout=timeout, redirect=False, preload_content=False, **more)
    try:
        return reply.status, reply.read(_MAX_BYTES)
    finally:
        reply.close()
