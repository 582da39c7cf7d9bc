"""`edgectl model convert` with what needs no framework: existing graphs, and refusals."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnx_models
from edge_common.bundle import read_bundle
from edgectl_support import Run
from model_graphs_convert import zipped


def model(path: Path, opset: int = 18, ir: int = 10, operator: str = "Relu", domain: str = "") -> Path:
    """x FP32 [batch, 2] -> y = relu(x)."""
    node = helper.make_node(operator, ["x"], ["y"], domain=domain, name="layer1")
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 2]) for name in "xy"]
    graph = helper.make_graph([node], "graph", value[:1], value[1:])
    opsets = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    onnx.save(helper.make_model(graph, ir_version=ir, opset_imports=opsets), str(path))
    return path


def convert(run: Run, source: object, out: Path, *more: object) -> tuple[int, str, str]:
    return run("model", "convert", source, "--name", "small", "--version", "1.0.0", "--output", out, *more)


def test_a_graph_of_an_old_opset_becomes_a_bundle_of_opset_18(run: Run, tmp_path: Path) -> None:
    code, out, _ = convert(run, model(tmp_path / "old.onnx", opset=11), tmp_path / "small")
    assert code == 0
    out = " ".join(out.split())
    assert "onnx → ONNX opset 18" in out and "x float [batch, 2]" in out and "x FP32 [any, 2]" in out
    bundle = read_bundle(tmp_path / "small")
    assert {entry.version for entry in onnx.load(str(bundle.model_path)).opset_import} == {18}
    assert bundle.source.framework == "onnx" and len(bundle.golden_files) == 2
    assert bundle.source.original_sha256 is not None and set(bundle.source.tools) == {"onnx", "onnxruntime"}


def test_json_says_names_shapes_and_parity(run: Run, tmp_path: Path) -> None:
    code, out, _ = convert(run, model(tmp_path / "m.onnx"), tmp_path / "small", "--json")
    facts = json.loads(out)
    assert code == 0 and facts["parity"]["holds"] and facts["parity"]["samples"] == 16
    assert facts["inputs"] == [{"before": "x float [batch, 2]", "name": "x", "datatype": "FP32", "shape": [-1, 2]}]
    assert facts["bundle"] == str(tmp_path / "small") and facts["golden_samples"] == 2


def test_an_ir_newer_than_onnx_runtime_is_lowered(run: Run, tmp_path: Path) -> None:
    code, _, err = convert(run, model(tmp_path / "m.onnx", ir=14), tmp_path / "small")
    assert (code, err) == (0, "")


def test_golden_samples_are_of_the_example(run: Run, tmp_path: Path) -> None:
    rows = np.arange(40, dtype=np.float32).reshape(20, 2)
    np.savez(tmp_path / "rows.npz", x=rows)
    source = model(tmp_path / "m.onnx")
    code, _, _ = convert(run, source, tmp_path / "small", "--example", tmp_path / "rows.npz", "--golden", 3)
    assert code == 0
    with np.load(tmp_path / "small" / "golden" / "000.npz") as sample:
        assert sample["in.x"].tolist() == [[0, 1]]
    assert len(read_bundle(tmp_path / "small").golden_files) == 3


def test_bundle_options_reach_the_bundle(run: Run, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("no\nyes\n")
    code, _, _ = convert(
        run, model(tmp_path / "m.onnx"), tmp_path / "small", "--task", "tabular", "--description", "Two numbers.",
        "--answer", "probabilities=y", "--labels", tmp_path / "labels.txt", "--p95-ms", 5,
    )  # fmt: skip
    bundle = read_bundle(tmp_path / "small")
    assert code == 0 and bundle.labels == ("no", "yes") and bundle.answer.probabilities == "y"
    assert bundle.task == "tabular" and bundle.description == "Two numbers." and bundle.budget.p95_ms == 5


def keras_file(directory: Path) -> Path:
    path = directory / "m.keras"
    path.write_bytes(zipped(config_dot_json="{}", metadata_dot_json="{}"))
    return path


@pytest.mark.parametrize(
    ("source", "more", "told"),
    [
        pytest.param("gone.keras", [], "gone.keras: no such file\n", id="nothing"),
        pytest.param("notes.md", [], "want a model: .keras", id="no-model"),
        pytest.param("m.onnx", ["--framework", "torch"], "want torch as --framework says", id="wrong-framework"),
        pytest.param("m.pkl", [], "want --trust for a pickle, since unpickling runs whatever code", id="pickle"),
        pytest.param("junk.onnx", [], "want an ONNX model, found", id="damaged-onnx"),
        pytest.param("new.onnx", [], "or lower, which onnxruntime", id="opset-too-new"),
        pytest.param("odd.onnx", [], "found my.Odd in 'layer1'; export it with standard operators", id="operators"),
        pytest.param("m.onnx", ["--batch", "1"], "want no --batch, --shape or --dtype for a graph", id="batch"),
        pytest.param("m.onnx", ["--max-side", "64"], "--max-side: want --image-input too", id="max-side"),
        pytest.param("m.onnx", ["--answer", "wrong"], "--answer: want name=value", id="answer"),
        pytest.param("m.onnx", ["--example", "gone.npz"], "--example", id="no-example"),
        pytest.param("m.onnx", ["--example", "other.npz"], "input 'x': want FP32", id="other-example"),
        pytest.param("gone.onnx", ["--task", "detection"], "answer.boxes", id="detection-without-boxes"),
        pytest.param("gone.onnx", ["--version", "1"], "want a semantic version", id="version-before-any-work"),
        pytest.param("gone.onnx", ["--name", "Small"], "want an RFC 1123 label", id="name-before-any-work"),
        pytest.param("m.keras", ["--dtype", "float32"], "want no --dtype, which is for scikit-learn", id="dtype"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, more: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    model(tmp_path / "m.onnx")
    model(tmp_path / "new.onnx", opset=99)
    model(tmp_path / "odd.onnx", operator="Odd", domain="my")
    (tmp_path / "m.pkl").write_bytes(b"\x80\x04.")
    (tmp_path / "junk.onnx").write_bytes(b"\x08 junk")
    (tmp_path / "notes.md").write_text("# notes")
    keras_file(tmp_path)
    np.savez(tmp_path / "other.npz", z=np.zeros((3, 2), np.float32))
    code, _, err = convert(run, source, tmp_path / "small", *more)
    assert code == 2 and told in err and err.count("\n") == 1, err
    assert not (tmp_path / "small").exists()


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is not None, reason="it is installed here")
def test_a_missing_framework_says_which_extra_to_install(run: Run, tmp_path: Path) -> None:
    code, _, err = convert(run, keras_file(tmp_path), tmp_path / "small")
    told = (
        "found no such package: pip install -e services/common -e 'services/edgectl[keras]' in a checkout of edge-serve"
    )
    assert code == 2 and told in err and err.count("\n") == 1


def test_a_bundle_that_is_there_needs_force_before_any_work(run: Run, tmp_path: Path) -> None:
    source = model(tmp_path / "m.onnx")
    assert convert(run, source, tmp_path / "small")[0] == 0
    code, _, err = convert(run, tmp_path / "gone.onnx", tmp_path / "small")
    assert code == 2 and "--force replaces the bundle there" in err
    assert convert(run, source, tmp_path / "small", "--force")[0] == 0


def test_help_shows_examples(run: Run) -> None:
    code, out, _ = run("model", "convert", "--help")
    assert code == 0 and "Examples" in out and "--trust" in out


def test_text_and_numbers_pass_through(run: Run, tmp_path: Path) -> None:
    code, _, err = convert(run, onnx_models.echo(tmp_path / "echo.onnx"), tmp_path / "small")
    assert (code, err) == (0, "")
