"""The float graph, made ready: folded, shapes inferred, every node named; or why it cannot be quantised."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_common.errors import StartError
from edgectl.model.errors import ModelError
from edgectl.model.graphs import OPSET, read_model
from edgectl.model.quantise.layers import CONVOLUTIONS, DYNAMIC, STATIC, layers, named
from edgectl.model.quantise.plan import Layer, Plan
from edgectl.model.scratch import filling_scratch, scratch

if TYPE_CHECKING:
    import onnx

# Scales per channel came with opset 13.
_MIN_OPSET = 13


@dataclass(frozen=True, slots=True)
class Ready:
    """`model` is the graph to quantise by `method`, `layers` what may be quantised in it."""

    model: onnx.ModelProto
    method: str
    layers: tuple[Layer, ...]
    left: int  # convolutions that dynamic quantisation leaves float


def ready(path: Path, plan: Plan, calibrated: bool) -> Ready:
    """Return the graph in the file `path` ready for the plan's method; "auto" is settled by what the layers are.

    Raises:
        ModelError: no float graph, nothing in it to quantise, no calibration for a method that needs it, or an
            excluded node that is none of its layers.
    """
    model = read_model(path)
    _refuse(path, model)
    if plan.method == "fp16":
        return _as_a_whole(path, plan, model)
    model = named(_pre_processed(path, model))
    method = _method(path, plan, model, calibrated)
    if method == "dynamic":
        model = _without_gemm(model)
    found = layers(model, STATIC if method == "static" else DYNAMIC)
    _check_exclude(plan, found)
    kept = tuple(layer for layer in found if layer.name not in plan.exclude)
    if not kept:
        raise ModelError(_nothing(path, model, method))
    return Ready(model, method, kept, 0 if method == "static" else len(layers(model, CONVOLUTIONS)))


def _as_a_whole(path: Path, plan: Plan, model: onnx.ModelProto) -> Ready:
    from onnx import TensorProto

    if all(tensor.data_type != TensorProto.FLOAT for tensor in model.graph.initializer):
        raise ModelError(_nothing(path, model, "fp16"))
    found = layers(named(model), (*STATIC, "LSTM"))
    _check_exclude(plan, found)
    return Ready(model, "fp16", tuple(layer for layer in found if layer.name not in plan.exclude), 0)


def _refuse(path: Path, model: onnx.ModelProto) -> None:
    from edgectl.bundle.graph import read_graph, target_in

    if (kind := read_graph(path).quantised) != "no":
        raise ModelError(f"{path}: want a float graph, found one quantised to {kind} already; give the float one")
    if target_in(path) is not None:
        raise ModelError(f"{path}: want a graph for any machine, found one optimised for a target; quantise first")
    if not any(value.type.tensor_type.elem_type for value in model.graph.input):
        raise ModelError(f"{path}: want a graph with tensors as inputs, found none")


def _method(path: Path, plan: Plan, model: onnx.ModelProto, calibrated: bool) -> str:
    fitting = "static" if layers(model, CONVOLUTIONS) else "dynamic"
    method = fitting if plan.method == "auto" else plan.method
    if method == "static" and not calibrated:
        why = "" if plan.method == "static" else " (this graph has convolutions)"
        raise ModelError(
            f"{path}: static quantisation{why} wants --calibration DIR|FILE.npz with real inputs, found none"
        )
    return method


def _check_exclude(plan: Plan, found: list[Layer]) -> None:
    known = [layer.name for layer in found]
    for name in plan.exclude:
        if name not in known:
            shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
            raise ModelError(
                f"--exclude {name}: want one of the layers {shown or '(there are none)'}, found no such one"
            )


def _nothing(path: Path, model: onnx.ModelProto, method: str) -> str:
    from onnx import TensorProto

    wanted = "MatMul, Gemm or LSTM" if method == "dynamic" else "Conv, MatMul or Gemm"
    want = f"{path}: {method} quantisation wants layers ({wanted}) with float32 weights that are not excluded"
    kinds = {tensor.data_type for tensor in model.graph.initializer}
    if any(node.op_type.startswith("TreeEnsemble") for node in model.graph.node):
        return f"{want}, found decision trees, which have none"
    if TensorProto.DOUBLE in kinds and TensorProto.FLOAT not in kinds:
        return f"{want}, found float64; convert the model with --dtype float32"
    if method == "dynamic" and layers(model, CONVOLUTIONS):
        return f"{want}, found convolutions only, which it makes slower; use --method static with --calibration"
    return f"{want}, found none"


def _pre_processed(path: Path, model: onnx.ModelProto) -> onnx.ModelProto:
    """Fold constants and batch norms, infer shapes: what is folded first is not quantised twice."""
    import onnx
    from onnxruntime.quantization import quant_pre_process

    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), OPSET)
    with quantiser(f"{path}: cannot be prepared for quantisation"), scratch() as aside:
        model = onnx.version_converter.convert_version(model, OPSET) if opset < _MIN_OPSET else model
        before, after = aside / "in.onnx", aside / "out.onnx"
        onnx.save_model(model, str(before))
        # Symbolic inference needs sympy, and helps transformers only.
        quant_pre_process(str(before), str(after), skip_symbolic_shape=True)
        return onnx.load_model(str(after))


def _without_gemm(model: onnx.ModelProto) -> onnx.ModelProto:
    """Gemm has no dynamic kernel: MatMul and Add say the same, under the Gemm's name."""
    from onnxruntime.quantization.onnx_model import ONNXModel

    gemms = {node.name for node in model.graph.node if node.op_type == "Gemm"}
    ONNXModel(model).replace_gemm_with_matmul()
    for node in model.graph.node:
        if (name := node.name.removesuffix("_MatMul")) in gemms and node.op_type == "MatMul":
            node.name = name
    return named(model)


@contextlib.contextmanager
def quantiser(refusal: str) -> Iterator[None]:
    """Run code of onnxruntime's quantisers: in silence, and whatever it raises is `refusal` and one line of why.

    Our own errors pass, as do those of temporary files, which are then said to be those.
    """
    from edge_common.ortreason import ort_reason

    try:
        with filling_scratch(), _quiet():
            yield
    except StartError:
        raise
    except Exception as exc:  # noqa: BLE001 - the quantiser's own, of any kind, about a graph that others made
        raise ModelError(f"{refusal}: {ort_reason(exc)}") from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantiser's advice to programmers, logged and printed, from the user's screen."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
