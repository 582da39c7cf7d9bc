"""The quantised graph, with the layers that one names: onnxruntime's quantisers do it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgectl.model.data import Feed
from edgectl.model.quantise.calibrate import OPERATORS, ranges
from edgectl.model.quantise.layers import DYNAMIC, with_joints
from edgectl.model.quantise.plan import Plan
from edgectl.model.quantise.source import Ready, quantiser
from edgectl.model.scratch import scratch

if TYPE_CHECKING:
    import onnx

# The names of the layers to quantise -> the graph.
Build = Callable[[Collection[str]], "onnx.ModelProto"]


def builder(path: Path, ready: Ready, plan: Plan, calibration: Sequence[Feed]) -> Build:
    """Return what quantises `ready`, which was read from `path`; a static plan is calibrated here, once.

    Raises:
        ModelError: here or from the builder: the quantiser refuses the graph.
    """
    build = {"static": _static, "dynamic": _dynamic, "fp16": _half}[ready.method](path, ready, plan, calibration)

    def built(chosen: Collection[str]) -> onnx.ModelProto:
        with quantiser(f"{path}: the {ready.method} quantiser refuses it"):
            return build(chosen)

    return built


def _static(path: Path, ready: Ready, plan: Plan, calibration: Sequence[Feed]) -> Build:
    from onnxruntime.quantization import QDQQuantizer, QuantType

    found = ranges(path, ready.model, calibration, plan.calibrate)

    def build(chosen: Collection[str]) -> onnx.ModelProto:
        quantiser = QDQQuantizer(
            _copy(ready.model),
            True,  # per channel
            not plan.full_range,
            # The fastest kernels of x86, and as good as any other on Arm (signed activations: x1.15 for x1.8).
            QuantType.QInt8,
            QuantType.QUInt8,
            found,
            with_joints(ready.model, chosen),
            [],
            list(OPERATORS),
            {},
        )
        quantiser.quantize_model()
        quantiser.model.topological_sort()
        return quantiser.model.model  # type: ignore[no-any-return]

    return build


def _dynamic(path: Path, ready: Ready, plan: Plan, calibration: Sequence[Feed]) -> Build:  # noqa: ARG001
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    def build(chosen: Collection[str]) -> onnx.ModelProto:
        with scratch() as aside:
            out = aside / "out.onnx"
            quantize_dynamic(
                _copy(ready.model),
                str(out),
                op_types_to_quantize=list(DYNAMIC),
                per_channel=True,
                reduce_range=not plan.full_range,
                weight_type=QuantType.QInt8,
                nodes_to_quantize=list(chosen),
                extra_options={"MatMulConstBOnly": True},
            )
            return onnx.load_model(str(out))

    return build


def _half(path: Path, ready: Ready, plan: Plan, calibration: Sequence[Feed]) -> Build:  # noqa: ARG001
    from onnxruntime.quantization.onnx_model import ONNXModel
    from onnxruntime.transformers.float16 import convert_float_to_float16

    def build(chosen: Collection[str]) -> onnx.ModelProto:  # noqa: ARG001 - as a whole or not at all
        blocked = list(plan.exclude) or None
        # Inputs and outputs stay float32: whoever calls the model need not know.
        half = ONNXModel(convert_float_to_float16(_copy(ready.model), keep_io_types=True, node_block_list=blocked))
        half.topological_sort()
        return half.model  # type: ignore[no-any-return]

    return build


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy
