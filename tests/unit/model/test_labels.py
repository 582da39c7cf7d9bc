"""Names of classes: the model's own, in its order, and as many as there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_common.manifest import Answer
from edge_common.tensors import TensorSpec
from edgectl.model.convert.bundled import answer_of
from edgectl.model.convert.classes import label_tells, labels_of, plain
from edgectl.model.errors import ModelError
from edgectl_support import Run
from model_graphs_verify import Linear, classifier


@dataclass(frozen=True)
class Told(Linear):
    """An original that knows its classes."""

    classes: Sequence[Any] = ()


@pytest.mark.parametrize(
    ("own", "given", "labels"),
    [
        pytest.param(("leak", "ok"), (), ("leak", "ok"), id="own"),
        pytest.param(("leak", "ok"), ("leak", "ok "), ("leak", "ok"), id="the-same"),
        pytest.param((0, 1), ("ok", "leak"), ("ok", "leak"), id="names-of-numbers"),
        pytest.param((0, 1), (), (), id="numbers"),
        pytest.param((), ("a",), ("a",), id="unknown"),
    ],
)
def test_labels_are_the_models_own(own: Sequence[Any], given: Sequence[str], labels: tuple[str, ...]) -> None:
    assert labels_of(Told(classes=own), given, "--labels l.txt") == labels


def test_an_original_that_does_not_say_its_classes_takes_any() -> None:
    assert labels_of(Linear(), ["b", "a"], "") == ("b", "a") and not label_tells(Linear())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param(["ok", "leak"], "in this order, 'leak', 'ok'; found 'ok', 'leak'", id="order"),
        pytest.param(["leak", "fine"], "as they are called in it, 'leak', 'ok'; found 'leak', 'fine'", id="names"),
        pytest.param(["leak", "ok", "odd"], "found 3; leave it out", id="count"),
    ],
)
def test_other_labels_than_the_models_own_are_refused(given: list[str], told: str) -> None:
    with pytest.raises(ModelError, match=r"^--labels l.txt: want .*the model's own classes") as refused:
        labels_of(Told(classes=("leak", "ok")), given, "--labels l.txt")
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("classes", "found", "tells"),
    [
        pytest.param(["a", "b"], ("a", "b"), True, id="text"),
        pytest.param([0, 1, 2], (0, 1, 2), True, id="places"),
        pytest.param([10, 20], (10, 20), False, id="numbers-of-its-own"),
        pytest.param([False, True], (), False, id="true-or-false"),
        pytest.param([0.5, 1.5], (), False, id="fractions"),
        pytest.param(["", "b"], (), False, id="no-line-of-a-file"),
        pytest.param(["a\nb", "c"], (), False, id="two-lines"),
    ],
)
def test_which_classes_a_bundle_can_name(classes: list[Any], found: tuple[Any, ...], tells: bool) -> None:
    assert plain(np.array(classes)) == found
    assert label_tells(Told(classes=plain(np.array(classes)))) is tells


def test_a_label_is_part_of_the_answer_where_it_names_classes() -> None:
    outputs = [TensorSpec("label", "BYTES", (-1,)), TensorSpec("probabilities", "FP32", (-1, 2))]
    assert answer_of(Answer(), "tabular", outputs, named=True) == Answer(label="label", probabilities="probabilities")
    assert answer_of(Answer(), "tabular", outputs) == Answer(probabilities="probabilities")
    assert answer_of(Answer(), "tensor", outputs, named=True) == Answer()
    assert answer_of(Answer(score="s"), "tabular", outputs, named=True) == Answer(score="s")


def test_a_wrong_number_of_labels_in_a_recipe_is_told_before_any_other_fault(tmp_path: Path, run: Run) -> None:
    classifier(tmp_path / "g.onnx")
    rows = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)
    np.savez(tmp_path / "rows.npz", allow_pickle=False, features=rows, labels=np.array(["x", "y", "x", "z"]))
    (tmp_path / "r.toml").write_text(
        'name = "r"\nversion = "1.0.0"\ntask = "tabular"\nlabels = ["a", "b"]\n'
        '[source]\nmodel = "g.onnx"\n[data]\nverify = "rows.npz"\n[bench]\nseconds = 0.02\n'
    )
    code, _, err = run("model", "build", tmp_path / "r.toml")
    assert code == 2 and err.endswith("r.toml: labels: want 3 labels as 'probabilities' has columns, found 2\n"), err


def test_a_recipe_without_names_is_told_how_to_give_some(tmp_path: Path, run: Run) -> None:
    classifier(tmp_path / "g.onnx")
    rows = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)
    np.savez(tmp_path / "rows.npz", allow_pickle=False, features=rows, labels=np.array([0, 1, 2, 9]))
    (tmp_path / "r.toml").write_text(
        'name = "r"\nversion = "1.0.0"\ntask = "tabular"\n'
        '[source]\nmodel = "g.onnx"\n[data]\nverify = "rows.npz"\n[bench]\nseconds = 0.02\n'
        '[answer]\nprobabilities = "probabilities"\n'
    )
    code, _, err = run("model", "build", tmp_path / "r.toml")
    assert code == 2 and err.endswith('name the classes: labels = ["...", "..."] in the recipe\n'), err
