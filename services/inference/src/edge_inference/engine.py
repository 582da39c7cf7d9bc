"""One ONNX Runtime session: threads as told, spinning off, tensors by their protocol names."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort

from edge_common.errors import GraphFails, InvalidInput, StartError
from edge_common.ortoptions import share
from edge_common.ortreason import ort_reason
from edge_common.tensors import DTYPES, Array, graph_tensor
from edge_inference.ortfaults import ORT_FAULTS

if TYPE_CHECKING:
    from edge_inference.cache import GraphCache

_NO_MEMORY = ("bad_alloc", "allocate memory", "Failed to allocate")
# ONNX Runtime: "Non-zero status code returned while running Add node. ..."
_WHILE_RUNNING = "returned while running"
_BF16 = 16  # onnx.TensorProto.BFLOAT16


class Engine:
    """A loaded model. `inputs` and `outputs` are in the graph's order; `load_seconds` is what loading took."""

    def __init__(self, session: ort.InferenceSession, threads: int, load_seconds: float, cached: bool) -> None:
        self.inputs = tuple(graph_tensor(value.name, value.type, value.shape) for value in session.get_inputs())
        self.outputs = tuple(graph_tensor(value.name, value.type, value.shape) for value in session.get_outputs())
        self.threads = threads
        self.load_seconds = load_seconds
        self.cached = cached
        self._session = session
        self._all = [spec.name for spec in self.outputs]
        self._raw = any(spec.datatype == "BF16" for spec in (*self.inputs, *self.outputs))
        if self._raw and any(spec.datatype == "BYTES" for spec in self.inputs):
            # Its Python interface takes BF16 only as OrtValue, and makes no OrtValue of strings.
            raise StartError("a graph with BF16 tensors and BYTES inputs cannot be served by ONNX Runtime")

    @classmethod
    def open(
        cls,
        model: Path,
        sha256: str,
        *,
        threads: int,
        cache_dir: Path | None = None,
        name: str = "",
        optimised: bool = False,
    ) -> Engine:
        """Load `model`; one that is `optimised` already, for this very machine, is taken as it is.

        Raises:
            StartError: ONNX Runtime refuses the file; the text is its reason, in one line.
        """
        started = time.perf_counter()
        cache = _cache(cache_dir, name or model.stem, sha256, threads) if cache_dir and not optimised else None
        kept = cache.find() if cache else None
        try:
            session = _session(kept or model, threads, optimised or kept is not None, None)
        except ORT_FAULTS as exc:
            if kept is None:
                raise StartError(f"{model}: ONNX Runtime cannot load it: {ort_reason(exc)}") from None
            session, kept = _session(model, threads, False, None), None
        if cache and kept is None:
            cache.fill(lambda target: _save(model, threads, target))
        return cls(session, threads, time.perf_counter() - started, kept is not None)

    def run(self, feed: Mapping[str, Array], outputs: Sequence[str] | None = None) -> list[Array]:
        """Return the named outputs (all by default) for `feed`.

        Raises:
            InvalidInput: ONNX Runtime refuses these inputs before it runs anything.
            GraphFails: an operator gives up on them, e.g. on dims that do not fit each other.
        """
        names = list(outputs) if outputs is not None else self._all
        try:
            if self._raw:
                return self._run_raw(feed, names)
            return self._session.run(names, feed)  # type: ignore[no-any-return]
        except ORT_FAULTS as exc:
            # Too little memory is this gateway's fault, not the client's: it ends as a logged 500.
            if any(words in str(exc) for words in _NO_MEMORY):
                raise
            kind = GraphFails if _WHILE_RUNNING in str(exc) else InvalidInput
            raise kind(f"the model refuses these inputs: {ort_reason(exc)}") from None

    def _run_raw(self, feed: Mapping[str, Array], names: list[str]) -> list[Array]:
        types = {spec.name: spec.datatype for spec in self.inputs}
        values = {
            name: ort.OrtValue.ortvalue_from_numpy_with_onnx_type(np.ascontiguousarray(array), _BF16)
            if types[name] == "BF16"
            else ort.OrtValue.ortvalue_from_numpy(array)
            for name, array in feed.items()
        }
        return [_to_numpy(value) for value in self._session.run_with_ort_values(names, values)]

    def example(self) -> dict[str, Array]:
        """Zeros (empty strings) in every input's shape, 1 for a variable dim: for a warm-up without samples."""
        return {
            spec.name: np.full([1 if dim < 0 else dim for dim in spec.shape], "", dtype=object)
            if spec.datatype == "BYTES"
            else np.zeros([1 if dim < 0 else dim for dim in spec.shape], DTYPES[spec.datatype])
            for spec in self.inputs
        }


def _cache(directory: Path, name: str, sha256: str, threads: int) -> GraphCache:
    # Imported here: it brings tempfile and shutil, which a service without a cache never needs.
    from edge_inference.cache import GraphCache

    return GraphCache(directory, name, sha256, threads)


def _session(path: Path, threads: int, optimised: bool, save_to: Path | None) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    share(options)
    # A planned block per input shape beside the pool it was planned in: 7 MB more for belt-detector, and no faster
    # (p50 7.15 ms with it, 7.11 without).
    options.enable_mem_pattern = False
    if optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    if save_to is not None:
        options.optimized_model_filepath = str(save_to)
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _save(model: Path, threads: int, target: Path) -> None:
    """Write the optimised graph; raise OSError when it cannot be, as on a full disk."""
    try:
        _session(model, threads, False, target)
    except ORT_FAULTS as exc:
        raise OSError(ort_reason(exc)) from None


def _to_numpy(value: Any) -> Array:
    if value.element_type() != _BF16:
        return value.numpy()  # type: ignore[no-any-return]
    shape = value.shape()
    raw = ctypes.string_at(value.data_ptr(), int(np.prod(shape, dtype=np.int64)) * 2)
    return np.frombuffer(raw, np.uint16).reshape(shape)
