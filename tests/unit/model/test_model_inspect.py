"""`edgectl model inspect`: graphs and bundles in depth, other formats as far as is cheap and safe."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onnx_models
from edgectl.bundle.create import create_bundle
from edgectl.model.inspect_foreign import foreign_facts
from edgectl.model.inspect_layers import layers_of
from edgectl_support import Run, X
from model_graphs_cost import convolution, recurrent, tflite, unpacked


def _layers(path: Path, **fixed: list[int]) -> dict[str, tuple[int, int | None]]:
    import onnx

    return {layer.name: (layer.parameters, layer.macs) for layer in layers_of(onnx.load_model(str(path)), fixed)}


def test_work_of_a_convolution_by_hand(tmp_path: Path) -> None:
    found = _layers(convolution(tmp_path / "m.onnx"), x=[2, 3, 16, 20])
    # Outputs x weights of one; the bias is no product.
    assert found["first"] == (8 * 3 * 9 + 8, (2 * 8 * 16 * 20) * (3 * 9))
    assert found["last"] == (80, 2 * 10 * 8)


def test_work_is_unknown_where_axes_are_free(tmp_path: Path) -> None:
    found = _layers(convolution(tmp_path / "m.onnx"))
    assert found["first"] == (224, None)
    assert found["last"] == (80, 80)  # a batch of one, and channels are known


def test_unpacked_weights_count_where_they_are_used(tmp_path: Path) -> None:
    assert _layers(unpacked(tmp_path / "m.onnx")) == {"unpack": (0, 0), "product": (8, 8)}


def test_work_of_an_lstm_by_hand(tmp_path: Path) -> None:
    weights = 4 * 4 * 5 + 4 * 4 * 4
    assert _layers(recurrent(tmp_path / "m.onnx")) == {"lstm": (weights, 6 * weights)}


def test_inspect_a_bundle(tmp_path: Path, run: Run) -> None:
    graph = onnx_models.linear(tmp_path / "linear.onnx")
    create_bundle(graph, tmp_path / "b", name="linear", version="2.0.0", inputs=[X], labels=["a", "b"])
    code, out, _ = run("model", "inspect", tmp_path / "b", "--json")
    facts = json.loads(out)
    assert (code, facts["kind"], facts["version"], facts["labels"]) == (0, "bundle", "2.0.0", ["a", "b"])
    assert (facts["parameters"], facts["macs"], facts["layers_of_unknown_work"]) == (6, 6, 0)
    assert facts["tensors"] == [{"name": "w", "type": "float", "shape": [2, 3], "bytes": 24}]
    assert facts["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]


def test_inspect_a_graph_that_onnx_runtime_refuses(tmp_path: Path, run: Run) -> None:
    graph = convolution(tmp_path / "m.onnx", opset=99)
    code, out, _ = run("model", "inspect", graph, "--shape", "x=1,3,8,8")
    assert code == 0
    assert all(words in out for words in ["ONNX graph", "ai.onnx 99", "largest tensors", "costliest layers", "Conv"])


def test_free_axes_are_asked_for(tmp_path: Path, run: Run) -> None:
    _, out, _ = run("model", "inspect", convolution(tmp_path / "m.onnx"))
    assert "give --shape" in " ".join(out.split())


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        pytest.param("y=1", "--shape y: want one of the inputs ['x'], found 'y'", id="no-input"),
        pytest.param("x=1,4,8,8", "--shape x: want [-1, 3, -1, -1] (-1 is any), found [1, 4, 8, 8]", id="fixed-axis"),
        pytest.param("x=1", "--shape x: want [-1, 3, -1, -1] (-1 is any), found [1]", id="rank"),
    ],
)
def test_shapes_that_do_not_fit(tmp_path: Path, run: Run, shape: str, words: str) -> None:
    code, out, err = run("model", "inspect", convolution(tmp_path / "m.onnx"), "--shape", shape)
    assert (code, out) == (2, "")
    assert words in err


def test_tflite(tmp_path: Path, run: Run) -> None:
    code, out, _ = run("model", "inspect", tflite(tmp_path / "m.tflite"), "--json")
    facts = json.loads(out)
    assert (code, facts["kind"], facts["description"]) == (0, "TFLite model", "MLIR Converted.")
    assert facts["inputs"] == [{"name": "audio", "datatype": "FP32", "shape": [1, 40, 3]}]
    assert facts["outputs"] == [{"name": "class", "datatype": "UINT8", "shape": [-1, 4]}]


def test_keras(tmp_path: Path, run: Run) -> None:
    layer = {
        "class_name": "InputLayer",
        "config": {"name": "image", "dtype": "float32", "batch_shape": [None, 8, 8, 1]},
    }
    _zip(tmp_path / "m.keras", {
        "config.json": {"class_name": "Functional", "config": {"name": "net", "layers": [layer]}},
        "metadata.json": {"keras_version": "3.15.1"},
    })  # fmt: skip
    code, out, _ = run("model", "inspect", tmp_path / "m.keras", "--json")
    facts = json.loads(out)
    assert (code, facts["producer"], facts["description"]) == (0, "keras 3.15.1", "Functional net of 1 layers")
    assert facts["inputs"] == [{"name": "image", "datatype": "float32", "shape": [-1, 8, 8, 1]}]


def _zip(path: Path, entries: dict[str, Any]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, json.dumps(content))
    return path


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("/tmp/edgectl-pickle-was-run"),)


def test_a_pickle_is_named_and_never_run(tmp_path: Path, run: Run) -> None:
    Path("/tmp/edgectl-pickle-was-run").unlink(missing_ok=True)
    (tmp_path / "m.pkl").write_bytes(pickle.dumps([_Bomb(), np.float32(1)]))
    code, out, _ = run("model", "inspect", tmp_path / "m.pkl", "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["classes"][:3] == ["pathlib.Path.touch", "pathlib.PosixPath", "numpy._core.multiarray.scalar"]
    assert "--trust" in facts["description"]
    shown = " ".join(run("model", "inspect", tmp_path / "m.pkl")[1].replace("│", " ").split())
    assert "--trust --name NAME" in shown
    assert not Path("/tmp/edgectl-pickle-was-run").exists()


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        pytest.param(
            "m.json",
            b'{"learner":{"learner_model_param":{"num_feature":"7"},"objective":{"name":"binary:logistic"}}}',
            ("XGBoost model", "binary:logistic", [-1, 7]),
            id="xgboost",
        ),
        pytest.param(
            "m.txt",
            b"tree\nversion=v4\nmax_feature_idx=4\nobjective=binary sigmoid:1\n\nTree=0\n",
            ("LightGBM model", "binary sigmoid:1", [-1, 5]),
            id="lightgbm",
        ),
    ],
)
def test_boosted_trees(tmp_path: Path, run: Run, name: str, content: bytes, wanted: tuple[str, str, list[int]]) -> None:
    (tmp_path / name).write_bytes(content)
    _, out, _ = run("model", "inspect", tmp_path / name, "--json")
    facts = json.loads(out)
    assert (facts["kind"], facts["description"], facts["inputs"][0]["shape"]) == wanted


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param("m.bin", b"what", "found another kind of file", id="no-model"),
        pytest.param("m.onnx", b"what", "want an ONNX model, found", id="no-graph"),
        pytest.param("m.keras", None, "m.keras: no such file", id="missing"),
    ],
)
def test_refused(tmp_path: Path, run: Run, name: str, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, out, err = run("model", "inspect", tmp_path / name)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err


def test_a_directory_of_neither(tmp_path: Path, run: Run) -> None:
    code, _, err = run("model", "inspect", tmp_path)
    assert (code, "want a bundle (model.toml) or a SavedModel" in err) == (2, True)


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 120))
def test_damaged_tflite_is_said(tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int) -> None:
    path = tflite(tmp_path_factory.getbasetemp() / "noise.tflite")
    raw = path.read_bytes()
    path.write_bytes(raw[:place] + noise + raw[place + len(noise) :])
    assert isinstance(foreign_facts(path, "tflite"), dict)
