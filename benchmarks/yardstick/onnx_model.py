"""MLServer's side of the comparison: the same graph, the same options, the shortest way MLServer offers.

It runs in MLServer's own environment. MLServer's REST has no binary extension; base64 in a BYTES tensor is the
shortest form it takes for an image, so that is what it gets.
"""

from __future__ import annotations

import base64

import numpy as np
import onnxruntime as ort
from mlserver import MLModel  # type: ignore[import-not-found]
from mlserver.codecs import NumpyCodec  # type: ignore[import-not-found]
from mlserver.types import InferenceRequest, InferenceResponse  # type: ignore[import-not-found]


class OnnxModel(MLModel):  # type: ignore[misc]
    """One ONNX graph with one input."""

    async def load(self) -> bool:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(self.settings.parameters.uri, options, providers=["CPUExecutionProvider"])
        self._outputs = [output.name for output in self._session.get_outputs()]
        value = self._session.get_inputs()[0]
        self._shape = [dim if isinstance(dim, int) else 1 for dim in value.shape]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        tensor = payload.inputs[0]
        if tensor.datatype == "BYTES":
            raw = base64.b64decode(tensor.data.root[0])
            array = np.frombuffer(raw, np.uint8).reshape(self._shape)
        else:
            array = np.array(tensor.data.root, np.float32).reshape(tensor.shape)
        arrays = self._session.run(self._outputs, {tensor.name: array})
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                NumpyCodec.encode_output(name, output) for name, output in zip(self._outputs, arrays, strict=True)
            ],
        )
