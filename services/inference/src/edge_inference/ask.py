"""`edge-inference --ask URL PATH`: send a bundle's golden samples to a running service and compare its answers.

What `helm test` runs, through the Service and as any client would; it needs no ONNX Runtime.
"""

from __future__ import annotations

import http.client
import math
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from edge_common.bundle import Bundle
from edge_common.errors import InvalidInput, StartError
from edge_common.golden import Golden, compare, load_all
from edge_common.tensors import DTYPES, Array, TensorSpec, from_binary, to_binary

HEADER = "Inference-Header-Content-Length"
# A first answer of a slow model on a busy gateway; a service that hangs must not hang its test.
TIMEOUT_S = 30.0
# A new pod's address takes a moment to reach the network policies: until then they refuse it.
CONNECT_S, AGAIN_S = 10.0, 0.25


class AskFailed(Exception):
    """The service does not answer as the bundle says; the text is one line."""


def ask(url: str, bundle: Bundle, connect_s: float = CONNECT_S) -> int:
    """Return how many golden samples `url` answered as recorded; connecting is tried for `connect_s`.

    Raises:
        StartError: `url` is none, or the bundle has no samples.
        AskFailed: no answer, another version's, or one that differs.
    """
    host, port = _address(url)
    samples = load_all(bundle)
    if not samples:
        raise StartError(f"{bundle.directory}: want golden samples to ask with, found none")
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connect(connection, connect_s)
        types = tensor_types(get_json(connection, f"/v2/models/{bundle.name}"))
        for golden in samples:
            _check(connection, bundle, golden, types)
    except (OSError, http.client.HTTPException) as exc:
        raise AskFailed(f"{url}: {exc or type(exc).__name__}") from None
    except (InvalidInput, ValueError, KeyError, TypeError) as exc:
        raise AskFailed(f"{url}: not the reply of an inference service: {exc!r:.200}") from None
    finally:
        connection.close()
    return len(samples)


def _address(url: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname and parts.path in {"", "/"} and not parts.query:
            return parts.hostname, parts.port
    except ValueError:
        pass
    raise StartError(f"--ask {url!r:.200}: want http://HOST:PORT")


def connect(connection: http.client.HTTPConnection, patience_s: float) -> None:
    """Connect, trying again for `patience_s`."""
    end = time.monotonic() + patience_s
    while True:
        try:
            return connection.connect()
        except OSError:
            if time.monotonic() > end:
                raise
        time.sleep(AGAIN_S)


def tensor_types(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return the datatype of every input and output by name, from a model's metadata."""
    return {each["name"]: each["datatype"] for each in (*metadata["inputs"], *metadata["outputs"])}


def get_json(connection: http.client.HTTPConnection, path: str) -> Any:
    """Return the JSON at `path`."""
    connection.request("GET", path)
    return orjson.loads(_body(connection, path)[0])


def _body(connection: http.client.HTTPConnection, what: str) -> tuple[bytes, str | None]:
    reply = connection.getresponse()
    body = reply.read()
    if reply.status != 200:
        raise AskFailed(f"{what}: want 200, got {reply.status} {body[:200].decode('utf-8', 'replace')}")
    return body, reply.getheader(HEADER)


def _check(connection: http.client.HTTPConnection, bundle: Bundle, golden: Golden, types: Mapping[str, str]) -> None:
    path = f"/v2/models/{bundle.name}/infer"
    head, parts = encode_request(golden, types)
    headers = {
        "Content-Type": "application/octet-stream",
        HEADER: str(len(head)),
        "Content-Length": str(sum(memoryview(part).nbytes for part in (head, *parts))),
    }
    connection.request("POST", path, body=iter([head, *parts]), headers=headers)
    version, outputs = decode_reply(*_body(connection, f"golden {golden.name}"))
    if version != bundle.version:
        raise AskFailed(f"golden {golden.name}: want an answer of version {bundle.version}, got {version!r:.60}")
    difference = compare(golden, outputs, bundle.golden.rtol, bundle.golden.atol)
    if difference is not None:
        raise AskFailed(str(difference))


def encode_request(golden: Golden, types: Mapping[str, str]) -> tuple[bytes, list[bytes | memoryview]]:
    """Return the JSON head of an infer request in the binary form, and the parts that follow it."""
    tails = {name: to_binary(array, types[name]) for name, array in golden.inputs.items()}
    inputs = [
        {
            "name": name,
            "datatype": types[name],
            "shape": list(array.shape),
            "parameters": {"binary_data_size": memoryview(tails[name]).nbytes},
        }
        for name, array in golden.inputs.items()
    ]
    outputs = [{"name": name, "parameters": {"binary_data": True}} for name in golden.outputs]
    return orjson.dumps({"inputs": inputs, "outputs": outputs}), list(tails.values())


def decode_reply(body: bytes, json_length: str | None) -> tuple[str, dict[str, Array]]:
    """Return the model version that answered, and its outputs by name."""
    at = int(json_length) if json_length is not None else len(body)
    reply = orjson.loads(body[:at])
    outputs: dict[str, Array] = {}
    for each in reply["outputs"]:
        size, shape = each["parameters"]["binary_data_size"], each["shape"]
        spec = TensorSpec(each["name"], each["datatype"], tuple(shape))
        if size != len(body[at : at + size]) or each["datatype"] not in DTYPES or math.prod(shape) < 0:
            raise ValueError(f"output {spec.name!r:.60}")
        outputs[spec.name] = from_binary(spec, shape, memoryview(body)[at : at + size])
        at += size
    return reply["model_version"], outputs
