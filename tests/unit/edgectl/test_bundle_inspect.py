"""`edgectl bundle inspect`: what is in a graph, as a table or as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import onnx_models
from edge_common.golden import save_golden
from edgectl.bundle.create import create_bundle
from edgectl_support import Run, X


def test_inspect(tmp_path: Path, run: Run) -> None:
    graph = onnx_models.linear(tmp_path / "linear.onnx")
    create_bundle(graph, tmp_path / "linear", name="linear", version="2.0.0", inputs=[X, X], description="[b]ones")
    code, out, _ = run("bundle", "inspect", tmp_path / "linear", "--json")
    facts = json.loads(out)
    assert code == 0
    assert (facts["operators"], facts["parameters"], facts["tree_nodes"], facts["quantised"]) == (
        {"MatMul": 1},
        6,
        0,
        "no",
    )
    assert (facts["ir_version"], facts["opsets"], facts["size_bytes"]) == (10, {"ai.onnx": 18}, graph.stat().st_size)
    assert facts["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]
    assert facts["golden"] == {"samples": 2, "agree": 2, "differences": []}
    code, out, _ = run("bundle", "inspect", tmp_path / "linear")
    assert code == 0
    assert all(
        word in out for word in ["linear 2.0.0", facts["sha256"][:32], "MatMul", "[any, 3]", "2 of 2 agree", "[b]ones"]
    )


def test_inspect_shows_a_difference(bundle: Path, run: Run) -> None:
    save_golden(bundle / "golden" / "000.npz", X, {"y": np.array([[2, 4.5]], np.float32)})
    code, out, _ = run("bundle", "inspect", bundle, "--json")
    assert (code, json.loads(out)["golden"]["agree"]) == (0, 0)


def test_quantised_is_said(tmp_path: Path, run: Run) -> None:
    _, out, _ = run("bundle", "inspect", onnx_models.quantised(tmp_path / "q.onnx"), "--json")
    assert json.loads(out)["quantised"] == "int8"
