"""Verification of graphs, right and wrong, against a model in numpy and against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import model_graphs_verify as graphs
import onnx_models
from edge_common.manifest import Answer
from edge_common.tensors import Array
from edgectl.bundle.session import Model
from edgectl.model.data import Dataset, generated, read_feeds
from edgectl.model.errors import ModelError
from edgectl.model.verify.bounds import Bounds, bounds_for
from edgectl.model.verify.run import verify
from edgectl.model.verify.verdict import Verdict

CLASSES = Answer(label="label", probabilities="probabilities")
LINEAR = graphs.Linear()
Graph = graphs.Graph


def features(count: int = 200) -> Array:
    return np.random.default_rng(3).standard_normal((count, 4)).astype(np.float32)


def dataset(path: Path, **labels: Array) -> Dataset:
    np.savez(path / "in.npz", allow_pickle=False, features=features(), **labels)
    return read_feeds(path / "in.npz", LINEAR.inputs)


def against(path: Path, data: Dataset, **bounds: Any) -> Verdict:
    return verify(LINEAR, path, data, bounds_for("tabular", **bounds), CLASSES, "tabular")


def test_a_right_conversion_holds(tmp_path: Path) -> None:
    truth = LINEAR.predict({"features": features()})["label"]
    found = against(graphs.classifier(tmp_path / "m.onnx"), dataset(tmp_path, labels=truth))
    assert found.holds and found.agreement == 1.0
    assert found.outputs[0].name == "probabilities" and 0 < found.outputs[0].scaled < 1e-6
    assert [(each.name, each.original, each.converted) for each in found.metrics] == [("accuracy", 1.0, 1.0)]


def test_a_wrong_bias_is_found_by_every_bound(tmp_path: Path) -> None:
    """The last bias of a conversion changed: differences, labels and accuracy all tell, each with its own line."""
    truth = LINEAR.predict({"features": features()})["label"]
    wrong = graphs.classifier(tmp_path / "m.onnx", graphs.BIAS + np.array([0, 0, 1], np.float32))
    found = against(wrong, dataset(tmp_path, labels=truth))
    assert not found.holds
    differences, agreement, accuracy = found.passed
    assert differences.startswith("'probabilities': want a difference of at most 0.001 (--max-difference), found 0.2")
    assert found.dataset.names[found.worst[0]].startswith("in.npz[") and found.agreement is not None
    differ = round((1 - found.agreement) * 200)
    assert 10 < differ < 100 and f"{differ} of 200 do not" in agreement
    assert "accuracy: want a drop of at most 0.5 % (--max-drop), found" in accuracy and "1 in the original" in accuracy


def test_a_small_error_passes_only_the_bound_that_it_passes(tmp_path: Path) -> None:
    wrong = graphs.classifier(tmp_path / "m.onnx", graphs.BIAS + np.array([0, 0, 0.01], np.float32))
    data = dataset(tmp_path)
    assert len(against(wrong, data).passed) >= 1
    assert against(wrong, data, max_difference=0.01, min_agreement=0.9).holds


@pytest.mark.parametrize(("options", "holds"), [
    pytest.param({}, True, id="right"),
    pytest.param({"order": (2, 1, 0)}, False, id="colours-swapped"),
    pytest.param({"scale": 1 / 60}, False, id="another-normalisation"),
])  # fmt: skip
def test_a_picture_model_on_pictures_of_free_sizes(tmp_path: Path, options: dict[str, Any], holds: bool) -> None:
    right = graphs.picture(tmp_path / "right.onnx")
    other = graphs.picture(tmp_path / "other.onnx", **options)
    data = generated(Model(right).inputs, 12, 0)
    found = verify(Graph(right), other, data, bounds_for("classification"), Answer(probabilities="probabilities"), "")
    assert found.holds is holds


def raw(count: int, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 400, (count, 2))
    sides = rng.uniform(20, 100, (count, 2))
    return np.hstack([low, low + sides, rng.random((count, 1)), rng.integers(0, 3, (count, 1))]).astype(np.float32)


BOXES = Answer(boxes="boxes", scores="scores", classes="classes")


@pytest.mark.parametrize(("options", "holds"), [
    pytest.param({"reverse": True}, True, id="another-order"),
    pytest.param({"shift": 0.1}, True, id="a-tenth-of-a-pixel"),
    pytest.param({"shift": 8.0}, False, id="eight-pixels"),
    pytest.param({"shift": 300.0}, False, id="elsewhere"),
])  # fmt: skip
def test_boxes_of_free_number(tmp_path: Path, options: dict[str, Any], holds: bool) -> None:
    for i, count in enumerate((0, 1, 5, 9)):
        rows = raw(count, i)
        labels = {"label.boxes": rows[np.newaxis, :, :4], "label.classes": rows[np.newaxis, :, 5].astype(int)}
        np.savez(tmp_path / f"{i}.npz", allow_pickle=False, raw=rows[np.newaxis], **labels)
    right = graphs.boxes(tmp_path / "right.onnx")
    wrong = graphs.boxes(tmp_path / "wrong.onnx", **options)
    data = read_feeds(tmp_path, Model(right).inputs)
    assert len(data) == 4
    found = verify(Graph(right), wrong, data, bounds_for("detection"), BOXES, "detection")
    assert found.holds is holds
    assert found.metrics[0].name == "mAP@0.5" and found.metrics[0].original == pytest.approx(1)
    assert (found.metrics[0].converted < 0.5) is ("shift" in options and options["shift"] == 300)


def test_masks_and_their_iou(tmp_path: Path) -> None:
    scores = np.random.default_rng(0).random((6, 1, 8, 9), np.float32)
    labels = {"label.mask": (scores > 0.5).astype(np.uint8)[:, 0]}
    np.savez(tmp_path / "in.npz", allow_pickle=False, scores=scores, **labels)
    right = graphs.mask(tmp_path / "right.onnx")
    wrong = graphs.mask(tmp_path / "wrong.onnx", 0.55)
    data = read_feeds(tmp_path / "in.npz", Model(right).inputs)
    for path, holds in ((right, True), (wrong, False)):
        found = verify(Graph(right), path, data, Bounds(), Answer(mask="mask"), "segmentation")
        assert found.holds is holds and found.metrics[0].original == 1.0
        assert (found.metrics[0].converted == 1.0) is holds and found.total == 6 * 72


@pytest.mark.parametrize(("truth", "auc"), [
    pytest.param([0, 0, 1, 1], 1.0, id="zero-and-one"),
    pytest.param([1, 1, -1, -1], 1.0, id="as-scikit-learn-says"),
    pytest.param([False, True, False, True], 0.75, id="booleans"),
    pytest.param(["0", "1", "0", "1"], 0.75, id="text"),
])  # fmt: skip
def test_anomaly_scores(tmp_path: Path, truth: list[object], auc: float) -> None:
    x = np.array([[0.0], [1.0], [2.0], [3.0]], np.float32)
    np.savez(tmp_path / "in.npz", x=x, labels=np.array(truth))
    right = graphs.anomaly(tmp_path / "right.onnx")
    data = read_feeds(tmp_path / "in.npz", Model(right).inputs)
    wrong = graphs.anomaly(tmp_path / "wrong.onnx", -1.0)
    found = verify(Graph(right), wrong, data, Bounds(), Answer(score="score"), "anomaly")
    assert (found.metrics[0].original, found.metrics[0].converted) == (auc, 1 - auc)
    assert [line.split(":")[0] for line in found.passed] == ["'score'", "ROC AUC"]


def test_nan_answers_are_the_same_in_both_or_wrong(tmp_path: Path) -> None:
    right, wrong = graphs.logarithm(tmp_path / "right.onnx"), graphs.logarithm(tmp_path / "wrong.onnx", 2.0)
    np.savez(tmp_path / "in.npz", x=np.array([1.0, -1.0, 0.0], np.float32))
    data = read_feeds(tmp_path / "in.npz", Model(right).inputs)
    for path, holds in ((right, True), (wrong, False)):
        found = verify(Graph(right), path, data, Bounds(max_difference=1e9), Answer(), "tensor")
        assert found.holds is holds
    assert found.passed == (
        "'y': want a difference of at most 1e+09 (--max-difference), found inf in in.npz[1]",
    )  # fmt: skip


def test_a_metric_of_nan_answers_does_not_hold(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Broken(graphs.Linear):
        def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
            return {name: np.full(array.shape, np.nan) for name, array in super().predict(feed).items()}

    truth = LINEAR.predict({"features": features()})["label"]
    data = dataset(tmp_path, labels=truth)
    found = verify(Broken(), graphs.classifier(tmp_path / "m.onnx"), data, Bounds(), CLASSES, "tabular")
    assert not found.holds and found.outputs[0].scaled == np.inf and found.agreement == 0.0


def test_several_inputs_and_text(tmp_path: Path) -> None:
    two, echo = onnx_models.two_inputs(tmp_path / "two.onnx"), onnx_models.echo(tmp_path / "echo.onnx")
    for path in (two, echo):
        data = generated(Model(path).inputs, 5, 0)
        assert verify(Graph(path), path, data, Bounds(max_difference=0), Answer(), "tensor").holds


@pytest.mark.parametrize(("framework", "holds"), [
    pytest.param("numpy", True, id="given-what-the-graph-is"),
    pytest.param("sklearn", False, id="given-the-file's-own"),
])  # fmt: skip
def test_a_float64_original_sees_what_the_float32_graph_loses(tmp_path: Path, framework: str, holds: bool) -> None:
    """2**24 + 1 has no float32: a graph that subtracts 2**24 from it answers another number than scikit-learn does."""

    @dataclass(frozen=True)
    class Precise(graphs.Graph):
        def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
            return {"y": np.log(feed["x"].astype(np.float64) - 2**24)}

    path = graphs.logarithm(tmp_path / "m.onnx", -(2.0**24))
    np.savez(tmp_path / "in.npz", x=2.0**24 + np.array([2.0, 3.0, 5.0]))
    data = read_feeds(tmp_path / "in.npz", Model(path).inputs)
    found = verify(Precise(path, framework), path, data, Bounds(), Answer(), "tensor")
    assert found.holds is holds


@pytest.mark.parametrize(("labels", "classes", "wrong"), [
    pytest.param(np.full(200, 3), (), None, id="numbers-of-its-own"),
    pytest.param(np.full(200, 3), ("a", "b", "c"), "want one of the model's 3 classes (a, b, c), found '3'",
                 id="unknown-number"),
    pytest.param(np.array(["d"] * 200), ("a", "b", "c"), "found 'd'", id="unknown-word"),
    pytest.param(np.array(["a"] * 200), (), "want numbers as 'label' has, found text; name the classes",
                 id="words-for-numbers"),
    pytest.param(np.zeros((200, 2)), (), "want 1 a sample, one for each row of its answer, found 2", id="two-a-sample"),
])  # fmt: skip
def test_labels_that_do_not_match(tmp_path: Path, labels: Array, classes: tuple[str, ...], wrong: str | None) -> None:
    data, path = dataset(tmp_path, labels=labels), graphs.classifier(tmp_path / "m.onnx")
    if wrong is None:
        assert verify(LINEAR, path, data, Bounds(), CLASSES, "tabular", classes).metrics[0].original == 0.0
        return
    with pytest.raises(ModelError) as raised:
        verify(LINEAR, path, data, Bounds(), CLASSES, "tabular", classes)
    assert wrong in str(raised.value)


@pytest.mark.parametrize(("answer", "labels", "wrong"), [
    pytest.param(Answer(), {"labels": np.zeros(2)}, "want to know which output they are of", id="no-answer"),
    pytest.param(Answer(mask="y"), {"labels": np.zeros(2)}, "want an array 'label' of 3 or more axes", id="no-mask"),
    pytest.param(Answer(mask="y"), {"label.mask": np.full((2, 1, 2), 5)}, "want classes 0 to 1, and -1 or 255 for none, found 5",
                 id="mask-of-other-classes"),
    pytest.param(Answer(mask="y"), {"label.mask": np.zeros((2, 1, 2))}, "want whole numbers", id="mask-of-floats"),
    pytest.param(Answer(boxes="y", scores="y", classes="y"), {"labels": np.zeros(2)}, "want an array 'boxes'",
                 id="no-boxes"),
    pytest.param(Answer(boxes="y", scores="y", classes="y"),
                 {"label.boxes": np.zeros((2, 3, 4)), "label.classes": np.zeros((2, 2))},
                 "want boxes [samples, most, 4]", id="boxes-of-another-count"),
    pytest.param(Answer(score="y"), {"labels": np.array([0, 5])}, "found '5'", id="anomaly-of-no-kind"),
])  # fmt: skip
def test_labels_of_another_kind(tmp_path: Path, answer: Answer, labels: dict[str, Array], wrong: str) -> None:
    path = onnx_models.doubler(tmp_path / "m.onnx")
    np.savez(tmp_path / "in.npz", allow_pickle=False, x=np.zeros((2, 2), np.float32), **labels)
    data = read_feeds(tmp_path / "in.npz", Model(path).inputs)
    with pytest.raises(ModelError) as raised:
        verify(Graph(path), path, data, Bounds(), answer, "tensor", ("a", "b"))
    assert wrong in str(raised.value)


def test_inputs_and_outputs_must_be_the_originals(tmp_path: Path) -> None:
    data = dataset(tmp_path)
    with pytest.raises(ModelError, match=r"inputs: want those of the original, 'features' .*--declaration"):
        verify(LINEAR, onnx_models.doubler(tmp_path / "m.onnx"), data, Bounds(), Answer(), "tensor")
    one = graphs.anomaly(tmp_path / "one.onnx")
    with pytest.raises(ModelError, match=r"outputs: want those of the original, \['score'\]; found \['y'\] too"):
        verify(
            Graph(one), _renamed(tmp_path / "y.onnx"), generated(Model(one).inputs, 1, 0), Bounds(), Answer(), "tensor"
        )  # fmt: skip


def _renamed(path: Path) -> Path:
    from onnx import helper

    node = helper.make_node("Neg", ["x"], ["y"])
    return onnx_models.save(path, [node], [("x", onnx_models.FLOAT, ["N", 1])], [("y", onnx_models.FLOAT, ["N", 1])])


def test_a_sample_that_the_original_refuses_is_named(tmp_path: Path) -> None:
    class Fussy(graphs.Linear):
        def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
            raise ValueError(f"cannot\nand will not take {feed}")

    with pytest.raises(ModelError, match=r"^in\.npz\[0\]: the original \(numpy\) refuses this sample: cannot$"):
        verify(Fussy(), graphs.classifier(tmp_path / "m.onnx"), dataset(tmp_path), Bounds(), CLASSES, "tabular")


def test_golden_samples_are_the_worst_and_some_from_the_middle(tmp_path: Path) -> None:
    wrong = graphs.classifier(tmp_path / "m.onnx", graphs.BIAS + np.array([0, 0, 0.1], np.float32))
    found = against(wrong, dataset(tmp_path))
    ranks = {found.dataset.feeds[i]["features"].tobytes(): place for place, i in enumerate(found.worst)}
    places = [ranks[np.asarray(feed["features"]).tobytes()] for feed in found.chosen(5)]
    assert places[:3] == [0, 1, 2] and all(90 < place < 110 for place in places[3:])
    assert len(found.golden) == 4 and len(found.chosen(500)) == 200


def test_no_box_at_all_is_said(tmp_path: Path) -> None:
    path = graphs.boxes(tmp_path / "m.onnx")
    np.savez(tmp_path / "in.npz", raw=np.zeros((1, 0, 6), np.float32))
    data = read_feeds(tmp_path / "in.npz", Model(path).inputs)
    found = verify(Graph(path), path, data, Bounds(), BOXES, "detection")
    assert found.agreement is None and "this says nothing" in str(found.tables()[-2])
    assert found.passed == ("boxes: want some to compare, found none in any sample; give real samples with --inputs",)
