"""ONNX Runtime's errors as a person reads them; the texts are its own."""

from __future__ import annotations

import pytest
from onnxruntime.capi import onnxruntime_pybind11_state as state

from edge_common.ortreason import ort_faults, ort_reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(
            "[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model from /a.onnx failed:Protobuf parsing failed.",
            "Protobuf parsing failed.",
            id="load",
        ),
        pytest.param(
            "[ONNXRuntimeError] : 1 : FAIL : Load model from /d.onnx failed:/onnxruntime_src/onnxruntime/core/graph/"
            "model.cc:256 onnxruntime::Model::Model(onnx::ModelProto&&, const onnxruntime::PathString&, const "
            "onnxruntime::ModelOptions&) Unsupported model IR version: 99, max supported IR version: 13\n",
            "Unsupported model IR version: 99, max supported IR version: 13",
            id="constructor",
        ),
        pytest.param(
            "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running Reshape node. Name:'' Status "
            "Message: /onnxruntime_src/onnxruntime/core/a.h:91 a::B(std::function<int(int)>, bool) const input was "
            "false. Input shape:{4}\n",
            "Non-zero status code returned while running Reshape node. Name:'' Status Message: input was false. "
            "Input shape:{4}",
            id="running-nested-brackets",
        ),
        pytest.param("/onnxruntime_src/a.h:1 f(int", "ValueError", id="cut-short"),
        pytest.param("/onnxruntime_src/a.h:1 no brackets", "ValueError", id="no-brackets"),
        pytest.param("", "ValueError", id="empty"),
        pytest.param("a\x1b[31m\nb", "a[31m b", id="control-characters"),
        pytest.param("x" * 999, "x" * 480, id="long"),
    ],
)
def test_reason(text: str, reason: str) -> None:
    assert ort_reason(ValueError(text)) == reason


def test_every_exception_of_onnx_runtime_is_a_fault() -> None:
    names = {kind.__name__ for kind in ort_faults(state)}
    assert {"Fail", "InvalidArgument", "InvalidGraph", "NoSuchFile", "NotImplemented", "RuntimeException"} <= names
    assert {"EPFail", "EngineError", "ModelLoaded"} <= names, "those that are easily forgotten"
    assert Exception not in ort_faults(state)
