"""[output] of a declaration in plain numpy: what the graph of `build` must equal. prepare.geometry has the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edge_common.tensors import DTYPES, Array, TensorSpec
from edgectl.model.prepare.after import reference_boxes, reference_mask
from edgectl.model.prepare.after.build import used
from edgectl.model.prepare.after.shares import activated
from edgectl.model.prepare.after.spec import After, Anomaly, Classes
from edgectl.model.prepare.geometry import Geometry

# The first that fits: an object array is text, whatever is in it.
_DATATYPES = {dtype: name for name, dtype in DTYPES.items() if name != "BF16"}


def apply(
    spec: After, outputs: Mapping[str, Array], labels: Sequence[str], geometry: Geometry | None
) -> dict[str, Array]:
    """Return the answers of `spec` by name, made of the model's `outputs`; without `geometry` in the model's pixels.

    Raises:
        ModelError: `outputs` do not fit `spec`, as `build` says of their types and shapes.
    """
    specs = [TensorSpec(name, _datatype(array), array.shape) for name, array in outputs.items()]
    found = used(spec, specs, labels)
    first = outputs[found[0].name]
    if spec.classes is not None:
        return _classes(spec.classes, first, labels)
    if spec.anomaly is not None:
        return _anomaly(spec.anomaly, first, labels)
    if spec.mask is not None:
        return reference_mask.apply(spec.mask, first, geometry)
    assert spec.boxes is not None
    return reference_boxes.apply(spec.boxes, [outputs[tensor.name] for tensor in found], geometry)


def _datatype(array: Array) -> str:
    return "BYTES" if array.dtype.kind in "OUS" else _DATATYPES[array.dtype]


def _classes(spec: Classes, outputs: Array, labels: Sequence[str]) -> dict[str, Array]:
    scores = outputs.astype(np.float32)
    shares = activated(spec.activation, scores)
    if shares.shape[1] == 1:
        shares = np.concatenate([1 - shares, shares], 1)
        scores = np.concatenate([-scores, scores], 1) if spec.activation == "sigmoid" else shares
    texts = labels if spec.text else ()
    answers = {"probabilities": shares, "label": _named(scores.argmax(1), texts)}
    if spec.top is not None:
        # Equal scores in the order of their classes.
        order = np.argsort(-scores, 1, kind="stable")[:, : spec.top]
        answers |= {"top_labels": _named(order, texts), "top_scores": np.take_along_axis(shares, order, 1)}
    return answers


def _anomaly(spec: Anomaly, scores: Array, labels: Sequence[str]) -> dict[str, Array]:
    dtype: Any = np.float64 if scores.dtype == np.float64 else np.float32
    score = scores.ravel().astype(dtype)
    limit = np.array([spec.threshold], dtype)
    normal = score <= limit if spec.anomalous == "above" else score >= limit
    sign = dtype(-1 if spec.flip else 1)
    label = _named(np.where(normal, 0, 1), labels if spec.text else ())
    return {"score": score * sign, "label": label, "threshold": limit * sign}


def _named(indexes: Array, texts: Sequence[str]) -> Array:
    return np.array(texts, np.object_)[indexes] if texts else indexes.astype(np.int64)
