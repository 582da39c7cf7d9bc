"""`edgectl model optimise`: the same answers, portable or for this machine, and refusals in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper

import model_graphs_quantise as graphs
import onnx_models
from edge_common.bundle import read_bundle
from edge_common.golden import load_golden, save_golden
from edge_common.target import this_target
from edgectl.bundle.check import check_bundle
from edgectl.bundle.create import create_bundle
from edgectl.bundle.graph import target_in
from edgectl.bundle.session import Model
from edgectl.model.graphs import STANDARD, nodes_in
from edgectl.model.optimise.graph import save_optimised
from edgectl.model.optimise.run import optimise
from edgectl.model.optimise.samples import first_difference, furthest
from edgectl_support import Run

FEED = {"x": np.linspace(-1, 1, 128, dtype=np.float32).reshape(1, 2, 8, 8)}


def _domains(path: Path) -> set[str]:
    return {node.domain for node in nodes_in(onnx.load_model(str(path)).graph)}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The cnn as a bundle with labels, a card, a script that is none of it, and one golden sample."""
    made = create_bundle(
        graphs.cnn(tmp_path / "cnn.onnx"),
        tmp_path / "bundle",
        inputs=[FEED],
        labels=graphs.CLASSES,
        extra={"README.md": "card", "recipe.py": "print()"},
        name="cnn",
        version="1.0.0",
    )
    return made.directory


def test_portable_is_standard_onnx_with_the_same_answers(tmp_path: Path) -> None:
    model, out = graphs.cnn(tmp_path / "cnn.onnx"), tmp_path / "out.onnx"
    facts = optimise(model, out, rounds=1)
    assert _domains(out) <= STANDARD and target_in(out) is None and facts["target"] is None
    assert {entry.domain for entry in onnx.load_model(str(out)).opset_import} == {""}
    np.testing.assert_allclose(Model(out).run(FEED)["probabilities"], Model(model).run(FEED)["probabilities"], 1e-5)
    assert 0 <= facts["max_difference"] < 1e-5 and facts["samples"] == 5 and facts["sampled"] == "noise"
    assert facts["before"]["size_bytes"] == model.stat().st_size
    assert facts["after"]["size_bytes"] == out.stat().st_size
    assert all(facts[side][key] > 0 for side in ("before", "after") for key in ("load_ms", "p50_ms", "operators"))


def test_a_bundle_for_this_machine(run: Run, tmp_path: Path, bundle: Path) -> None:
    out = tmp_path / "here"
    code, printed, err = run("model", "optimise", bundle, "--output", out, "--level", "target", "--json", "--rounds", 1)
    assert (code, err) == (0, "")
    facts = json.loads(printed)
    made, before = read_bundle(out), read_bundle(bundle)
    assert made.target == this_target(ort.__version__) == target_in(made.model_path)
    assert (made.name, made.labels, made.golden) == (before.name, before.labels, before.golden)
    assert {path.name for path in out.iterdir()} == {"README.md", "golden", "labels.txt", "model.onnx", "model.toml"}
    assert (facts["sampled"], facts["samples"]) == ("golden samples", 1)
    assert facts["after"]["operators"] < facts["before"]["operators"]
    assert check_bundle(out).differences == ()
    # Made anew from the laid-out graph, it still says for which machine it is.
    again = create_bundle(made.model_path, tmp_path / "again", inputs=[FEED], name="cnn", version="1.0.1")
    assert again.target == made.target


def test_the_table_for_people(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    code, printed, _ = run("model", "optimise", onnx_models.linear(tmp_path / "m.onnx"), "--output", out, "--rounds", 1)
    assert code == 0 and out.is_file()
    for words in (
        "size",
        "load",
        "memory (PSS)",
        "run, p50",
        "answers differ by at most 0 on 5 inputs of noise",
        "written to",
    ):
        assert words in printed


def test_a_golden_sample_that_another_graph_answered(run: Run, tmp_path: Path, bundle: Path) -> None:
    """Golden samples are what the graph answered when it was bundled, so they, too, hold the optimised one."""
    file = bundle / "golden" / "000.npz"
    golden = load_golden(file)
    save_golden(file, golden.inputs, {"probabilities": golden.outputs["probabilities"] + 1})
    code, _, err = run("model", "optimise", bundle, "--output", tmp_path / "out")
    assert code == 1 and "the optimised graph answers otherwise: golden 000: output 'probabilities'" in err
    assert not (tmp_path / "out").exists() and err.count("\n") == 1


def _contrib(path: Path) -> Path:
    """y = gelu(x), by an operator that only ONNX Runtime has."""
    node = helper.make_node("Gelu", ["x"], ["y"], "act", domain="com.microsoft")
    value = ("x", onnx_models.FLOAT, ["N"])
    onnx_models.save(path, [node], [value], [("y", *value[1:])])
    model = onnx.load_model(str(path))
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    onnx.save_model(model, str(path))
    return path


def _for_this_machine(path: Path) -> Path:
    save_optimised(graphs.cnn(path.with_name("any.onnx")), path, "target")
    return path


def _text(path: Path) -> Path:
    path.write_text("no graph")
    return path


REFUSED: list[Any] = [
    pytest.param(_contrib, "standard operators only, found com.microsoft.Gelu ('act')", id="contrib"),
    pytest.param(_for_this_machine, "want a graph for any machine, found one optimised for", id="optimised already"),
    pytest.param(_text, "want an ONNX model, found", id="no model"),
    pytest.param(lambda path: path, "found nothing there", id="nothing"),
]


@pytest.mark.parametrize(("make", "text"), REFUSED)
def test_bad_input_is_one_line(run: Run, tmp_path: Path, make: Any, text: str) -> None:
    out = tmp_path / "out.onnx"
    code, printed, err = run("model", "optimise", make(tmp_path / "m.onnx"), "--output", out)
    assert (code, printed) == (2, "") and text in err and err.count("\n") == 1
    assert not out.exists() and not list(tmp_path.glob(".out*"))


def test_what_is_there_is_not_replaced_unasked(run: Run, tmp_path: Path) -> None:
    model = onnx_models.linear(tmp_path / "m.onnx")
    code, _, err = run("model", "optimise", model, "--output", model)
    assert code == 2 and "--force replaces it" in err


def test_noise_that_does_not_suit_asks_for_inputs(tmp_path: Path) -> None:
    """x [N] reshaped to [4]: one of noise is too few."""
    four = numpy_helper.from_array(np.array([4], np.int64), "four")
    node = helper.make_node("Reshape", ["x", "four"], ["y"])
    sides = ([("x", onnx_models.FLOAT, ["N"])], [("y", onnx_models.FLOAT, [4])])
    model = onnx_models.save(tmp_path / "m.onnx", [node], *sides, constants=[four])
    with pytest.raises(Exception, match="noise does not suit it: give --inputs"):
        optimise(model, tmp_path / "out.onnx", rounds=1)
    np.savez(tmp_path / "x.npz", x=np.ones((3, 4), np.float32))
    facts = optimise(model, tmp_path / "out.onnx", inputs=tmp_path / "x.npz", rounds=1)
    assert (facts["samples"], facts["sampled"]) == (3, "inputs")


@pytest.mark.parametrize(
    ("before", "after", "apart", "differs"),
    [
        pytest.param([1.0, 2.0], [1.0, 2.0], 0.0, False, id="equal"),
        pytest.param([1.0, 2.0], [1.0, 2.0005], 0.0005, False, id="within"),
        pytest.param([1.0, 2.0], [1.0, 2.5], 0.5, True, id="beyond"),
        pytest.param([np.nan, np.inf], [np.nan, np.inf], 0.0, False, id="NaN and infinity"),
        pytest.param([1.0, 2.0], [1.0], np.inf, True, id="another shape"),
        pytest.param([1, 2], [1, 3], 1.0, True, id="another class"),
    ],
)
def test_how_far_answers_differ(
    tmp_path: Path, before: list[float], after: list[float], apart: float, differs: bool
) -> None:
    wanted, got = [{"y": np.array(before)}], [{"y": np.array(after)}]
    assert furthest(wanted, got) == pytest.approx(apart)
    bundle = read_bundle(onnx_models.doubler(tmp_path / "m.onnx"))
    assert (first_difference([FEED], wanted, got, bundle) is not None) == differs
