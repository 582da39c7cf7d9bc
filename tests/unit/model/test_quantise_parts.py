"""What quantisation rests on: which nodes, how much worse, and which layers are left float."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

import onnx_models
from edge_common.tensors import Array, TensorSpec
from edgectl.model.errors import ModelError
from edgectl.model.quantise.layers import STATIC, layers, named, with_joints
from edgectl.model.quantise.picked import MIN_SPLIT, Finite, split
from edgectl.model.quantise.plan import Layer, Measure, Plan
from edgectl.model.quantise.search import fewest, sensitivities
from edgectl.model.quantise.trial import Trial
from edgectl.model.quantise.yardstick import Yardstick, yardstick

Answers = list[Mapping[str, Array]]


def _residual(path: Path) -> onnx.ModelProto:
    """Scale, conv a, relu, conv b, add, pool, conv c, then boxes: a multiplication and a Sigmoid."""
    weights = [helper.make_tensor(f"w{name}", onnx_models.FLOAT, [2, 2, 1, 1], [1.0] * 4) for name in "abc"]
    eight = helper.make_tensor("eight", onnx_models.FLOAT, [], [8.0])
    nodes = [
        helper.make_node("Mul", ["x", "eight"], ["scaled"], "scale"),
        helper.make_node("Conv", ["scaled", "wa"], ["a"], "a"),
        helper.make_node("Relu", ["a"], ["relu"], "relu"),
        helper.make_node("Conv", ["relu", "wb"], ["b"], "b"),
        helper.make_node("Add", ["b", "relu"], ["sum"], "add"),
        helper.make_node("MaxPool", ["sum"], ["pool"], "pool", kernel_shape=[2, 2]),
        helper.make_node("Conv", ["pool", "wc"], ["c"], "c"),
        helper.make_node("Mul", ["c", "eight"], ["boxes"], "boxes"),
        helper.make_node("Sigmoid", ["c"], ["y"], "head"),
    ]
    sides = (
        [("x", onnx_models.FLOAT, [1, 2, 8, 8])],
        [("y", onnx_models.FLOAT, None), ("boxes", onnx_models.FLOAT, None)],
    )
    return onnx.load_model(str(onnx_models.save(path, nodes, *sides, constants=[*weights, eight])))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        pytest.param("abc", {"a", "b", "c", "relu", "add", "pool"}, id="all: neither scaling nor boxes nor head"),
        pytest.param("ab", {"a", "b", "relu"}, id="no layer after the pool"),
        pytest.param("ac", {"a", "c", "relu"}, id="one side of the sum is float"),
        pytest.param("b", {"b"}, id="a float activation before"),
        pytest.param("a", {"a", "relu"}, id="with its activation"),
    ],
)
def test_what_lies_between_quantised_layers(tmp_path: Path, chosen: str, expected: set[str]) -> None:
    assert set(with_joints(_residual(tmp_path / "m.onnx"), set(chosen))) == expected


def test_layers_are_nodes_with_constant_float_weights(tmp_path: Path) -> None:
    found = layers(_residual(tmp_path / "m.onnx"), STATIC)
    assert found == [Layer("a", "Conv", 4), Layer("b", "Conv", 4), Layer("c", "Conv", 4)]
    product = helper.make_node("MatMul", ["x", "x"], ["y"], "product")
    sides = ([("x", onnx_models.FLOAT, [2, 2])], [("y", onnx_models.FLOAT, [2, 2])])
    model = onnx.load_model(str(onnx_models.save(tmp_path / "p.onnx", [product], *sides)))
    assert layers(model, STATIC) == []


@given(st.lists(st.sampled_from(["", "a", "a_", "Relu_1", "Relu_0"]), min_size=1, max_size=8))
def test_every_node_gets_a_name_of_its_own(names: Sequence[str]) -> None:
    nodes = [helper.make_node("Relu", [f"t{i}"], [f"t{i + 1}"], name) for i, name in enumerate(names)]
    model = named(helper.make_model(helper.make_graph(nodes, "g", [], []), ir_version=10))
    found = [node.name for node in model.graph.node]
    assert all(found) and len({*found}) == len(found)
    first = {name: names.index(name) for name in names if name}
    assert all(found[index] == name for name, index in first.items() if name not in found[:index])


def _one(*rows: Any) -> Answers:
    return [{"y": np.asarray(row)} for row in rows]


def _specs(answers: Answers) -> list[TensorSpec]:
    kinds = {"f": "FP64", "i": "INT64"}
    return [TensorSpec(name, kinds[array.dtype.kind], array.shape) for name, array in answers[0].items()]


def _by(wanted: Answers, labels: Any = None, classes: Sequence[str] = (), measure: Measure = "auto") -> Yardstick:
    return yardstick(wanted, _specs(wanted), labels, Plan(labels=tuple(classes), measure=measure))


def _boxes(*lefts: float) -> Answers:
    """One sample with a box of 10 x 10 at each of `lefts`, of class 0 and score 0.5."""
    corners = np.array([[left, 0, left + 10, 10] for left in lefts]).reshape(-1, 4)
    return [{"boxes": corners, "scores": np.full(len(lefts), 0.5), "classes": np.zeros(len(lefts), np.int64)}]


SHARES = _one([[0.9, 0.1]], [[0.2, 0.8]], [[0.6, 0.4]], [[0.45, 0.55]])
FLIPPED = _one([[0.4, 0.6]], [[0.2, 0.8]], [[0.6, 0.4]], [[0.45, 0.55]])
LABELS = {"label": np.array([0, 1, 0, 0])}
MASK, OTHER = np.arange(4).reshape(1, 2, 2), np.array([[[0, 1], [2, 2]]])
MEASURES: list[Any] = [
    pytest.param(SHARES, FLIPPED, None, "auto", "agreement", 0.25, id="a class changes"),
    pytest.param(SHARES, FLIPPED, LABELS, "auto", "accuracy", 0.25, id="a right one changes"),
    pytest.param(FLIPPED, SHARES, LABELS, "auto", "accuracy", -0.25, id="a wrong one is mended"),
    pytest.param(SHARES, FLIPPED, LABELS, "agreement", "agreement", 0.25, id="asked for"),
    pytest.param(_one([[3.0, 4.0]]), _one([[3.0, 4.5]]), None, "auto", "error", 0.1, id="numbers"),
    pytest.param(_one([[3.0, 4.0]]), _one([[4.5, 4.0]]), None, "agreement", "agreement", 1.0, id="scores, asked for"),
    pytest.param(_one([1], [2]), _one([1], [3]), None, "auto", "agreement", 0.5, id="a class alone"),
    pytest.param(_one(MASK), _one(OTHER), None, "auto", "agreement", 0.25, id="a mask"),
    pytest.param(_one(MASK), _one(OTHER), {"mask": MASK}, "auto", "mean IoU", 0.375, id="a mask and the true one"),
    pytest.param(_boxes(0, 50), _boxes(50, 0), None, "auto", "agreement", 0.0, id="boxes in another order"),
    pytest.param(_boxes(0, 50, 90), _boxes(0, 50), None, "auto", "agreement", 0.2, id="a box less"),
    pytest.param(_one([1.0, 2.0]), _one([1.0]), None, "auto", "error", 1.0, id="another shape"),
    pytest.param(_one([np.inf, 1.0]), _one([np.inf, 1.0]), None, "auto", "error", 0.0, id="infinite in both"),
    pytest.param(_one([1.0, 1.0]), _one([np.nan, 1.0]), None, "auto", "error", np.inf, id="NaN in one"),
    pytest.param(_one([0.0, 0.0]), _one([0.0, 0.1]), None, "auto", "error", 1.0, id="nothing to relate to"),
]


@pytest.mark.parametrize(("wanted", "got", "labels", "measure", "chosen", "drop"), MEASURES)
def test_how_much_worse(
    wanted: Answers, got: Answers, labels: Mapping[str, Array] | None, measure: Measure, chosen: str, drop: float
) -> None:
    by = _by(wanted, labels, (), measure)
    assert by.measure == chosen and by.worse(got).drop == pytest.approx(drop) and by.worse(wanted).drop == 0


def test_a_box_that_moved_is_compared_with_itself() -> None:
    moved = _by(_boxes(0, 50)).worse([_boxes(51, 0)[0]]).error
    assert moved == pytest.approx(np.sqrt(2 / (10**2 * 2 + 50**2 + 60**2 + 10**2)), rel=0.1)


def test_some_of_the_samples_alone() -> None:
    by = _by(SHARES, LABELS)
    assert by.at([0, 1]).worse(FLIPPED[:2]).drop == 0.5 and by.at([1, 2]).worse(FLIPPED[1:3]).drop == 0
    assert (by.baseline(), by.at([3]).baseline()) == (0.75, 0.0)


NAMES = np.array(["no", "yes", "no", "no"], dtype=object)
BAD: list[Any] = [
    pytest.param({"label": NAMES}, (), "auto", "labels: .*found 'no'", id="names"),
    pytest.param({"label": NAMES}, ("no", "maybe"), "auto", "labels: .*found 'yes'", id="unknown name"),
    pytest.param({"label": np.array([0, 1, 0, 7])}, (), "auto", "labels: .*found '7'", id="unknown number"),
    pytest.param(None, (), "accuracy", "--measure accuracy: want labels", id="none"),
    pytest.param(
        {"mask": np.full((4, 2, 2), -1)}, (), "auto", "labels: mean IoU: want pixels of a class", id="ignored"
    ),
]


@pytest.mark.parametrize(("labels", "classes", "measure", "text"), BAD)
def test_labels_that_do_not_match(labels: Any, classes: Sequence[str], measure: Measure, text: str) -> None:
    with pytest.raises(ModelError, match=text):
        _by(_one(*[MASK] * 4) if labels and "mask" in labels else SHARES, labels, classes, measure)


def _anomalies(*labels: int) -> Yardstick:
    """Scores 0, 1, 2, ... of as many samples, an anomaly where the label is 1."""
    answers: Answers = [{"score": np.array([float(i)])} for i in range(len(labels))]
    return _by(answers, {"label": np.array(labels)})


def test_scores_of_one_class_cannot_be_measured() -> None:
    with pytest.raises(ModelError, match=r"labels: ROC AUC: want both classes among the 2 samples.*or --measure error"):
        _anomalies(0, 0)


def test_layers_are_ordered_by_error_where_the_metric_is_none_on_so_few() -> None:
    """Of a hundred samples fifty order the layers: they may all be of one class."""
    by = _anomalies(*[0, 1] * 50)
    feeds = [{"x": np.array([i])} for i in range(100)]
    found = _ordered(by, feeds)
    assert all(each.drop == np.inf for each in found)
    assert [each.layer.name for each in found] == ["much", "more", "little"]


def _ordered(by: Yardstick, feeds: Any) -> list[Any]:
    amounts = {"little": 1.01, "much": 9.0, "more": 2.0}

    def build(chosen: Any) -> onnx.ModelProto:
        (name,) = chosen
        nodes = [
            helper.make_node("Cast", ["x"], ["f"], to=onnx_models.FLOAT),
            helper.make_node("Mul", ["f", "k"], ["score"]),
        ]
        k = helper.make_tensor("k", onnx_models.FLOAT, [1], [amounts[name]])
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", onnx.TensorProto.INT64, [1])],
            [helper.make_tensor_value_info("score", onnx_models.FLOAT, [1])],
            [k],
        )
        return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])

    return sensitivities(build, [Layer(name, "Mul", 1) for name in amounts], feeds, by)


def test_no_answer_is_kept() -> None:
    """Answers that are made one after the other, as a trial does, are gone after the next one or two."""
    by = yardstick([{"y": np.zeros(1)}] * 300, _specs([{"y": np.zeros(1)}]), None, Plan())
    alive = weakref.WeakSet()  # type: ignore[var-annotated]
    most = 0

    class Answer(dict):  # type: ignore[type-arg]
        __hash__ = object.__hash__  # type: ignore[assignment]

    def answers() -> Any:
        nonlocal most
        for _ in range(300):
            answer = Answer(y=np.ones(1))
            alive.add(answer)
            most = max(most, len(alive))
            yield answer

    assert by.worse(answers()).error == 1.0 and most <= 3


def test_numbers_have_no_agreement() -> None:
    with pytest.raises(ModelError, match="--measure agreement: want an output with classes"):
        _by(_one([1.0]), measure="agreement")


def test_names_in_the_order_of_the_classes() -> None:
    assert _by(SHARES, {"label": NAMES}, ("no", "yes")).baseline() == 0.75


def _tries(drops: Sequence[float]) -> Callable[[int], Trial]:
    return lambda worst: Trial(onnx.ModelProto(), frozenset(map(str, range(worst, len(drops)))), drops[worst], 0.0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0, 1))
def test_the_fewest_layers_are_left_float(drops: list[float], bound: float) -> None:
    falling = sorted(drops, reverse=True)
    wanted = next((index for index, drop in enumerate(falling) if drop <= bound), len(drops) - 1)
    assert len(fewest(_tries(falling), len(drops), bound).quantised) == len(drops) - wanted


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0, 1))
def test_what_is_found_holds_the_bound_whatever_the_order(drops: list[float], bound: float) -> None:
    """Layers' errors can cancel out, so that leaving one more float makes it worse: still, nothing over it is taken."""
    found = fewest(_tries(drops), len(drops), bound)
    assert found.drop <= bound or len(found.quantised) == 1


@given(st.integers(0, 100))
def test_calibration_and_measurement_do_not_share_inputs(count: int) -> None:
    feeds = [{"x": np.array([i])} for i in range(count)]
    fit, held = split(feeds)
    assert {*fit.indexes} | {*held.indexes} == {*range(count)}
    assert ({*fit.indexes} & {*held.indexes} == set()) == (count >= MIN_SPLIT or not count)
    assert [feed["x"][0] for feed in held[1:3]] == [*held.indexes][1:3]


@given(st.lists(st.sampled_from(["cat", "dog", "owl"]), min_size=MIN_SPLIT, max_size=60))
def test_each_half_has_half_of_every_class(classes: list[str]) -> None:
    feeds = [{"x": np.array([i])} for i in range(len(classes))]
    halves = split(feeds, classes)
    assert sorted(index for half in halves for index in half.indexes) == [*range(len(classes))]
    for name in {*classes}:
        fit, held = (sum(classes[index] == name for index in half.indexes) for half in halves)
        assert abs(fit - held) <= 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_named(bad: float) -> None:
    feeds = Finite([{"x": np.ones(3)}, {"x": np.array([1.0, bad, 2.0])}], ["a.npz", "b.npz"])
    assert feeds[0]["x"][0] == 1
    with pytest.raises(ModelError, match=f"sample b.npz: input 'x': want finite numbers, found {bad} .1 of 3."):
        feeds[1]
    with pytest.raises(ModelError, match=r"sample b.npz"):
        feeds[1:][0]
