"""The output side of a prepared graph, run by ONNX Runtime as users run it and unoptimised, beside its reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import onnx
import onnxruntime as ort
from hypothesis import strategies as st

from edge_common.tensors import DTYPES, Array, TensorSpec
from edgectl.model.prepare.after import reference
from edgectl.model.prepare.after.build import RAW, build
from edgectl.model.prepare.after.spec import After
from edgectl.model.prepare.geometry import FRAME, OFFSET, SCALE, SIZE, Geometry

Shapes = Mapping[str, tuple[int, ...]]
LEVELS = (ort.GraphOptimizationLevel.ORT_ENABLE_ALL, ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
DATATYPES = {dtype: name for name, dtype in DTYPES.items() if name != "BF16"}


def tensors(outputs: Mapping[str, Array], shapes: Shapes | None = None) -> tuple[TensorSpec, ...]:
    """Return `outputs` as the model declares them: with their own shapes, or those of `shapes`."""
    told = {name: array.shape for name, array in outputs.items()} | dict(shapes or {})
    return tuple(TensorSpec(name, DATATYPES[array.dtype], told[name]) for name, array in outputs.items())


@lru_cache(maxsize=256)
def sessions(
    spec: After, outputs: tuple[TensorSpec, ...], labels: tuple[str, ...], geometry: bool
) -> list[ort.InferenceSession]:
    """Return the graph at both levels, checked: opset 18, standard operators alone."""
    model = build(spec, outputs, labels, geometry)
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18)]
    assert {node.domain for node in model.graph.node} == {""}
    made = []
    for level in LEVELS:
        options = ort.SessionOptions()
        options.graph_optimization_level, options.intra_op_num_threads = level, 1
        made.append(ort.InferenceSession(model.SerializeToString(), options))
    return made


def answered(
    spec: After,
    outputs: Mapping[str, Array],
    labels: Sequence[str] = (),
    geometry: Geometry | None = None,
    shapes: Shapes | None = None,
) -> tuple[list[dict[str, Array]], dict[str, Array]]:
    """Return what the graph answers at each level, and what the reference does."""
    feed = dict(outputs)
    if geometry is not None:
        feed |= {SCALE: geometry.scale, OFFSET: geometry.offset, FRAME: geometry.frame, SIZE: geometry.size}
    found = []
    for session in sessions(spec, tensors(outputs, shapes), tuple(labels), geometry is not None):
        wanted = {value.name: feed[value.name.removeprefix(RAW)] for value in session.get_inputs()}
        names = [value.name for value in session.get_outputs()]
        found.append(dict(zip(names, session.run(None, wanted), strict=True)))
    return found, reference.apply(spec, outputs, labels, geometry)


def check(graph: Mapping[str, Array], reference_: Mapping[str, Array], rtol: float = 0, atol: float = 0) -> None:
    """Assert the same names, types, shapes and values, floats within the tolerance."""
    assert list(graph) == list(reference_)
    for name, want in reference_.items():
        assert graph[name].dtype == want.dtype, name
        assert graph[name].shape == want.shape, name
        if want.dtype.kind == "f":
            np.testing.assert_allclose(graph[name], want, rtol=rtol, atol=atol, err_msg=name)
        else:
            np.testing.assert_array_equal(graph[name], want, err_msg=name)


def pair(x: float, y: float) -> Array:
    return np.array([x, y], np.float32)


@st.composite
def geometries(draw: st.DrawFn, size: tuple[int, int] = (64, 48), most: int = 200) -> Geometry:
    """A frame of up to `most` pixels a side in a model input of `size`, by letterbox, crop or stretch."""
    frame = draw(st.integers(1, most)), draw(st.integers(1, most))
    way = draw(st.sampled_from(["letterbox", "corner", "crop", "stretch", "none"]))
    if way in ("stretch", "none"):
        size = frame if way == "none" else size
        return Geometry(pair(size[0] / frame[0], size[1] / frame[1]), pair(0, 0), pair(*frame), pair(*size))
    ratios = size[0] / frame[0], size[1] / frame[1]
    ratio = max(ratios) if way == "crop" else min(ratios)
    resized = max(1, round(frame[0] * ratio)), max(1, round(frame[1] * ratio))
    spare = size[0] - resized[0], size[1] - resized[1]
    offset = (0, 0) if way == "corner" else (spare[0] // 2, spare[1] // 2)
    return Geometry(pair(resized[0] / frame[0], resized[1] / frame[1]), pair(*offset), pair(*frame), pair(*size))
