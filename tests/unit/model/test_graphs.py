"""What every step asks of a graph: the graphs inside it, its operators that are not standard, its elements."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from edgectl.bundle.graph import read_graph
from edgectl.model.errors import ModelError
from edgectl.model.graphs import MAX_DEPTH, elements, foreign, graphs_in, nodes_in, read_model
from model_graphs_cost import convolution


def _nested(depth: int) -> onnx.GraphProto:
    """An If in an If in an If ...; the innermost has a Gelu that only ONNX Runtime knows."""
    graph = helper.make_graph([helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")], "g", [], [])
    for _ in range(depth):
        graph = helper.make_graph([helper.make_node("If", ["c"], ["y"], then_branch=graph)], "g", [], [])
    return graph


@pytest.mark.parametrize("depth", [0, 1, 5, MAX_DEPTH])
def test_nodes_inside_nodes(depth: int) -> None:
    assert [node.op_type for node in nodes_in(_nested(depth))] == ["If"] * depth + ["Gelu"]
    assert len(list(graphs_in(_nested(depth)))) == depth + 1


def test_too_deep(tmp_path: Path) -> None:
    model = onnx.ModelProto()
    model.graph.CopyFrom(_nested(MAX_DEPTH + 1))
    with pytest.raises(ModelError, match=f"at most {MAX_DEPTH} deep"):
        list(nodes_in(model.graph))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    # Whether protobuf or edgectl stops first: one line that names the file.
    with pytest.raises(ModelError, match=r"m\.onnx: "):
        read_graph(tmp_path / "m.onnx")


def test_what_a_model_defines_itself_is_not_foreign() -> None:
    own = helper.make_function("mine", "Twice", ["x"], ["y"], [helper.make_node("Add", ["x", "x"], ["y"])], [])
    nodes = [
        helper.make_node("Twice", ["x"], ["t"], domain="mine"),
        helper.make_node("Gelu", ["t"], ["y"], domain="ms"),
    ]
    model = helper.make_model(helper.make_graph(nodes, "g", [], []), functions=[own])
    assert [node.op_type for node in foreign(model)] == ["Gelu"]
    nodes = [helper.make_node("If", ["c"], ["y"], then_branch=_nested(2))]
    assert [node.op_type for node in foreign(helper.make_model(helper.make_graph(nodes, "g", [], [])))] == ["Gelu"]


def test_elements() -> None:
    assert elements(helper.make_tensor("w", TensorProto.FLOAT, [2, 3], [0.0] * 6)) == 6
    assert elements(helper.make_tensor("w", TensorProto.FLOAT, [], [0.0])) == 1


def test_weights_beside_the_file_are_read_when_asked_for(tmp_path: Path) -> None:
    model = onnx.load_model(str(convolution(tmp_path / "m.onnx")))
    onnx.save_model(model, str(tmp_path / "e.onnx"), save_as_external_data=True, location="w.bin", size_threshold=0)
    assert read_model(tmp_path / "e.onnx").graph.initializer[0].raw_data
    (tmp_path / "w.bin").unlink()
    assert not read_model(tmp_path / "e.onnx", weights=False).graph.initializer[0].raw_data
    with pytest.raises(ModelError, match="want an ONNX model, found"):
        read_model(tmp_path / "e.onnx")
