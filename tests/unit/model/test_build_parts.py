"""The parts of a build that no recipe reaches alone: a wrong conversion, remembered answers, steady golden samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

import model_graphs_quantise as graphs
import onnx_models
from edge_common.manifest import Answer
from edge_common.tensors import Array
from edgectl.bundle.session import Model
from edgectl.model.build.recipe import Golden, read_recipe
from edgectl.model.build.remembered import Remembered
from edgectl.model.build.run import make, opened
from edgectl.model.build.samples import Made
from edgectl.model.build.steady import golden_feeds, margin
from edgectl.model.build.step import BoundPassed
from edgectl.model.build.work import Work
from edgectl.model.data import Dataset
from edgectl.model.errors import ModelError
from edgectl.model.verify.bounds import Bounds
from edgectl.model.verify.run import verify

RECIPE = (
    'name = "m"\nversion = "1.0.0"\ntask = "classification"\nlabels = ["a", "b", "c", "d"]\n'
    '[source]\nmodel = "model.onnx"\n[data]\nverify = "held-out.npz"\n[bench]\nseconds = 0.02\n'
)


class Wrong(Remembered):
    """An original whose converter gets one weight wrong."""

    def convert(self) -> onnx.ModelProto:
        model = super().convert()
        (bias,) = (tensor for tensor in model.graph.initializer if list(tensor.dims) == [4])
        changed = numpy_helper.to_array(bias) + np.array([0, 0, 0.1, 0], np.float32)
        bias.CopyFrom(numpy_helper.from_array(changed, bias.name))
        return model


def test_a_wrong_conversion_stops_the_build(tmp_path: Path) -> None:
    graphs.cnn(tmp_path / "model.onnx")
    x, truth = graphs.quadrants(40, 3)
    np.savez(tmp_path / "held-out.npz", x=x, labels=truth)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    recipe = read_recipe(tmp_path / "recipe.toml")
    said: list[str] = []
    work = Work(tmp_path / "recipe.toml", recipe, tmp_path, said.append)
    with pytest.raises(BoundPassed, match="converted: 'probabilities': want a difference"):
        make(work, Wrong(opened(recipe)))
    assert len(said) == len(work.steps) == 1 and said[0].startswith("converted: ")


class Counted:
    """An original that counts how often it is asked."""

    framework, inputs, tools = "counted", (), {"counted": "1"}

    def __init__(self) -> None:
        self.asked = 0

    def convert(self) -> onnx.ModelProto:
        raise ModelError("nothing to convert")

    def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        self.asked += bool(feed)
        return {"y": np.array([self.asked])}


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["f4", "f8", "i4"]), st.sampled_from("xz")), max_size=12))
def test_each_feed_is_computed_once(asked: list[tuple[int, str, str]]) -> None:
    original, seen = Counted(), dict[tuple[int, str, str], int]()
    remembered = Remembered(original)
    assert remembered.p50_ms is None and remembered.tools == {"counted": "1"}
    for value, dtype, name in asked:
        (got,) = remembered.predict({name: np.full((2, 1), value, dtype)})["y"].tolist()
        assert got == seen.setdefault((value, dtype, name), got)
    assert original.asked == len(seen) and (remembered.p50_ms is None) == (not asked)


def test_text_is_told_apart_by_what_it_says() -> None:
    original = Counted()
    remembered = Remembered(original)
    for text in ("pump", "".join(["pu", "mp"]), "valve"):
        remembered.predict({"text": np.array([text], object)})
    assert original.asked == 2


@pytest.mark.parametrize(
    ("answer", "outputs", "wanted"),
    [
        pytest.param(Answer(probabilities="p"), {"p": [[0.1, 0.5, 0.4]]}, 0.1, id="shares"),
        pytest.param(Answer(probabilities="p"), {"p": [[0.9, 0.1], [0.45, 0.55]]}, 0.1, id="nearest-row"),
        pytest.param(Answer(probabilities="p"), {"p": [[0.7]]}, np.inf, id="one-column"),
        pytest.param(Answer(score="s"), {"s": [0.3, -0.1], "threshold": [0.0]}, 0.1, id="anomaly"),
        pytest.param(Answer(score="s"), {"s": [0.3]}, np.inf, id="score-without-threshold"),
        pytest.param(Answer(mask="m"), {"m": [[[0, 1]]]}, np.inf, id="mask"),
        pytest.param(Answer(), {"y": [0.0]}, np.inf, id="tensor"),
    ],
)
def test_how_far_another_class_is(answer: Answer, outputs: dict[str, Any], wanted: float) -> None:
    arrays = {name: np.array(values, np.float32) for name, values in outputs.items()}
    assert margin(answer, arrays) == pytest.approx(wanted, abs=1e-6)


def test_golden_samples_are_those_that_rounding_does_not_turn(tmp_path: Path) -> None:
    # Of x, the class is the larger of the two numbers; every other sample is nearly a tie.
    node = onnx.helper.make_node("Softmax", ["x"], ["probabilities"])
    shape: onnx_models.Dims = ["N", 2]
    path = onnx_models.save(
        tmp_path / "m.onnx", [node], [("x", onnx_models.FLOAT, shape)], [("probabilities", onnx_models.FLOAT, shape)]
    )
    graph, answer = Model(path), Answer(probabilities="probabilities")
    feeds = [{"x": np.array([[0, 0.001 if i % 2 else 2 + i]], np.float32)} for i in range(10)]
    dataset = Dataset(feeds, [str(i) for i in range(10)], 10)
    original = Remembered(Exact(graph))
    verdict = verify(original, path, dataset, Bounds(), answer, "classification")
    chosen = golden_feeds(graph, verdict, answer, Golden(samples=3, atol=0.01))
    assert len(chosen) == 3 and all(feed["x"][0, 1] >= 2 for feed in chosen)
    ties = Dataset([feeds[1], feeds[3]], ["a", "b"], 2)
    verdict = verify(original, path, ties, Bounds(), answer, "classification")
    assert len(golden_feeds(graph, verdict, answer, Golden(samples=3, atol=0.01))) == 2


class Exact:
    """The graph itself as the original."""

    framework, tools = "onnx", dict[str, str]()

    def __init__(self, graph: Model) -> None:
        self.inputs, self.predict = graph.inputs, graph.run

    def convert(self) -> onnx.ModelProto:
        raise ModelError("it is a graph already")


def test_feeds_are_made_when_asked_for() -> None:
    asked: list[int] = []

    def made(feed: Mapping[str, Array]) -> Mapping[str, Array]:
        asked.append(int(feed["x"]))
        return {"y": feed["x"] + 1}

    feeds = Made([{"x": np.array(i)} for i in range(5)], made)
    assert len(feeds) == 5 and not asked
    assert int(feeds[2]["y"]) == 3 and [int(feed["y"]) for feed in feeds[3:]] == [4, 5]
    assert asked == [2, 3, 4]


def test_paths_of_a_recipe_are_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('card = "card.md"\nbundle = "."\n' + RECIPE)
    recipe = read_recipe(path)
    assert (recipe.card, recipe.bundle) == (str(tmp_path / "card.md"), str(tmp_path))
    assert (recipe.source.model, recipe.data.verify) == (str(tmp_path / "model.onnx"), str(tmp_path / "held-out.npz"))
    path.write_text(RECIPE.replace('"model.onnx"', '"nets:make"'))
    assert read_recipe(path).source.model == "nets:make" and read_recipe(path).bundle == str(tmp_path / "m")
