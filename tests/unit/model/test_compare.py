"""`edgectl model compare`: two graphs side by side, and a budget."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import model_graphs_verify as graphs
import onnx_models
from edge_common.manifest import Answer
from edgectl.bundle.create import create_bundle
from edgectl.model.compare.budget import KEYS, budget_of, passed
from edgectl.model.errors import ModelError
from edgectl_support import Run

FAST = ("--seconds", 0.1)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A classifier, and one whose last bias is another."""
    wrong = graphs.BIAS + np.array([0, 0, 1], np.float32)
    return graphs.classifier(tmp_path / "a.onnx"), graphs.classifier(tmp_path / "b.onnx", wrong)


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    rows = np.random.default_rng(3).standard_normal((60, 4)).astype(np.float32)
    truth = graphs.Linear().predict({"features": rows})["label"]
    np.savez(tmp_path / "in.npz", features=rows, labels=truth)
    return tmp_path / "in.npz"


def test_json_has_both_and_the_ratio(run: Run, pair: tuple[Path, Path], inputs: Path) -> None:
    code, out, err = run("model", "compare", *pair, "--inputs", inputs, *FAST, "--json")
    facts = json.loads(out)
    assert (code, err) == (0, "")
    assert (facts["a"]["name"], facts["b"]["name"]) == ("a.onnx", "b.onnx")
    assert facts["a"]["accuracy"] == 1.0 and 0.4 < facts["b"]["accuracy"] < 0.95
    assert facts["b"]["agreement"] == pytest.approx(facts["b"]["accuracy"])
    assert facts["a"]["size_mb"] == pair[0].stat().st_size / 1e6
    for key in ("p50_ms", "p95_ms", "p99_ms", "load_ms", "per_s", "accuracy"):
        assert facts["ratio"][key] == pytest.approx(facts["b"][key] / facts["a"][key])
    assert facts["a"]["p50_ms"] > 0 and facts["metrics"][0]["name"] == "accuracy"


def test_a_table_with_the_verdict_for_a_budget(run: Run, pair: tuple[Path, Path], inputs: Path) -> None:
    budget = "p95_ms=1000,size_mb=0.0001,accuracy=99%"
    code, out, err = run("model", "compare", *pair, "--inputs", inputs, *FAST, "--budget", budget)
    lines = err.splitlines()
    assert code == 1 and len(lines) == 2
    assert lines[0].startswith("edgectl: size_mb: want at most 0.0001 (--budget), found 0.000")
    assert lines[1].startswith("edgectl: accuracy: want at least 0.99 (--budget), found 0.")
    assert (
        "at most 1000: holds" in out
        and "at least 0.99: broken" in out
        and "breaks 2 of 3 bounds" in out
        and "B / A" in out
    )


def test_a_budget_that_holds(run: Run, pair: tuple[Path, Path]) -> None:
    budget = "p95_ms=1000,size_mb=1,agreement=10%,load_ms=10000,per_s=1"
    code, out, err = run("model", "compare", pair[0], pair[0], "--budget", budget, *FAST)
    assert (code, err) == (0, "") and "keeps to its budget" in out and "x1.00" in out and "Noise shows" in out


def test_graphs_of_two_precisions_are_compared(run: Run, tmp_path: Path) -> None:
    double = onnx_models.identity(tmp_path / "d.onnx", ["FP64"])
    code, _, err = run("model", "compare", double, onnx_models.identity(tmp_path / "s.onnx", ["FP32"]), *FAST)
    assert code == 2 and "inputs: want those of the original, 'in_FP64'" in err


@pytest.mark.parametrize(("options", "wrong"), [
    pytest.param(["--budget", "speed=3"], "--budget: want key=number with one of size_mb", id="no-such-key"),
    pytest.param(["--budget", "p95_ms=fast"], "--budget p95_ms: want a number, found 'fast'", id="no-number"),
    pytest.param(["--budget", "p95_ms"], "--budget p95_ms: want a number, found ''", id="no-value"),
    pytest.param(["--budget", "p95_ms=-1"], "want a number of 0 or more, found '-1'", id="negative"),
    pytest.param(["--budget", "p95_ms=nan"], "want a number of 0 or more, found 'nan'", id="nan"),
    pytest.param(["--budget", "accuracy=0.9"], "--budget accuracy: want labels (--labels) to measure it", id="labels"),
    pytest.param(["--labels", "x.txt"], "--labels: want --inputs too", id="labels-of-noise"),
])  # fmt: skip
def test_bad_input_is_one_line(run: Run, pair: tuple[Path, Path], options: list[str], wrong: str) -> None:
    code, out, err = run("model", "compare", *pair, *options)
    assert (code, out, err.count("\n")) == (2, "", 1) and wrong in err


def bundled(graph: Path, out: Path, labels: list[str]) -> Path:
    one = [{"features": np.zeros((1, 4), np.float32)}]
    answer = Answer(label="label", probabilities="probabilities")
    facts = {"name": out.name, "version": "1.0.0", "inputs": one, "labels": labels, "answer": answer}
    return create_bundle(graph, out, task="classification", **facts).directory  # type: ignore[arg-type]


@pytest.mark.parametrize(("labels", "wrong"), [
    pytest.param(["a", "b", "c"], None, id="same"),
    pytest.param(["a", "c", "b"], "b: want the classes of", id="permuted"),
])  # fmt: skip
def test_labels_mean_the_same_in_both(
    run: Run, pair: tuple[Path, Path], tmp_path: Path, labels: list[str], wrong: str | None
) -> None:
    """Class 1 of one is class 2 of the other: an accuracy by numbers would be that of another model."""
    a, b = bundled(pair[0], tmp_path / "x", ["a", "b", "c"]), bundled(pair[1], tmp_path / "b", labels)
    code, out, err = run("model", "compare", a, b, *FAST)
    if wrong is None:
        assert (code, err) == (0, "") and "agreement" in out
        return
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert wrong in err and "in their order, found 'b' and 'c' as class 1" in err


@pytest.mark.parametrize("option", [("--task", "tabular"), ("--answer", "label=label"), ("--classes", "l.txt")])
def test_bundles_are_not_told_what_they_say_themselves(
    run: Run, pair: tuple[Path, Path], tmp_path: Path, option: tuple[str, str]
) -> None:
    (tmp_path / "l.txt").write_text("a\nb\nc\n")
    bundle = bundled(pair[0], tmp_path / "x", ["a", "b", "c"])
    code, _, err = run("model", "compare", bundle, bundle, *(tmp_path / "l.txt" if o == "l.txt" else o for o in option))
    assert code == 2 and f"{option[0]}: want it for a bare graph only" in err


def test_agreement_wants_classes(run: Run, tmp_path: Path) -> None:
    path = onnx_models.doubler(tmp_path / "m.onnx")
    code, _, err = run("model", "compare", path, path, "--budget", "agreement=0.9")
    assert code == 2 and "--budget agreement: want answers that name classes" in err


def test_what_is_no_model(run: Run, pair: tuple[Path, Path], tmp_path: Path) -> None:
    code, _, err = run("model", "compare", pair[0], tmp_path / "none.onnx")
    assert code == 2 and "found nothing there" in err


@pytest.mark.parametrize("key", KEYS)
def test_each_bound_is_a_floor_or_a_ceiling(key: str) -> None:
    low, high = passed({key: 2.0}, {key: 1.0}), passed({key: 2.0}, {key: 3.0})
    assert (bool(low), bool(high)) == (KEYS[key], not KEYS[key])
    assert passed({key: 2.0}, {key: 2.0}) == []
    assert passed({key: 2.0}, {key: float("nan")}) != []


def test_budgets() -> None:
    assert budget_of("p95_ms=40, accuracy=95%") == {"p95_ms": 40.0, "accuracy": 0.95}
    assert budget_of(None) == {}
    with pytest.raises(ModelError):
        budget_of("p95_ms=40,")
