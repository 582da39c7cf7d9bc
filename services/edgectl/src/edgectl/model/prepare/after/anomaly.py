"""An anomaly score to a decision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from edge_common.tensors import TensorSpec
from edgectl.model.errors import ModelError
from edgectl.model.prepare.after.classes import named, texts_fit
from edgectl.model.prepare.after.nodes import Nodes, single, whole
from edgectl.model.prepare.after.pick import FLOATS, picked
from edgectl.model.prepare.after.spec import Anomaly

_KEY = "output.anomaly"


def source(spec: Anomaly, outputs: Sequence[TensorSpec], labels: Sequence[str]) -> TensorSpec:
    """Return the output with the score; raise ModelError unless it is one number a row, with no or two labels."""
    if labels and len(labels) != 2:
        raise ModelError(f"{_KEY}: want two labels, that of the normal and that of the anomalous, found {len(labels)}")
    texts_fit(_KEY, spec.text, labels)
    return picked(outputs, f"{_KEY}.from", spec.source, _one_a_row, "an output of floats [N] or [N, 1]")


def _one_a_row(tensor: TensorSpec) -> bool:
    return tensor.datatype in FLOATS and (len(tensor.shape) == 1 or (len(tensor.shape) == 2 and tensor.shape[1] == 1))


def add(nodes: Nodes, spec: Anomaly, tensor: TensorSpec, scores: str, labels: Sequence[str]) -> None:
    """Add `score`, `label` and `threshold`; a double stays one, as rounding could carry it over the threshold."""
    double = tensor.datatype == "FP64"
    dtype, batch = np.float64 if double else np.float32, "N" if tensor.shape[0] < 0 else tensor.shape[0]
    rows = nodes("Reshape", scores if double else nodes.floats(scores, tensor), whole(-1))
    score = nodes("Neg", rows) if spec.flip else rows
    limit = single(-spec.threshold if spec.flip else spec.threshold, dtype)
    above = (spec.anomalous == "above") != spec.flip
    # What is not known to be normal is anomalous: NaN is neither above nor below.
    normal = nodes("LessOrEqual" if above else "GreaterOrEqual", score, limit)
    label = nodes("Cast", nodes("Not", normal), to=TensorProto.INT64)
    nodes.output("score", score, dtype, [batch])
    named(nodes, "label", label, [batch], labels if spec.text else ())
    nodes.output("threshold", nodes("Reshape", limit, whole(1)), dtype, [1])
