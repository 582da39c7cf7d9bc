"""A graph in ONNX Runtime, on one thread: for checking and recording, not for serving."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edge_common.bundle import BundleError
from edge_common.errors import StartError
from edge_common.ortoptions import share
from edge_common.ortreason import ort_faults, ort_reason
from edge_common.tensors import Array, TensorSpec, graph_tensor


class GraphRefuses(BundleError):
    """Inputs of the right type and shape that the graph cannot work with."""


class Model:
    """A loaded graph; `inputs` and `outputs` are in the graph's order."""

    def __init__(self, path: Path, optimised: bool = False) -> None:
        """Load `path`; raise BundleError with ONNX Runtime's reason, in one line, when it refuses.

        A graph that is `optimised` already is taken as it is.
        """
        # Imported here: `--help` and completion must not wait for it.
        # It would report its use to its maker, and leave a device id in the home directory.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        share(options)
        if optimised:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        if path.is_dir():
            raise BundleError(f"{path}: want an .onnx file, found a directory")
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except _refusals() as exc:
            raise BundleError(f"{path}: ONNX Runtime {ort.__version__} cannot load it: {ort_reason(exc)}") from None
        self.path = path
        self.inputs = tuple(_spec(path, value) for value in self._session.get_inputs())
        self.outputs = tuple(_spec(path, value) for value in self._session.get_outputs())

    def check(self, feed: Mapping[str, Array], where: str) -> None:
        """Raise BundleError, which names `where` the feed is from, unless it fits the inputs."""
        for spec in self.inputs:
            if spec.name not in feed:
                raise BundleError(f"{where}: input '{spec.name}': want {_kind(spec)}, found no such array")
            found = feed[spec.name]
            if not spec.holds(found):
                raise BundleError(
                    f"{where}: input '{spec.name}': want {_kind(spec)}, found {found.dtype} {list(found.shape)}"
                )
        for name in feed:
            if name not in [spec.name for spec in self.inputs]:
                raise BundleError(f"{where}: want inputs {[s.name for s in self.inputs]}, found {name!r}")

    def run(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        """Return output name -> array.

        Raises:
            BundleError: the feed does not fit the inputs.
            GraphRefuses: it does, but the graph cannot work with it.
        """
        self.check(feed, str(self.path))
        try:
            arrays = self._session.run(None, dict(feed))
        except _refusals() as exc:
            raise GraphRefuses(f"{self.path}: the graph refuses these inputs: {ort_reason(exc)}") from None
        return {spec.name: np.asarray(array) for spec, array in zip(self.outputs, arrays, strict=True)}


def _refusals() -> tuple[type[Exception], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return ort_faults(state)


def _spec(path: Path, value: Any) -> TensorSpec:
    try:
        spec = graph_tensor(value.name, value.type, value.shape)
    except StartError as exc:
        raise BundleError(f"{path}: {exc}") from None
    if spec.datatype == "BF16":
        raise BundleError(f"{path}: '{spec.name}': want a type that .npz files hold, found BF16; cast it in the graph")
    return spec


def _kind(spec: TensorSpec) -> str:
    return f"{spec.datatype} {list(spec.shape)}"
