"""A prepared graph answers as pre-processing, model and post-processing one after the other do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edge_common.tensors import TensorSpec
from edgectl.model.convert.run import convert
from edgectl.model.errors import ModelError
from edgectl.model.prepare.declaration import Declaration
from edgectl.model.prepare.reference import Prepared
from edgectl.model.prepare.run import prepare, tensors
from model_graphs_before import LEVELS, info, model_of, network, session, showing

INTERPOLATIONS = ["cv2-linear", "cv2-cubic", "cv2-nearest", "pil-bilinear", "pil-bicubic", "tf-bilinear"]
RGB = TensorSpec("x", "FP32", (-1, 3, 8, 8))


class Plain:
    """An Original that is a graph already."""

    framework, tools = "onnx", {"onnx": onnx.__version__}

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model, self._session = model, session(model)
        self.inputs = tuple(tensors(model.graph.input))

    def convert(self) -> onnx.ModelProto:
        return self._model

    def predict(self, feed: Mapping[str, Any]) -> dict[str, Any]:
        names = [value.name for value in self._session.get_outputs()]
        return dict(zip(names, self._session.run(names, dict(feed)), strict=True))


def declared(**tables: Any) -> Declaration:
    return msgspec.convert(tables, Declaration)


def picture(interpolation: str = "cv2-linear", **keys: Any) -> dict[str, Any]:
    return {"resize": "letterbox", "interpolation": interpolation, **keys}


def ends(model: onnx.ModelProto) -> tuple[list[str], list[str]]:
    return [value.name for value in model.graph.input], [value.name for value in model.graph.output]


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_the_whole_answers_as_the_parts_do(interpolation: str, layout: str) -> None:
    """Also where the model begins with a Transpose, which ONNX Runtime's default level moves about."""
    softmax = {"classes": {"from": "scores", "activation": "softmax"}}
    declaration = declared(input=picture(interpolation, range=[0, 1]), output=softmax)
    reference = Prepared(Plain(network(layout)), declaration, ("a", "b", "c", "d"))
    graph = reference.convert()
    assert [(spec.name, spec.shape) for spec in reference.inputs] == [("image", (1, -1, -1, 3))]
    for size in ((33, 77), (5, 16), (90, 20)):
        image = np.random.default_rng(1).integers(0, 256, (1, *size, 3), dtype=np.uint8)
        wanted = reference.predict({"image": image})
        for level in LEVELS:
            probabilities, label = session(graph, level).run(["probabilities", "label"], {"image": image})
            np.testing.assert_allclose(probabilities, wanted["probabilities"], atol=5e-3)
            np.testing.assert_array_equal(label, wanted["label"])


def test_a_free_batch_stays_free_where_frames_are_stretched() -> None:
    declaration = declared(input=picture(resize="stretch", range=[0, 1]))
    reference = Prepared(Plain(network("NHWC")), declaration, ())
    image = np.random.default_rng(2).integers(0, 256, (3, 20, 30, 3), dtype=np.uint8)
    found = session(reference.convert()).run(["scores"], {"image": image})[0]
    np.testing.assert_allclose(found, reference.predict({"image": image})["scores"], atol=5e-2)
    assert found.shape == (3, 4)


def test_only_what_is_asked_for_is_left() -> None:
    output = {"classes": {"from": "scores"}, "keep": ["spare"]}
    graph = prepare(network("NCHW"), declared(input=picture(), output=output), ())
    assert ends(graph) == (["image"], ["probabilities", "label", "spare"])
    # Nobody asks for the geometry, nor for what it is computed of.
    assert "before/scale" not in {name for node in graph.graph.node for name in node.output}
    assert {entry.domain: entry.version for entry in graph.opset_import} == {"": 18}
    assert len(graph.opset_import) == 1


def test_without_output_all_of_the_models_stay() -> None:
    assert ends(prepare(network("NCHW"), declared(input=picture()), ())) == (["image"], ["scores", "spare"])


def test_without_input_the_models_stay() -> None:
    graph = prepare(network("NCHW"), declared(output={"classes": {"from": "scores"}}), ())
    assert ends(graph) == (["x"], ["probabilities", "label"])


def test_the_model_itself_stays_as_it_is() -> None:
    model = network("NCHW")
    before = model.SerializeToString()
    prepare(model, declared(input=picture(), output={"classes": {"from": "scores"}}), ())
    assert model.SerializeToString() == before


def test_one_of_several_inputs_is_fed() -> None:
    model = showing(RGB, TensorSpec("age", "FP32", (-1, 1)))
    with pytest.raises(ModelError, match=r"input.name: want one of the model's inputs \['x', 'age'\], found nothing"):
        prepare(model, declared(input=picture()), ())
    graph = prepare(model, declared(input=picture(name="x")), ())
    assert ends(graph) == (["image", "age"], ["seen_x", "seen_age"])


@pytest.mark.parametrize("name", ["image", "tensor", "scale", "before/tensor", "shape.0.0"])
def test_no_name_of_the_models_is_in_the_way(name: str) -> None:
    graph = prepare(showing(TensorSpec(name, "FP32", (1, 3, 8, 8))), declared(input=picture()), ())
    image = np.full((1, 4, 4, 3), 9, np.uint8)
    assert (session(graph).run(None, {"image": image})[0] == 9).all()


def test_two_inputs_of_one_name_are_refused() -> None:
    model = showing(RGB, TensorSpec("image", "FP32", (-1, 1)))
    with pytest.raises(ModelError, match="found 'image' twice; rename the model's"):
        prepare(model, declared(input=picture(name="x")), ())


def test_numbers_keep_their_inputs_name() -> None:
    declaration = declared(input={"kind": "tensor", "mean": [1, 2], "std": [2, 4]})
    graph = prepare(showing(TensorSpec("x", "FP32", (-1, 2))), declaration, ())
    assert ends(graph) == (["x"], ["seen_x"])
    assert session(graph).run(None, {"x": np.array([[5, 10]], np.float32)})[0].tolist() == [[2, 2]]


@pytest.mark.parametrize(("opset", "found"), [(11, 18), (18, 18), (21, 21)])
def test_an_older_graph_is_raised_and_a_newer_one_stays(opset: int, found: int) -> None:
    graph = prepare(showing(RGB, opset=opset), declared(input=picture()), ())
    assert [entry.version for entry in graph.opset_import] == [found]
    onnx.checker.check_model(graph, full_check=True)
    image = np.full((1, 4, 4, 3), 9, np.uint8)
    assert (session(graph).run(None, {"image": image})[0] == 9).all()


def test_what_was_prepared_can_be_prepared_again() -> None:
    once = prepare(network("NCHW"), declared(input=picture()), ())
    graph = prepare(once, declared(output={"classes": {"from": "scores"}}), ())
    assert ends(graph) == (["image"], ["probabilities", "label"])
    session(graph)


def test_a_branch_that_reads_from_around_it_keeps_what_it_reads() -> None:
    """What only the inside of an If uses must not be trimmed."""
    same = [helper.make_node("Identity", ["doubled"], ["then"])]
    minus = [helper.make_node("Neg", ["doubled"], ["else"])]
    branches = {
        f"{name}_branch": helper.make_graph(nodes, name, [], [info(TensorSpec(name, "FP32", RGB.shape))])
        for name, nodes in (("then", same), ("else", minus))
    }
    nodes = [
        helper.make_node("Add", ["x", "x"], ["doubled"]),
        helper.make_node("If", ["flag"], ["y"], **branches),
    ]
    inputs = [info(RGB), info(TensorSpec("flag", "BOOL", ()))]
    model = model_of(nodes, inputs, [info(TensorSpec("y", "FP32", RGB.shape))])
    graph = prepare(model, declared(input=picture(name="x")), ())
    image = np.full((1, 8, 8, 3), 9, np.uint8)
    assert (session(graph).run(None, {"image": image, "flag": np.array(False)})[0] == -18).all()


def test_the_reference_is_of_the_originals_inputs() -> None:
    with pytest.raises(ModelError, match=r"input\.name: want an input of the model"):
        Prepared(Plain(showing(RGB)), declared(input=picture(name="y")), ())
    assert Prepared(Plain(showing(RGB)), declared(input=picture()), ()).framework == "onnx"
    assert convert(Prepared(Plain(showing(RGB)), declared(input=picture()), ())).graph.input[0].name == "image"


@pytest.mark.parametrize(
    ("keys", "box"),
    [
        pytest.param({"resize": "letterbox"}, [0, 0, 128, 64], id="letterbox"),
        pytest.param({"resize": "letterbox", "place": "corner"}, [0, 32, 128, 64], id="corner"),
        pytest.param({"resize": "stretch"}, [0, 16, 128, 48], id="stretch"),
        pytest.param({"resize": "crop"}, [32, 16, 96, 48], id="crop"),
    ],
)
def test_boxes_lie_in_the_pixels_that_were_sent(keys: dict[str, str], box: list[int]) -> None:
    """A YOLO that sees one box, 64 x 32 in the middle of its 64 x 64; the frame is 128 x 64."""
    raw = np.array([32, 32, 64, 32, 0.9], np.float32).reshape(1, 5, 1)
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["brightest"], keepdims=0),
        helper.make_node("Mul", ["brightest", "none"], ["nought"]),
        helper.make_node("Add", ["raw", "nought"], ["y"]),
    ]
    constants = [numpy_helper.from_array(raw, "raw"), numpy_helper.from_array(np.array(0, np.float32), "none")]
    outputs = [info(TensorSpec("y", "FP32", (1, 5, 1)))]
    model = model_of(nodes, [info(TensorSpec("x", "FP32", (-1, 3, 64, 64)))], outputs, constants)
    declaration = declared(input=picture(**keys), output={"boxes": {"style": "yolo-v8"}})
    reference = Prepared(Plain(model), declaration, ())
    image = np.zeros((1, 64, 128, 3), np.uint8)
    boxes, classes = session(reference.convert()).run(["boxes", "classes"], {"image": image})
    np.testing.assert_allclose(boxes, [box], atol=1e-4)
    np.testing.assert_allclose(reference.predict({"image": image})["boxes"], [box], atol=1e-4)
    assert classes.tolist() == [0]


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
def test_a_mask_lies_over_the_pixels_that_were_sent(resize: str) -> None:
    """A network that says class 1 of what is bright; the frame's right half is."""
    nodes = [
        helper.make_node("ReduceMean", ["x", "channels"], ["bright"], keepdims=1),
        helper.make_node("Neg", ["bright"], ["dark"]),
        helper.make_node("Concat", ["dark", "bright"], ["y"], axis=1),
    ]
    constants = [numpy_helper.from_array(np.array([1]), "channels")]
    shape = (-1, 3, 32, 32)
    outputs = [info(TensorSpec("y", "FP32", (-1, 2, 32, 32)))]
    model = model_of(nodes, [info(TensorSpec("x", "FP32", shape))], outputs, constants)
    keys: dict[str, Any] = {"range": [-1, 1], "pad": [255]} if resize == "letterbox" else {"range": [-1, 1]}
    declaration = declared(input=picture(resize=resize, **keys), output={"mask": {}})
    reference = Prepared(Plain(model), declaration, ())
    image = np.zeros((1, 48, 96, 3), np.uint8)
    image[:, :, 48:] = 255
    mask = session(reference.convert()).run(["mask"], {"image": image})[0]
    np.testing.assert_array_equal(mask, image[..., 0] // 255)
    np.testing.assert_array_equal(reference.predict({"image": image})["mask"], mask)
