"""labels.txt in another order than the model's own classes: every shape fits, and every answer would be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from onnx import helper, numpy_helper

from edge_common.tensors import Array
from edgectl_support import Run
from onnx_models import FLOAT, STRING, Tensor, save

ROWS = [[0.1, 0.9], [0.8, 0.2]]


def named(path: Path, classes: Sequence[str], bias: Sequence[float] = (0, 0)) -> Path:
    """x FP32 [N, 2] -> probabilities, the same, and label [N], the text of the larger after `bias` is added."""
    nodes = [
        helper.make_node("Identity", ["x"], ["probabilities"]),
        helper.make_node("Add", ["x", "bias"], ["moved"]),
        helper.make_node("ArgMax", ["moved"], ["best"], axis=1, keepdims=0),
        helper.make_node("Gather", ["classes", "best"], ["label"], axis=0),
    ]
    fixed = [
        helper.make_tensor("bias", FLOAT, [2], bias),
        numpy_helper.from_array(np.array(classes, object), "classes"),
    ]
    outputs: list[Tensor] = [("probabilities", FLOAT, ["N", 2]), ("label", STRING, ["N"])]
    return save(path, nodes, [("x", FLOAT, ["N", 2])], outputs, constants=fixed)


def create(run: Run, graph: Path, rows: Sequence[Sequence[float]], labels: str, *more: object) -> tuple[int, str, str]:
    folder = graph.parent
    np.savez(folder / "rows.npz", allow_pickle=False, x=np.array(rows, np.float32))
    given: list[object] = ["--answer", "label=label", "--answer", "probabilities=probabilities"]
    if labels:
        (folder / "l.txt").write_text(labels)
        given += ["--labels", folder / "l.txt"]
    options = ("--name", "pump", "--version", "1.0.0", "--inputs", folder / "rows.npz", "--output", folder / "b")
    return run("bundle", "create", graph, *options, *given, *more)


def test_the_other_order_is_refused_when_the_bundle_is_made(tmp_path: Path, run: Run) -> None:
    code, out, err = create(run, named(tmp_path / "g.onnx", ["leak", "ok"]), ROWS, "ok\nleak\n")
    told = (
        f"edgectl: {tmp_path}/b/labels.txt: want the order of the model's own classes: golden 000 is 'ok' and "
        "'probabilities' is largest where labels.txt has 'leak'\n"
    )
    assert (code, out, err) == (2, "", told)
    assert not (tmp_path / "b").exists()


def test_the_other_order_is_refused_when_the_bundle_is_checked(tmp_path: Path, run: Run) -> None:
    assert create(run, named(tmp_path / "g.onnx", ["leak", "ok"]), ROWS, "leak\nok\n")[0] == 0
    assert run("bundle", "check", tmp_path / "b")[0] == 0
    (tmp_path / "b" / "labels.txt").write_text("ok\nleak\n")
    code, _, err = run("bundle", "check", tmp_path / "b")
    assert code == 2 and "want the order of the model's own classes" in err and err.count("\n") == 1


def test_names_that_the_model_does_not_use_are_refused(tmp_path: Path, run: Run) -> None:
    assert create(run, named(tmp_path / "g.onnx", ["leak", "ok"]), ROWS, "leak\nok\n")[0] == 0
    (tmp_path / "b" / "labels.txt").write_text("leak\nfine\n")
    code, _, err = run("bundle", "check", tmp_path / "b")
    assert code == 2 and "golden 000 is 'ok', which labels.txt lacks" in err


@pytest.mark.parametrize(
    ("rows", "bias", "code"),
    [
        pytest.param([[0.5, 0.5]], (0.1, 0), 0, id="tie"),
        pytest.param([[0.45, 0.55]], (0.2, 0), 0, id="near-a-tie"),
        pytest.param([[0.3, 0.7], [0.9, 0.1]], (0.5, 0), 0, id="a-threshold-of-its-own"),
        pytest.param([[0.3, 0.7]], (0.5, 0), 2, id="clear-and-nothing-speaks-for-it"),
    ],
)
def test_a_model_that_wavers_is_no_other_order(
    tmp_path: Path, run: Run, rows: list[list[float]], bias: tuple[float, float], code: int
) -> None:
    assert create(run, named(tmp_path / "g.onnx", ["leak", "ok"], bias), rows, "leak\nok\n")[0] == code


def test_without_labels_it_is_labels_that_a_reference_wants(tmp_path: Path, run: Run) -> None:
    graph = named(tmp_path / "g.onnx", ["leak", "ok"])
    code, out, err = create(run, graph, ROWS * 250, "")
    assert code == 0, err
    told = "want labels, the names of the classes, to count the answers by; found none"
    assert out.splitlines()[1] == f"no reference in it, so its answers can drift unseen: {told}"
    code, _, err = create(run, graph, ROWS * 250, "", "--force", "--reference", tmp_path / "rows.npz")
    assert (code, err) == (2, f"edgectl: --reference {tmp_path}/rows.npz: {told}\n")


def test_few_samples_without_labels_are_not_told_to_be_more(tmp_path: Path, run: Run) -> None:
    out = create(run, named(tmp_path / "g.onnx", ["leak", "ok"]), ROWS, "")[1]
    assert "want labels, the names of the classes" in out and "give more" not in out


def test_truth_that_needs_names_is_told_how_a_bundle_gets_them(tmp_path: Path, run: Run) -> None:
    from model_graphs_verify import classifier

    graph = classifier(tmp_path / "g.onnx")
    rows: Array = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)
    np.savez(tmp_path / "rows.npz", allow_pickle=False, features=rows, labels=np.array(["a", "b", "a", "c"]))
    options = (
        "--name",
        "c",
        "--version",
        "1.0.0",
        "--answer",
        "probabilities=probabilities",
        "--output",
        tmp_path / "b",
    )
    assert run("bundle", "create", graph, *options)[0] == 0
    for target, told in (
        (tmp_path / "b", "convert it again with --labels labels.txt"),
        (graph, "--classes labels.txt"),
    ):
        code, _, err = run("model", "verify", graph, target, "--inputs", tmp_path / "rows.npz")
        assert code == 2 and err.endswith(f"name the classes: {told}\n"), err
