"""One input again and again over the Open Inference Protocol's binary form, on one kept-alive connection."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    from edge_common.tensors import Array, TensorSpec

# One run of the slowest model one would deploy, under the smallest CPU limit.
ANSWER_LIMIT_S = 120.0
_LENGTH = "Inference-Header-Content-Length"
_OK = 200


def body_of(inputs: Sequence[TensorSpec], feed: Mapping[str, Array]) -> tuple[bytes, int]:
    """Return the request's body, and how many bytes of it are JSON; the tensors follow in the order of `inputs`."""
    import orjson

    from edge_common.tensors import to_binary

    tails = [bytes(to_binary(feed[spec.name], spec.datatype)) for spec in inputs]
    entries = [
        {
            "name": spec.name,
            "datatype": spec.datatype,
            "shape": list(feed[spec.name].shape),
            "parameters": {"binary_data_size": len(tail)},
        }
        for spec, tail in zip(inputs, tails, strict=True)
    ]
    head = orjson.dumps({"inputs": entries, "parameters": {"binary_data_output": True}})
    return head + b"".join(tails), len(head)


class Client:
    """One connection to the model `name` of the service at `url`."""

    def __init__(self, url: str, name: str) -> None:
        """Connect at the first call; raise ModelError when `url` is none of http or https."""
        import urllib3

        self._url, self._name = url, name
        self._faults = urllib3.exceptions.HTTPError
        if not url.startswith(("http://", "https://")):
            raise ModelError(f"--service {url}: want http://host:port")
        limit = urllib3.Timeout(ANSWER_LIMIT_S)
        try:
            self._pool = urllib3.connection_from_url(url, maxsize=1, block=True, retries=False, timeout=limit)
        except self._faults as exc:
            raise ModelError(f"--service {url}: want http://host:port, found: {exc}") from None

    def version(self) -> str:
        """Return the version that is served; raise ModelError when the model is not there or not ready."""
        import msgspec

        path = f"/v2/models/{self._name}"
        try:
            found = msgspec.json.decode(self._call("GET", path), type=_served())
        except msgspec.MsgspecError as exc:
            raise ModelError(
                f"{self._url}{path}: want the answer of an Open Inference Protocol server, found another: {exc}"
            ) from None
        return ", ".join(found.versions) or "unknown"

    def times(self, body: bytes, json_bytes: int, seconds: float, least: int) -> Sequence[int]:
        """Return the nanoseconds from request to answer of every call of `seconds`, at least `least`."""
        headers = {_LENGTH: str(json_bytes), "Content-Type": "application/octet-stream"}
        path, found = f"/v2/models/{self._name}/infer", list[int]()
        end = time.perf_counter_ns() + int(seconds * 1e9)
        while len(found) < least or time.perf_counter_ns() < end:
            start = time.perf_counter_ns()
            self._call("POST", path, body, headers)
            found.append(time.perf_counter_ns() - start)
        return found

    def _call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        try:
            reply = self._pool.request(method, path, body=body, headers=headers)
        except self._faults as exc:
            raise ModelError(f"{self._url}{path}: want an answer, found: {_reason(exc)}") from None
        if reply.status != _OK:
            text = " ".join(reply.data.decode(errors="replace").split())[:300]
            raise ModelError(f"{self._url}{path}: want 200, found {reply.status}: {text}")
        return reply.data

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


def _served() -> Any:
    """Return the type of what such a server says of a model, as far as it counts here."""
    import msgspec

    return msgspec.defstruct("Served", [("name", str), ("versions", list[str], ())])


def _reason(exc: Exception) -> str:
    """Return the cause without urllib3's `HTTPConnection(host=..., port=...): ` in front."""
    return str(exc).rpartition("): ")[2] or str(exc)
