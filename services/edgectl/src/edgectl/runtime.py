"""A model in ONNX Runtime as the service runs it: one thread, no spinning."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime as ort
from edge_common.bundle import BundleError
from edge_common.tensors import Array

_NUMPY = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
} | {f"tensor({sign}int{bits})": np.dtype(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)}


class Model:
    """One loaded graph.

    Raises:
        BundleError: ONNX Runtime refuses the file, or (in `run`) these inputs.
    """

    def __init__(self, path: Path) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as exc:  # noqa: BLE001 - ORT's exceptions share no base class
            raise BundleError(f"{path}: ONNX Runtime cannot load it: {_line(exc)}") from None
        self.inputs = [(value.name, value.type, list(value.shape)) for value in self._session.get_inputs()]
        self.outputs = [(value.name, value.type, list(value.shape)) for value in self._session.get_outputs()]

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return every output by name."""
        try:
            values = self._session.run(None, dict(inputs))
        except Exception as exc:  # noqa: BLE001
            raise BundleError(f"the model refuses these inputs: {_line(exc)}") from None
        return {name: value for (name, _, _), value in zip(self.outputs, values, strict=True)}

    def generate(self, count: int, seed: int, side: int = 64) -> list[dict[str, Array]]:
        """Return `count` seeded random inputs; a variable first dim is 1, any other `side`."""
        rng = np.random.default_rng(seed)
        return [{name: _random(rng, kind, shape, side) for name, kind, shape in self.inputs} for _ in range(count)]


def _random(rng: np.random.Generator, kind: str, shape: list[int | str | None], side: int) -> Array:
    dims = [dim if isinstance(dim, int) else 1 if axis == 0 else side for axis, dim in enumerate(shape)]
    dtype = np.dtype(_NUMPY.get(kind, np.float32))
    if dtype.kind == "O":
        return np.full(dims, "sample", dtype=object)
    if dtype.kind == "f":
        return rng.standard_normal(dims).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, dims).astype(dtype)
    return rng.integers(0, min(256, np.iinfo(dtype).max), dims).astype(dtype)


def _line(exc: BaseException) -> str:
    return str(exc).strip().splitlines()[0][:300]
