"""What a verification must not let pass, or must not fail: nothing compared, small outputs, labels that tell nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import cv2
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

CLASSES = Answer(label="label", probabilities="probabilities")
BOXES = Answer(boxes="y", scores="y", classes="y")


def rows(tmp_path: Path, **arrays: Array) -> Dataset:
    features = np.random.default_rng(3).standard_normal((200, 4)).astype(np.float32)
    np.savez(tmp_path / "in.npz", allow_pickle=False, features=features, **arrays)
    return read_feeds(tmp_path / "in.npz", graphs.Linear().inputs)


def test_nan_alone_does_not_hold(tmp_path: Path) -> None:
    """NaN in, NaN out: two models that have nothing in common look the same."""
    one, other = graphs.logarithm(tmp_path / "one.onnx"), graphs.logarithm(tmp_path / "other.onnx", 7.0)
    np.savez(tmp_path / "in.npz", x=np.full(3, np.nan, np.float32))
    data = read_feeds(tmp_path / "in.npz", Model(one).inputs)
    found = verify(graphs.Graph(one), other, data, bounds_for("tensor"), Answer(), "tensor")
    assert found.passed == (
        "'y': want numbers to compare, found NaN or infinity only; give real samples with --inputs",
    )  # fmt: skip


def test_empty_answers_do_not_hold(tmp_path: Path) -> None:
    path = graphs.boxes(tmp_path / "m.onnx")
    np.savez(tmp_path / "in.npz", raw=np.zeros((1, 0, 6), np.float32))
    data = read_feeds(tmp_path / "in.npz", Model(path).inputs)
    found = verify(graphs.Graph(path), path, data, Bounds(), Answer(), "tensor")
    assert found.passed == ("answers: want some to compare, found empty ones only; give other samples with --inputs",)


@pytest.mark.parametrize(("factor", "holds"), [
    pytest.param(1e-4, True, id="right"),
    pytest.param(-1e-4, False, id="another-sign"),
    pytest.param(1.002e-4, False, id="a-five-hundredth"),
])  # fmt: skip
def test_small_outputs_are_compared_too(tmp_path: Path, factor: float, holds: bool) -> None:
    right, other = graphs.anomaly(tmp_path / "a.onnx", 1e-4), graphs.anomaly(tmp_path / "b.onnx", factor)
    data = generated(Model(right).inputs, 50, 0)
    found = verify(graphs.Graph(right), other, data, bounds_for("anomaly"), Answer(score="score"), "anomaly")
    assert found.holds is holds and found.outputs[0].scaled < 1e-3
    assert found.outputs[0].relative == pytest.approx(abs(1 - factor / 1e-4), rel=1e-3, abs=1e-9)
    assert holds or "'score': want a relative error of at most 0.001 (--max-relative), found" in found.passed[0]


def test_an_output_of_zeros_has_no_relative_error(tmp_path: Path) -> None:
    zero, near = graphs.anomaly(tmp_path / "a.onnx", 0.0), graphs.anomaly(tmp_path / "b.onnx", 1e-7)
    data = generated(Model(zero).inputs, 5, 0)
    found = verify(graphs.Graph(zero), near, data, bounds_for("anomaly"), Answer(), "anomaly")
    assert found.holds and found.outputs[0].relative is None


def test_a_metric_that_the_labels_do_not_allow_is_left_out(tmp_path: Path) -> None:
    """Of one class only there is an accuracy, but no ROC AUC; a model must still equal itself."""
    path = graphs.classifier(tmp_path / "m.onnx", graphs.BIAS[:2], graphs.WEIGHTS[:, :2])
    data = rows(tmp_path, labels=np.zeros(200, np.int64))
    bounds = bounds_for("classification")
    found = verify(graphs.Graph(path), path, data, bounds, CLASSES, "classification", ("a", "b"))
    assert found.holds and [each.name for each in found.metrics] == ["accuracy"]
    assert found.remarks[0].startswith("ROC AUC is left out: it wants samples of both classes")
    assert found.remarks[0] in found.tables() and found.facts()["remarks"] == list(found.remarks)


def test_a_metric_that_is_the_only_one_must_be_measurable(tmp_path: Path) -> None:
    path = graphs.anomaly(tmp_path / "m.onnx")
    np.savez(tmp_path / "in.npz", x=np.ones((3, 1), np.float32), labels=np.zeros(3, np.int64))
    data = read_feeds(tmp_path / "in.npz", Model(path).inputs)
    with pytest.raises(ModelError, match=r"labels: want samples of both classes, .* for ROC AUC, found none of it"):
        verify(graphs.Graph(path), path, data, Bounds(), Answer(score="score"), "anomaly")


@pytest.mark.parametrize("labels", [(), ("background", "scratch")], ids=["numbers", "names"])
def test_pixels_of_255_count_for_nothing(tmp_path: Path, labels: tuple[str, ...]) -> None:
    scores = np.random.default_rng(0).random((6, 1, 8, 9), np.float32)
    truth = (scores > 0.5).astype(np.uint8)[:, 0]
    truth[:, 0] = 255
    arrays: dict[str, Array] = {"scores": scores, "label.mask": truth}
    np.savez(tmp_path / "in.npz", allow_pickle=False, **arrays)
    path = graphs.mask(tmp_path / "m.onnx")
    data, bounds = read_feeds(tmp_path / "in.npz", Model(path).inputs), bounds_for("segmentation")
    found = verify(graphs.Graph(path), path, data, bounds, Answer(mask="mask"), "segmentation", labels)
    assert found.metrics[0].original == 1.0
    assert found.remarks == ("54 pixels labelled 255 count for nothing: it is how many tools say that",)


@pytest.mark.parametrize(("text", "wrong"), [
    pytest.param(["0", "1", "2"], None, id="whole-numbers"),
    pytest.param(["0", "1", "two"], "want numbers as 'label' has, found text", id="a-word"),
])  # fmt: skip
def test_numbers_in_a_text_file_are_numbers(tmp_path: Path, text: list[str], wrong: str | None) -> None:
    plain, path = rows(tmp_path), graphs.classifier(tmp_path / "m.onnx")
    labels = [int(graphs.Linear().predict(feed)["label"][0]) for feed in plain.feeds]
    data = replace(plain, labels={"label": np.array([text[number] for number in labels], object)})
    if wrong is None:
        found = verify(graphs.Linear(), path, data, Bounds(), CLASSES, "tabular")
        assert found.metrics[0].original == 1.0
        return
    with pytest.raises(ModelError, match=wrong):
        verify(graphs.Linear(), path, data, Bounds(), CLASSES, "tabular")


class Odd(graphs.Linear):
    """What OpenCV raises is neither a ValueError nor a RuntimeError."""

    def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        raise cv2.error(f"OpenCV(5.0) resize.cpp: {len(feed)} inputs do not fit")


def test_what_the_original_raises_is_one_line_whatever_it_is(tmp_path: Path) -> None:
    path = graphs.classifier(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=r"^in\.npz\[0\]: the original \(numpy\) refuses this sample: OpenCV"):
        verify(Odd(), path, rows(tmp_path), Bounds(), CLASSES, "tabular")


@pytest.mark.parametrize(("answer", "labels", "wrong"), [
    pytest.param(Answer(mask="y"), {"label.mask": np.full((2, 1, 2), -2)},
                 "want classes 0 to 1, and -1 or 255 for none, found -2", id="mask-below-none"),
    pytest.param(Answer(mask="y"), {"label.mask": np.full((2, 1, 2), 20000, np.uint16)}, "found 20000",
                 id="mask-of-many-classes"),
    pytest.param(Answer(mask="y"), {"label.mask": np.full((2, 1, 2), np.nan)}, "whole numbers [samples, h, w], found float64",
                 id="mask-of-nan"),
    pytest.param(Answer(mask="y"), {"label.mask": np.full((2, 1, 2), "a")}, "whole numbers [samples, h, w], found object",
                 id="mask-of-text"),
    pytest.param(BOXES, {"label.boxes": np.full((2, 1, 4), "a"), "label.classes": np.zeros((2, 1))},
                 "boxes: want numbers, x1 y1 x2 y2, found text", id="boxes-of-text"),
    pytest.param(BOXES, {"label.boxes": np.full((2, 1, 4), np.nan), "label.classes": np.zeros((2, 1))},
                 "found NaN or infinity", id="boxes-of-nan"),
])  # fmt: skip
@pytest.mark.parametrize("names", [("a", "b"), ()], ids=["named", "numbered"])
def test_labels_that_are_no_labels(
    tmp_path: Path, answer: Answer, labels: dict[str, Array], wrong: str, names: tuple[str, ...]
) -> None:
    path = onnx_models.doubler(tmp_path / "m.onnx")
    np.savez(tmp_path / "in.npz", allow_pickle=False, x=np.zeros((2, 2), np.float32), **labels)
    data = read_feeds(tmp_path / "in.npz", Model(path).inputs)
    with pytest.raises(ModelError) as raised:
        verify(graphs.Graph(path), path, data, Bounds(), answer, "tensor", names)
    assert wrong.replace("0 to 1,", "0 to 254," if not names else "0 to 1,") in str(raised.value)
