"""What is asked of every server: one request per case, in each server's shortest form, and its right answer."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import orjson

Array = npt.NDArray[Any]
# JSON writes FP32 in its shortest form, which reads back as the same number.
_TOLERANCE = 1e-6
_HEADER = re.compile(rb"inference-header-content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Case:
    """A model, an input and how each server is asked; `serve` is what edge-inference gets as PATH."""

    name: str
    model: Path
    serve: Path
    model_name: str
    input: str
    array: Array
    binary: bool
    expected: dict[str, Array]

    def edge_request(self) -> bytes:
        """The protocol's JSON, or its binary extension with binary outputs."""
        path = f"/v2/models/{self.model_name}/infer"
        if not self.binary:
            return _post(path, _json_body(self.input, self.array))
        tensor = _tensor(self.input, self.array, parameters={"binary_data_size": self.array.nbytes})
        head = orjson.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}})
        extra = f"Inference-Header-Content-Length: {len(head)}\r\n"
        return _post(path, head + self.array.tobytes(), "application/octet-stream", extra)

    def floor_request(self) -> tuple[bytes, int]:
        """Return (request, offset of what the floor reads): the same JSON, or the bare tensor."""
        body = self.array.tobytes() if self.binary else _json_body(self.input, self.array)
        request = _post("/", body)
        return request, len(request) - len(body)

    def mlserver_request(self) -> bytes:
        """The same JSON; for an image base64 in a BYTES tensor, the shortest form MLServer's REST takes."""
        path = f"/v2/models/{self.name}/infer"
        if not self.binary:
            return _post(path, _json_body(self.input, self.array))
        text = base64.b64encode(self.array.tobytes()).decode()
        tensor = {"name": self.input, "shape": [1], "datatype": "BYTES", "data": [text]}
        return _post(path, orjson.dumps({"inputs": [tensor]}))

    def check(self, server: str, answer: bytes) -> None:
        """Hold an answer against raw ONNX Runtime's, or end the benchmark: a wrong answer has no speed."""
        got = self._read(answer)
        for name, want in self.expected.items():
            flat = got[name].astype(want.dtype).ravel()
            if flat.shape != (want.size,) or not np.allclose(flat, want.ravel(), rtol=_TOLERANCE, atol=_TOLERANCE):
                raise SystemExit(f"{self.name}: {server} answers {flat[:8]} for {name}, want {want.ravel()[:8]}")

    def _read(self, answer: bytes) -> dict[str, Array]:
        """Outputs of a JSON answer, or of a binary tail that follows the JSON (the floor's has no JSON before it)."""
        head, _, body = answer.partition(b"\r\n\r\n")
        announced = _HEADER.search(head)
        size = int(announced[1]) if announced else 0
        if not announced and body.startswith(b"{"):
            return {entry["name"]: np.array(entry["data"]) for entry in orjson.loads(body)["outputs"]}
        outputs, at = {}, size
        for name, want in self.expected.items():
            outputs[name] = np.frombuffer(body[at : at + want.nbytes], want.dtype)
            at += want.nbytes
        return outputs


def make_case(name: str, model: Path, session: ort.InferenceSession, *, serve: Path, binary: bool) -> Case:
    """Build the case of a model with one input: random values of a fixed seed, 1 for a variable dim."""
    value = session.get_inputs()[0]
    shape = [dim if isinstance(dim, int) else 1 for dim in value.shape]
    random = np.random.default_rng(7)
    array: Array = random.integers(0, 256, shape, np.uint8) if binary else random.normal(size=shape).astype(np.float32)
    names = [output.name for output in session.get_outputs()]
    expected = dict(zip(names, session.run(names, {value.name: array}), strict=True))
    model_name = serve.stem if serve.is_file() else serve.name
    return Case(name, model, serve, model_name, value.name, array, binary, expected)


def _tensor(name: str, array: Array, **more: object) -> dict[str, object]:
    datatype = "UINT8" if array.dtype == np.uint8 else "FP32"
    return {"name": name, "shape": list(array.shape), "datatype": datatype, **more}


def _json_body(name: str, array: Array) -> bytes:
    return orjson.dumps({"inputs": [_tensor(name, array, data=array.ravel().tolist())]})


def _post(path: str, body: bytes, kind: str = "application/json", extra: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body
