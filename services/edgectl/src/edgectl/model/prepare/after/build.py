"""The graph of what is done to a model's outputs, to be joined to the model by prepare.run."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from edge_common.tensors import DTYPES, TensorSpec
from edgectl.model.errors import ModelError
from edgectl.model.prepare.after import anomaly, boxes, classes, mask
from edgectl.model.prepare.after.nodes import Nodes
from edgectl.model.prepare.after.pick import answers, refuse_kept
from edgectl.model.prepare.after.sources import sources
from edgectl.model.prepare.after.spec import After

# An output of the model that has the name of an answer is taken in as RAW + its name: no graph has two of one name.
RAW = "raw:"


def build(spec: After, outputs: Sequence[TensorSpec], labels: Sequence[str], geometry: bool) -> onnx.ModelProto:
    """Return the graph from the model's `outputs` to the answers of `spec`.

    Its inputs are the outputs that it uses, one with the name of an answer as RAW + its name, and with `geometry` those
    of prepare.geometry's that it uses; without, boxes and masks stay in the pixels of the model. Its outputs are
    `pick.answers`.

    Raises:
        ModelError: an output that is not there or of another shape, a choice between outputs, or labels that do not
            fit, in one line that begins with the key of the declaration.
    """
    nodes, found, taken = Nodes(), used(spec, outputs, labels), answers(spec)
    refuse_kept(spec)
    if spec.boxes is not None and spec.boxes.in_shares and not geometry:
        raise ModelError("output.boxes.normalised: want [input] for a picture beside boxes in shares of it, found none")
    names = {tensor.name: _input(nodes, tensor, taken) for tensor in found}
    first = found[0]
    if spec.classes is not None:
        classes.add(nodes, spec.classes, first, names[first.name], labels)
    elif spec.anomaly is not None:
        anomaly.add(nodes, spec.anomaly, first, names[first.name], labels)
    elif spec.mask is not None:
        mask.add(nodes, spec.mask, first, names[first.name], geometry)
    elif spec.boxes is not None:
        boxes.add(nodes, spec.boxes, sources(spec.boxes, outputs, labels), names, geometry)
    return nodes.model()


def used(spec: After, outputs: Sequence[TensorSpec], labels: Sequence[str]) -> list[TensorSpec]:
    """Return those of the model's `outputs` that `spec` makes its answers of; raise ModelError as `build` does."""
    if spec.boxes is not None:
        return sources(spec.boxes, outputs, labels).all()
    if spec.mask is not None:
        return [mask.source(spec.mask, outputs, labels)]
    if spec.anomaly is not None:
        return [anomaly.source(spec.anomaly, outputs, labels)]
    assert spec.classes is not None
    return [classes.source(spec.classes, outputs, labels)]


def _input(nodes: Nodes, tensor: TensorSpec, taken: Sequence[str]) -> str:
    name = RAW + tensor.name if tensor.name in taken else tensor.name
    dims = [f"{name}.{axis}" if extent < 0 else extent for axis, extent in enumerate(tensor.shape)]
    return nodes.input(name, DTYPES[tensor.datatype], dims)
