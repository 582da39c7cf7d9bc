"""A graph in ONNX Runtime, on one thread: for checking and recording, not for serving."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edge_common.bundle import BundleError
from edge_common.errors import StartError
from edge_common.ortreason import ort_reason
from edge_common.tensors import DTYPES, Array, TensorSpec, graph_tensor


class Model:
    """A loaded graph; `inputs` and `outputs` are in the graph's order."""

    def __init__(self, path: Path) -> None:
        """Load `path`; raise BundleError with ONNX Runtime's reason, in one line, when it refuses."""
        # Imported here: `--help` and completion must not wait for it.
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except _refusals() as exc:
            raise BundleError(f"{path}: ONNX Runtime {ort.__version__} cannot load it: {ort_reason(exc)}") from None
        self.path = path
        self.inputs = tuple(_spec(path, value) for value in self._session.get_inputs())
        self.outputs = tuple(_spec(path, value) for value in self._session.get_outputs())

    def run(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        """Return output name -> array.

        Raises:
            BundleError: the feed does not fit the inputs, or the graph refuses it.
        """
        for spec in self.inputs:
            if spec.name not in feed:
                raise BundleError(f"{self.path}: input '{spec.name}': want {_kind(spec)}, found no such array")
            _check(self.path, spec, feed[spec.name])
        for name in feed:
            if name not in [spec.name for spec in self.inputs]:
                raise BundleError(f"{self.path}: want inputs {[s.name for s in self.inputs]}, found {name!r}")
        try:
            arrays = self._session.run(None, dict(feed))
        except _refusals() as exc:
            raise BundleError(f"{self.path}: the graph refuses these inputs: {ort_reason(exc)}") from None
        return {spec.name: np.asarray(array) for spec, array in zip(self.outputs, arrays, strict=True)}


def _refusals() -> tuple[type[Exception], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoModel", "NoSuchFile", "NotImplemented")
    return (state.RuntimeException, *(getattr(state, name) for name in names))


def _spec(path: Path, value: Any) -> TensorSpec:
    try:
        spec = graph_tensor(value.name, value.type, value.shape)
    except StartError as exc:
        raise BundleError(f"{path}: {exc}") from None
    if spec.datatype == "BF16":
        raise BundleError(f"{path}: '{spec.name}': want a type that .npz files hold, found BF16; cast it in the graph")
    return spec


def _check(path: Path, spec: TensorSpec, array: Array) -> None:
    fits = len(spec.shape) == array.ndim and all(
        want in (-1, got) for want, got in zip(spec.shape, array.shape, strict=True)
    )
    if not fits or array.dtype != DTYPES[spec.datatype]:
        raise BundleError(f"{path}: input '{spec.name}': want {_kind(spec)}, found {array.dtype} {list(array.shape)}")


def _kind(spec: TensorSpec) -> str:
    return f"{spec.datatype} {list(spec.shape)}"
