"""[input] of a declaration as a graph of standard operators: prepare.geometry has the contract."""

from __future__ import annotations

import numpy as np
import onnx
from msgspec import UNSET
from onnx import TensorProto

from edge_common.tensors import DTYPES, TensorSpec
from edgectl.model.graphs import BATCH
from edgectl.model.prepare.after.nodes import Nodes
from edgectl.model.prepare.before.fit import Fitted, channels_of, check_tensor, fitted, sent
from edgectl.model.prepare.before.pixels import to_model, to_size
from edgectl.model.prepare.before.place import geometry, place
from edgectl.model.prepare.before.resample import resample
from edgectl.model.prepare.before.spec import Before
from edgectl.model.prepare.geometry import IMAGE, TENSOR


def build(spec: Before, tensor: TensorSpec, one_frame: bool) -> onnx.ModelProto:
    """Return the graph that makes the model's input `tensor` from what a client sends.

    Raises:
        ModelError: `spec` does not fit `tensor`.
    """
    if spec.kind == "tensor":
        check_tensor(spec, tensor)
        return _numbers(spec, tensor)
    return _picture(fitted(spec, tensor, one_frame))


def _picture(fit: Fitted) -> onnx.ModelProto:
    nodes = Nodes()
    shape, taken = _shapes(fit)
    image = nodes.input(IMAGE, np.dtype(np.uint8), shape)
    placed = place(nodes, fit, image)
    if fit.spec.interpolation is UNSET:
        pixels = nodes("Cast", placed.image, to=TensorProto.FLOAT)
    else:
        pixels = resample(nodes, fit.spec.interpolation, placed)
    pixels, end = to_size(nodes, fit, pixels, placed)
    nodes.output(TENSOR, to_model(nodes, fit, pixels), DTYPES[fit.tensor.datatype], taken)
    geometry(nodes, placed, str(fit.spec.resize), end)
    return nodes.model()


def _shapes(fit: Fitted) -> tuple[list[int | str], list[int | str]]:
    """Return the shape of what is sent, NHWC, and that of the model's input."""
    shape = [name if extent < 0 else extent for extent, name in zip(sent(fit), (BATCH, "H", "W", ""), strict=True)]
    sides = shape[1:3] if fit.size is None else [fit.size[1], fit.size[0]]
    extents = dict(zip("NHWC", (shape[0], *sides, channels_of(fit.spec)), strict=True))
    return shape, [extents[axis] for axis in fit.layout]


def _numbers(spec: Before, tensor: TensorSpec) -> onnx.ModelProto:
    """(x - mean) / std, in that order: as one product, large values would lose digits."""
    nodes, dtype = Nodes(), DTYPES[tensor.datatype]
    free = [dim if dim >= 0 else BATCH if axis == 0 else f"extent_{axis}" for axis, dim in enumerate(tensor.shape)]
    centred = nodes("Sub", nodes.input(IMAGE, dtype, free), np.array(spec.mean, dtype))
    nodes.output(TENSOR, nodes("Div", centred, np.array(spec.std, dtype)), dtype, free)
    return nodes.model()
