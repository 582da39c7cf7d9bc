"""`edgectl model quantise`: within the bound, by leaving the layers float that break it, or not at all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import model_graphs_quantise as graphs
import onnx_models
from edge_common.manifest import Answer
from edge_common.tensors import Array
from edgectl.bundle.graph import read_graph
from edgectl.bundle.session import Model
from edgectl.model.quantise.plan import Plan
from edgectl.model.quantise.run import quantise, quantised
from edgectl_support import Run

# A second each is for people; the figures' meaning is the same.
FAST = 0.1
LOUD = 1e4


def _operators(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def _feeds(x: Array) -> list[dict[str, Array]]:
    return [{"x": x[i : i + 1]} for i in range(len(x))]


def _save(path: Path, **arrays: Array) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_every_layer_where_the_bound_allows_it(run: Run, tmp_path: Path) -> None:
    x, truth = graphs.quadrants(120, 2)
    data, out = _save(tmp_path / "data.npz", x=x, labels=truth), tmp_path / "out.onnx"
    model = graphs.cnn(tmp_path / "cnn.onnx")
    code, printed, err = run(
        *("model", "quantise", model, "--output", out, "--calibration", data),
        *("--max-drop", "2%", "--seconds", FAST, "--json"),
    )
    facts = json.loads(printed)
    assert code == 0 and err == f"written to {out}\n"
    assert (facts["method"], facts["measure"], facts["quantised"], facts["excluded"]) == ("static", "accuracy", 3, [])
    # Half of the inputs calibrate, the other half measure.
    assert facts["samples"] == 60 and 0.7 < facts["baseline"] < 1 and facts["drop"] <= 0.02
    assert 0 < facts["error"] < 0.05
    assert [each["layer"]["name"] for each in facts["sensitivity"]] != [] and facts["refused"] == ""
    assert read_graph(out).quantised == "int8" and out.stat().st_size < 0.4 * model.stat().st_size
    assert facts["after"]["size_bytes"] == out.stat().st_size and facts["before"]["size_bytes"] == model.stat().st_size
    same = [Model(model).run(feed), Model(out).run(feed)] if (feed := _feeds(x)[0]) else []
    np.testing.assert_allclose(same[0]["probabilities"], same[1]["probabilities"], atol=0.1)


def test_the_head_stays_float_and_scales_are_per_channel(tmp_path: Path) -> None:
    x, _ = graphs.quadrants(20, 2)
    _, model = quantised(graphs.cnn(tmp_path / "cnn.onnx"), Plan(max_drop=1), _feeds(x))
    softmax = next(node for node in model.graph.node if node.op_type == "Softmax")
    assert softmax.output[0] == "probabilities"
    weights = {t.name: t for t in model.graph.initializer if t.data_type == onnx.TensorProto.INT8 and len(t.dims) == 4}
    assert len(weights) == 2
    for name, tensor in weights.items():
        node = next(node for node in model.graph.node if node.op_type == "DequantizeLinear" and node.input[0] == name)
        scale = next(t for t in model.graph.initializer if t.name == node.input[1])
        assert list(scale.dims) == [tensor.dims[0]]
        # Seven bits: with eight, CPUs without VNNI would add up with saturation.
        assert np.abs(onnx.numpy_helper.to_array(tensor)).max() == 64


def test_the_sensitive_layer_stays_float(run: Run, tmp_path: Path) -> None:
    """conv1 has an input so loud that eight bits leave nothing of the other one; the rest is as good as before."""
    x, truth = graphs.quadrants(120, 2, LOUD)
    data, out = _save(tmp_path / "data.npz", x=x, labels=truth), tmp_path / "out.onnx"
    code, printed, _ = run(
        *("model", "quantise", graphs.cnn(tmp_path / "loud.onnx", LOUD), "--output", out, "--calibration", data),
        *("--max-drop", "2%", "--seconds", FAST),
    )
    assert code == 0 and "left float for the bound: 1" in printed and "the bound of 2.00% holds" in printed
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if "│ Conv" in line]
    assert rows[0][0] == "conv1" and rows[0][5] == "float" and float(rows[0][3].rstrip("%")) > 20
    assert rows[1][0] == "conv2" and rows[1][5] == "int8" and float(rows[1][3].rstrip("%")) <= 2
    by_input = {node.name: node.input for node in onnx.load_model(str(out)).graph.node}
    assert by_input["conv1"][0] == "x" and by_input["conv2"][0] != "r1"


def test_a_bound_that_no_layer_keeps(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    code, printed, err = run(
        *("model", "quantise", graphs.mlp(tmp_path / "mlp.onnx"), "--output", out, "--max-drop", "0.1%")
    )
    assert code == 1 and not out.exists() and not list(tmp_path.glob(".out*"))
    assert "each layer quantised alone" in printed and "last" in printed and "Gemm_0" in printed
    assert "--max-drop: want a relative error of at most 0.10%, found" in err and err.count("\n") == 1


def test_slower_and_larger_is_refused(run: Run, tmp_path: Path) -> None:
    """Four small layers: what quantises their inputs costs more than it can bring."""
    out = tmp_path / "out.onnx"
    code, printed, err = run(
        "model",
        "quantise",
        onnx_models.linear(tmp_path / "m.onnx"),
        "--output",
        out,
        "--max-drop",
        "50%",
        "--seconds",
        FAST,
    )
    assert code == 1 and not out.exists() and "run, p50" in printed
    assert "the quantised graph is slower and larger" in err and "keep the float one" in err


def test_dynamic_leaves_convolutions_alone(tmp_path: Path) -> None:
    result, model = quantised(graphs.cnn(tmp_path / "cnn.onnx"), Plan(method="dynamic", max_drop=1), ())
    operators = _operators(model)
    assert operators["Conv"] == 2 and operators["MatMulInteger"] == 1 and not operators["ConvInteger"]
    assert any(note.startswith("2 convolutions stay float") for note in result.notes)
    assert result.sampled == "noise" and any("measured on noise" in note for note in result.notes)


def test_excluded_by_name(tmp_path: Path) -> None:
    plan = Plan(max_drop=1, exclude=("Gemm_0", "last"))
    result, model = quantised(graphs.mlp(tmp_path / "mlp.onnx"), plan, ())
    assert sorted(each.layer.name for each in result.sensitivity) == ["Gemm_2", "Gemm_4"]
    assert _operators(model)["MatMulInteger"] == 2 and _operators(model)["MatMul"] == 2


def test_fp16_halves_the_size(tmp_path: Path) -> None:
    out, model = tmp_path / "out.onnx", graphs.mlp(tmp_path / "mlp.onnx")
    result = quantise(model, out, Plan(method="fp16", seconds=FAST), ())
    assert result.refused == "" and result.error < 0.005 and not result.sensitivity
    assert out.stat().st_size < 0.55 * model.stat().st_size and read_graph(out).quantised == "float16"
    assert Model(out).inputs == Model(model).inputs and Model(out).outputs == Model(model).outputs
    assert any("float16 is for size" in note for note in result.notes)


@pytest.mark.parametrize("how", ["entropy", "percentile"])
def test_other_ways_to_calibrate(tmp_path: Path, how: Any) -> None:
    x, truth = graphs.quadrants(40, 2)
    plan = Plan(calibrate=how, max_drop=0.1)
    result, _ = quantised(graphs.cnn(tmp_path / "cnn.onnx"), plan, _feeds(x), labels={"label": truth})
    assert result.refused == "" and result.quantised == 3 and result.error < 0.1


def test_labels_that_are_names(tmp_path: Path) -> None:
    x, truth = graphs.quadrants(40, 2)
    names = np.array([graphs.CLASSES[index] for index in truth], dtype=object)
    plan = Plan(labels=graphs.CLASSES, max_drop=0.2)
    result, _ = quantised(graphs.cnn(tmp_path / "cnn.onnx"), plan, _feeds(x), labels={"label": names})
    assert result.measure == "accuracy" and result.baseline is not None and result.baseline > 0.5


def test_few_inputs_measure_what_they_calibrated(tmp_path: Path) -> None:
    x, _ = graphs.quadrants(20, 2)
    few, _ = quantised(graphs.cnn(tmp_path / "cnn.onnx"), Plan(max_drop=1), _feeds(x[:19]))
    assert any("on the 19 inputs that calibrated" in note for note in few.notes) and few.samples == 19
    enough, _ = quantised(tmp_path / "cnn.onnx", Plan(max_drop=1), _feeds(x))
    assert not any("that calibrated" in note for note in enough.notes) and enough.samples == 10


def test_large_answers_are_measured_on_fewer_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, truth = graphs.quadrants(60, 2)
    # Each answer is four float32.
    monkeypatch.setattr("edgectl.model.quantise.run.MAX_ANSWER_BYTES", 7 * 16 + 1)
    plan = Plan(max_drop=1)
    result, _ = quantised(graphs.cnn(tmp_path / "cnn.onnx"), plan, _feeds(x), labels={"label": truth})
    assert result.samples == 7 and "answers are large: the drop was measured on 7 of 30 samples" in result.notes


def test_every_half_has_both_classes(tmp_path: Path) -> None:
    """Two anomalies among sixty: drawn blindly, both are in one half for many an order."""
    x, _ = graphs.quadrants(60, 2)
    model = graphs.cnn(tmp_path / "cnn.onnx")
    for places in ([0, 1], [20, 40], [58, 59]):
        label = np.isin(np.arange(60), places).astype(np.int64)
        plan = Plan(max_drop=1, answer=Answer(score="probabilities"))
        result, _ = quantised(model, plan, _feeds(x), labels={"label": label})
        assert result.measure == "ROC AUC" and 0 <= (result.baseline or -1) <= 1


def _of_one_class(tmp_path: Path) -> tuple[Path, Mapping[str, Any]]:
    data = _save(tmp_path / "d.npz", x=graphs.quadrants(24, 2)[0], labels=np.zeros(24, np.int64))
    return graphs.cnn(tmp_path / "m.onnx"), {"--calibration": data, "--answer": "score=probabilities"}


def _not_finite(tmp_path: Path) -> tuple[Path, Mapping[str, Any]]:
    x = graphs.quadrants(24, 2)[0]
    x[7, 0, 0, 0] = np.nan
    return graphs.cnn(tmp_path / "m.onnx"), {"--calibration": _save(tmp_path / "d.npz", x=x)}


def _eight_bits(tmp_path: Path) -> tuple[Path, Mapping[str, Any]]:
    return onnx_models.quantised(tmp_path / "m.onnx"), {}


def _empty_folder(tmp_path: Path) -> tuple[Path, Mapping[str, Any]]:
    (tmp_path / "empty").mkdir()
    return graphs.cnn(tmp_path / "m.onnx"), {"--calibration": tmp_path / "empty"}


def _other_names(tmp_path: Path) -> tuple[Path, Mapping[str, Any]]:
    return graphs.cnn(tmp_path / "m.onnx"), {"--calibration": _save(tmp_path / "d.npz", y=np.zeros((3, 2), np.float32))}


def _with(**options: Any) -> Any:
    named = {f"--{name.replace('_', '-')}": value for name, value in options.items()}
    return lambda tmp_path: (graphs.cnn(tmp_path / "m.onnx"), named)


def _float64(tmp_path: Path) -> tuple[Path, Mapping[str, Any]]:
    return graphs.mlp(tmp_path / "m.onnx", 8, np.float64), {}


def _no_layer(tmp_path: Path) -> tuple[Path, Mapping[str, Any]]:
    return onnx_models.doubler(tmp_path / "m.onnx"), {}


def _text(tmp_path: Path) -> tuple[Path, Mapping[str, Any]]:
    (tmp_path / "m.onnx").write_text("no graph")
    return tmp_path / "m.onnx", {}


def _unlabelled(tmp_path: Path) -> tuple[Path, Mapping[str, Any]]:
    data = _save(tmp_path / "d.npz", x=graphs.quadrants(4, 2)[0])
    return graphs.cnn(tmp_path / "m.onnx"), {"--calibration": data, "--measure": "accuracy"}


BAD: list[Any] = [
    pytest.param(_eight_bits, "want a float graph, found one quantised to int8 already", id="quantised already"),
    pytest.param(
        _empty_folder, "empty: want .npz files or pictures (.jpg, .png, .bmp) in the folder", id="no pictures"
    ),
    pytest.param(_other_names, "d.npz: input 'x': want FP32", id="npz of other names"),
    pytest.param(_with(), "wants --calibration DIR|FILE.npz with real inputs", id="no calibration"),
    pytest.param(
        _with(method="dynamic", exclude="fc9"), "--exclude fc9: want one of the layers fc, found", id="exclude"
    ),
    pytest.param(_with(method="dynamic", exclude="fc"), "convolutions only, which it makes slower", id="only conv"),
    pytest.param(_with(max_drop="much"), "--max-drop: want a share such as 0.5%", id="max-drop"),
    pytest.param(_with(calibration="nowhere"), "nowhere: want an .npz or a folder", id="no data"),
    pytest.param(_float64, "found float64; convert the model with --dtype float32", id="float64"),
    pytest.param(_no_layer, "dynamic quantisation wants layers (MatMul, Gemm or LSTM)", id="no layer"),
    pytest.param(_text, "want an ONNX model, found", id="no model"),
    pytest.param(_of_one_class, "labels: ROC AUC: want both classes among the 12 samples", id="one class"),
    pytest.param(_not_finite, "sample d.npz[7]: input 'x': want finite numbers, found nan (1 of 128)", id="not finite"),
    pytest.param(_unlabelled, "--measure accuracy: want labels", id="no labels"),
]


@pytest.mark.parametrize(("make", "text"), BAD)
def test_bad_input_is_one_line(run: Run, tmp_path: Path, make: Any, text: str) -> None:
    model, options = make(tmp_path)
    out = tmp_path / "out.onnx"
    arguments = [word for pair in options.items() for word in pair]
    code, printed, err = run("model", "quantise", model, "--output", out, *arguments)
    assert (code, printed) == (2, ""), err
    assert text in err and err.count("\n") == 1 and not out.exists()
