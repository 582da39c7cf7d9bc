"""Every way ONNX Runtime says no; its exceptions share no base of their own."""

from __future__ import annotations

from onnxruntime.capi import onnxruntime_pybind11_state as state

from edge_common.ortreason import ort_faults

ORT_FAULTS = ort_faults(state)
