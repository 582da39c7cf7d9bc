"""ONNX Runtime's exceptions: they share no base class but Exception."""

from __future__ import annotations

from onnxruntime.capi import onnxruntime_pybind11_state as state

# InvalidArgument, InvalidGraph, InvalidProtobuf, NoSuchFile, RuntimeException and their siblings.
ORT_FAULTS: tuple[type[Exception], ...] = tuple(
    kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception)
)
