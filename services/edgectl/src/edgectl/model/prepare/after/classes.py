"""Scores of classes to shares, the class of the largest and, if wanted, the first few in order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from edge_common.tensors import TensorSpec
from edgectl.model.errors import ModelError
from edgectl.model.prepare.after.nodes import Nodes, single, whole
from edgectl.model.prepare.after.pick import FLOATS, classes_fit, of, picked, shown
from edgectl.model.prepare.after.spec import Classes

_KEY = "output.classes"


def source(spec: Classes, outputs: Sequence[TensorSpec], labels: Sequence[str]) -> TensorSpec:
    """Return the output with the scores; raise ModelError unless it fits `spec` and the labels."""
    key = f"{_KEY}.from"
    tensor = picked(outputs, key, spec.source, of(FLOATS, 2), "an output of floats [N, classes]")
    columns = tensor.shape[1]
    classes_fit(key, tensor, 2 if columns == 1 else columns, labels)
    if columns == 1 and spec.activation == "softmax":
        raise ModelError(
            f"{_KEY}.activation: want 'sigmoid' for one column, whose softmax is always 1, found 'softmax'"
        )
    if spec.top is not None and 0 <= max(columns, 2 * (columns == 1)) < spec.top:
        raise ModelError(f"{_KEY}.top: want at most as many as there are classes, found {spec.top} of {shown(tensor)}")
    texts_fit(_KEY, spec.text, labels)
    return tensor


def texts_fit(key: str, text: bool, labels: Sequence[str]) -> None:
    """Raise ModelError where `text` asks for labels that are not there."""
    if text and not labels:
        raise ModelError(
            f"{key}.text: want labels to answer in text, found none; name their file, or a bundle with one"
        )


def add(nodes: Nodes, spec: Classes, tensor: TensorSpec, scores: str, labels: Sequence[str]) -> None:
    """Add `probabilities`, `label` and the first `top` to the graph; `scores` is the tensor of `tensor`."""
    batch = "N" if tensor.shape[0] < 0 else tensor.shape[0]
    columns, texts = tensor.shape[1], labels if spec.text else ()
    scores, shares = _of_classes(nodes, spec, nodes.floats(scores, tensor), columns == 1)
    dims = [batch, "classes" if columns < 0 else max(columns, 2)]
    nodes.output("probabilities", shares, np.float32, dims)
    # Of the scores and not of the shares: those of two classes may both be rounded to 1.
    named(nodes, "label", nodes("ArgMax", scores, axis=1, keepdims=0), [batch], texts)
    if spec.top is not None:
        order = nodes.several("TopK", 2, scores, whole(spec.top), axis=1)[1]
        named(nodes, "top_labels", order, [batch, spec.top], texts)
        nodes.output("top_scores", nodes("GatherElements", shares, order, axis=1), np.float32, [batch, spec.top])


def _of_classes(nodes: Nodes, spec: Classes, scores: str, one: bool) -> tuple[str, str]:
    """Return scores and shares [N, C]: of one column, the first class has what the second lacks."""
    shares = activated(nodes, spec.activation, scores, axis=1)
    if not one:
        return scores, shares
    both = nodes("Concat", nodes("Sub", single(1), shares), shares, axis=1)
    return nodes("Concat", nodes("Neg", scores), scores, axis=1) if spec.activation == "sigmoid" else both, both


def activated(nodes: Nodes, activation: str, scores: str, axis: int) -> str:
    """Return `scores` after "none", "sigmoid" or "softmax" along `axis`."""
    if activation == "sigmoid":
        return nodes("Sigmoid", scores)
    return nodes("Softmax", scores, axis=axis) if activation == "softmax" else scores


def named(nodes: Nodes, output: str, indexes: str, dims: Sequence[int | str], texts: Sequence[str]) -> None:
    """Add the output `output`: class indexes int64, or the `texts` at them where there are any."""
    if not texts:
        nodes.output(output, nodes("Cast", indexes, to=TensorProto.INT64), np.int64, dims)
        return
    table = np.array(texts, np.object_)
    nodes.output(output, nodes("Gather", table, indexes), np.object_, dims)
