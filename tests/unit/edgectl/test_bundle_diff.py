"""`edgectl bundle diff`: what changed between two bundles; 0 when nothing did, 1 when something, 2 for bad input."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import onnx_models
from edge_common.golden import save_golden
from edgectl.bundle.create import create_bundle
from edgectl_support import Run, X

Change = Callable[[Path], object]


@pytest.fixture
def linear(tmp_path: Path) -> Path:
    graph = onnx_models.linear(tmp_path / "linear.onnx")
    return create_bundle(
        graph, tmp_path / "a", name="linear", version="1.0.0", inputs=[X], labels=["x", "y", "z"]
    ).directory


def _replaced(file: str, old: str, new: str) -> Change:
    def change(bundle: Path) -> None:
        text = (bundle / file).read_text()
        assert old in text
        (bundle / file).write_text(text.replace(old, new))

    return change


def _golden(bundle: Path) -> None:
    save_golden(bundle / "golden" / "000.npz", X, {"y": np.array([[3, 3, 4]], np.float32)})


@pytest.mark.parametrize(
    ("change", "heading", "wanted"),
    [
        pytest.param(
            _replaced("model.toml", "1.0.0", "1.1.0"),
            "manifest",
            {"version": {"a": "1.0.0", "b": "1.1.0"}},
            id="version",
        ),
        pytest.param(
            _replaced("model.toml", "rtol = 0.001", "rtol = 0.01"),
            "manifest",
            {"golden.rtol": {"a": 0.001, "b": 0.01}},
            id="tolerance",
        ),
        pytest.param(
            _replaced("labels.txt", "x\ny\n", "y\nx\n"),
            "labels",
            {"moved": {"x": {"a": 0, "b": 1}, "y": {"a": 1, "b": 0}}},
            id="labels-swapped",
        ),
        pytest.param(
            _replaced("labels.txt", "z", "w"), "labels", {"only_a": ["z"], "only_b": ["w"]}, id="label-renamed"
        ),
        pytest.param(_golden, "golden", {"other_outputs": ["000"]}, id="golden-answer"),
    ],
)
def test_one_change_is_all_that_is_told(
    linear: Path, tmp_path: Path, run: Run, change: Change, heading: str, wanted: dict[str, Any]
) -> None:
    shutil.copytree(linear, tmp_path / "b")
    change(tmp_path / "b")
    code, out, _ = run("bundle", "diff", linear, tmp_path / "b", "--json")
    facts = json.loads(out)
    assert (code, facts["same"], facts[heading]) == (1, False, wanted)
    assert [key for key in ("manifest", "labels", "golden", "graph") if facts[key]] == [heading]
    code, out, _ = run("bundle", "diff", linear, tmp_path / "b")
    assert code == 1
    assert "differences" in out


def test_the_same(linear: Path, run: Run) -> None:
    code, out, _ = run("bundle", "diff", linear, linear)
    assert (code, "linear 1.0.0: no difference" in out) == (0, True)


def test_a_default_said_or_not_is_the_same(linear: Path, tmp_path: Path, run: Run) -> None:
    shutil.copytree(linear, tmp_path / "b")
    _replaced("model.toml", "rtol = 0.001\n", "")(tmp_path / "b")
    assert run("bundle", "diff", linear, tmp_path / "b")[0] == 0


def _graph(path: Path, change: Callable[[onnx.ModelProto], object]) -> Path:
    model = onnx.load_model(str(onnx_models.linear(path)))
    change(model)
    onnx.save(model, str(path))
    return path


def _other_weights(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.full((2, 3), 2, np.float32), "w"))


def _renamed(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].name = model.graph.node[0].input[1] = "kernel"


def _relu(model: onnx.ModelProto) -> None:
    model.graph.node[0].output[0] = "z"
    model.graph.node.append(onnx.helper.make_node("Relu", ["z"], ["y"]))


def _note(model: onnx.ModelProto) -> None:
    model.doc_string = "written otherwise"


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        pytest.param(
            _other_weights,
            {"weights": {"same": 0, "changed": ["w"], "only_a": [], "only_b": [], "renamed": {}}},
            id="weights",
        ),
        pytest.param(
            _renamed,
            {
                "weights": {"same": 1, "changed": [], "only_a": [], "only_b": [], "renamed": {"w": "kernel"}},
                "nodes_differ": True,
            },
            id="renamed",
        ),
        pytest.param(_relu, {"operators": {"Relu": {"a": 0, "b": 1}}, "nodes_differ": True}, id="operator"),
        pytest.param(_note, {"bytes_differ": True}, id="nothing-that-counts"),
    ],
)
def test_graphs(tmp_path: Path, run: Run, change: Callable[[onnx.ModelProto], object], wanted: dict[str, Any]) -> None:
    a, b = _graph(tmp_path / "a.onnx", lambda _: None), _graph(tmp_path / "b.onnx", change)
    code, out, _ = run("bundle", "diff", a, b, "--json")
    assert (code, json.loads(out)["graph"]) == (1, wanted)
    code, out, _ = run("bundle", "diff", a, b)
    assert (code, "sha256" in out) == (1, True)


def test_tensors(tmp_path: Path, run: Run) -> None:
    a, b = onnx_models.linear(tmp_path / "a.onnx"), onnx_models.doubler(tmp_path / "b.onnx")
    _, out, _ = run("bundle", "diff", a, b, "--json")
    assert json.loads(out)["graph"]["tensors"] == {"output y": {"a": "FLOAT, Nx3", "b": "FLOAT, Nx2"}}


def test_bad_input(linear: Path, tmp_path: Path, run: Run) -> None:
    code, out, err = run("bundle", "diff", linear, tmp_path / "none")
    assert (code, out, err.count("\n")) == (2, "", 1)
    (linear / "model.onnx").write_bytes(b"other")
    code, _, err = run("bundle", "diff", linear, linear)
    assert (code, "file.sha256: want" in err) == (2, True)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        pytest.param(lambda raw: raw[:-20], "want an ONNX model, found: ", id="cut off"),
        pytest.param(lambda _: b"", "want an ONNX model, found no operator in it", id="empty"),
    ],
)
def test_a_damaged_graph_is_one_line(tmp_path: Path, run: Run, damage: Callable[[bytes], bytes], words: str) -> None:
    good = onnx_models.linear(tmp_path / "good.onnx")
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(damage(good.read_bytes()))
    for pair in ((good, bad), (bad, good)):
        code, out, err = run("bundle", "diff", *pair)
        assert (code, out, err.count("\n")) == (2, "", 1) and f"{bad}: {words}" in err
