"""What a graph is made of, read with the onnx library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_common.bundle import BundleError, Target
from edge_common.target import unlike
from edgectl.model.errors import ModelError
from edgectl.model.graphs import elements, graphs_in, read_model

# The key of a graph's metadata that says, as JSON, which machine it was optimised for.
TARGET = "edge.target"
_QUANTISED = ("DequantizeLinear", "QLinear", "MatMulInteger", "ConvInteger", "DynamicQuantize", "QGemm", "QAttention")
_TREES = ("TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor")


def target_text(target: Target) -> str:
    """Return `target` as a graph's metadata has it."""
    import msgspec

    return msgspec.json.encode(target).decode()


def target_in(path: Path) -> Target | None:
    """Return the machine that the graph in the file `path` was optimised for, None for any.

    Raises:
        BundleError: it names one, but not as `target_text` does.
    """
    import msgspec

    for entry in read_model(path, weights=False).metadata_props:
        if entry.key == TARGET:
            try:
                return msgspec.json.decode(entry.value, type=Target)
            except msgspec.MsgspecError as exc:
                raise BundleError(f"{path}: metadata {TARGET}: want a target as edgectl writes it: {exc}") from None
    return None


def load_level(path: Path) -> str:
    """Return ONNX Runtime's optimisation for loading the graph in the file `path`, as `edgectl.model.cost` names it.

    It is none for a graph that was optimised for a machine already, as edge-inference takes it; raises as target_in.
    """
    return "all" if target_in(path) is None else "none"


def made_elsewhere(path: Path) -> str:
    """Return a line when the graph in the file `path` was optimised for another machine than this, else ""."""
    from importlib.metadata import version

    target = target_in(path)
    if target is None or not (difference := unlike(target, version("onnxruntime"))):
        return ""
    return f"{path} was optimised for another machine: {difference}"


@dataclass(frozen=True, slots=True)
class Graph:
    """`parameters` counts the elements of constant tensors, `tree_nodes` the nodes of decision trees."""

    ir_version: int
    opsets: dict[str, int]
    producer: str
    operators: dict[str, int]
    parameters: int
    tree_nodes: int
    quantised: str


def read_graph(path: Path) -> Graph:
    """Return what the file at `path` holds; raise ModelError when it is not an ONNX model."""
    model = read_model(path, weights=False)
    try:
        graphs = list(graphs_in(model.graph))
    except ModelError as exc:
        raise ModelError(f"{path}: {exc}") from None
    graphs_and_functions = [*graphs, *model.functions]
    nodes = [node for graph in graphs_and_functions for node in graph.node]
    tensors = [tensor for graph in graphs for tensor in graph.initializer] + [*_constants(nodes)]
    return Graph(
        ir_version=model.ir_version,
        opsets={entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
        producer=" ".join(filter(None, (model.producer_name, model.producer_version))),
        operators=dict(sorted(Counter(map(_name, nodes)).items(), key=lambda item: (-item[1], item[0]))),
        parameters=sum(elements(tensor) for tensor in tensors),
        tree_nodes=sum(_tree_nodes(node) for node in nodes),
        quantised=_quantised(nodes, tensors),
    )


def _name(node: Any) -> str:
    return f"{node.domain}.{node.op_type}" if node.domain else str(node.op_type)


def _constants(nodes: list[Any]) -> Iterator[Any]:
    for node in nodes:
        if node.op_type == "Constant":
            yield from (attribute.t for attribute in node.attribute if attribute.HasField("t"))


def _tree_nodes(node: Any) -> int:
    if node.op_type not in _TREES:
        return 0
    return sum(len(a.ints) for a in node.attribute if a.name == "nodes_featureids")


def _quantised(nodes: list[Any], tensors: list[Any]) -> str:
    """Return "int8", "float16" or "no": int8 when any operator computes in whole numbers or unpacks them."""
    import onnx

    if any(node.op_type.startswith(_QUANTISED) for node in nodes):
        return "int8"
    halves = sum(elements(t) for t in tensors if t.data_type in (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16))
    return "float16" if halves > sum(map(elements, tensors)) / 2 else "no"
