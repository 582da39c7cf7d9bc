"""Which extents of the inputs are fixed, and tables of names and shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from edge_common.tensors import TensorSpec
from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    import onnx

    from edgectl.model.convert.options import ConvertOptions


def settled(source: str, inputs: Sequence[TensorSpec], options: ConvertOptions) -> tuple[TensorSpec, ...]:
    """Return `inputs` with the free extents that --shape and --batch settle; the batch stays free without --batch.

    Raises:
        ModelError: a shape of no input, or one that does not fit it.
    """
    known = {spec.name: spec for spec in inputs}
    check_shapes(source, options.shapes, list(known))
    for name, shape in options.shapes.items():
        if not known[name].accepts(shape):
            raise ModelError(
                f"{source}: --shape {name}: want {list(known[name].shape)} (-1 is any), found {list(shape)}"
            )
    return tuple(_settled(spec, options.shapes.get(spec.name), options.batch) for spec in inputs)


def check_shapes(source: str, shapes: Mapping[str, Sequence[int]], known: Sequence[str]) -> None:
    """Raise ModelError for a name in `shapes` that is no input, and for an extent of 0."""
    for name, shape in shapes.items():
        if name not in known:
            raise ModelError(f"{source}: --shape {name}: want one of the inputs {list(known)}, found {name!r}")
        if min(shape, default=1) < 1:
            raise ModelError(f"{source}: --shape {name}: want extents of 1 or more, found {list(shape)}")


def fixed(model: onnx.ModelProto, inputs: Sequence[TensorSpec]) -> onnx.ModelProto:
    """Return `model`, changed in place: the batch of `inputs` is that of the graph's, and of outputs that share it."""
    batches = {spec.name: spec.shape[0] for spec in inputs if spec.shape and spec.shape[0] > 0}
    symbols: dict[str, int] = {}
    for value in model.graph.input:
        dims = value.type.tensor_type.shape.dim
        if dims and value.name in batches:
            symbols[dims[0].dim_param] = batches[value.name]
            dims[0].dim_value = batches[value.name]
    symbols.pop("", None)
    for value in model.graph.output:
        dims = value.type.tensor_type.shape.dim
        if dims and dims[0].dim_param in symbols:
            dims[0].dim_value = symbols[dims[0].dim_param]
    return model


def described(name: str, dtype: object, shape: Iterable[object]) -> str:
    """Return a tensor in a line, as its framework calls it; free extents are None, -1 or symbols there."""
    extents = ["any" if extent in (None, -1) else str(extent) for extent in shape]
    return f"{name} {str(dtype).removeprefix('torch.')} [{', '.join(extents)}]"


def _settled(spec: TensorSpec, shape: Sequence[int] | None, batch: int | None) -> TensorSpec:
    extents = list(spec.shape[:1]) + list(shape[1:] if shape else spec.shape[1:])
    if batch and extents and extents[0] < 0:
        extents[0] = batch
    return replace(spec, shape=tuple(extents))
