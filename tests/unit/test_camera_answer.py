"""Model metadata and replies: what is read, and what is refused with a reason."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camera_support import METADATA
from edge_camera.answer import MAX_ANSWERS, Outputs, read_answers
from edge_camera.card import AnswerError, Card, read_card
from edge_camera.wire import decode_reply, encode_request
from edge_common.tensors import DTYPES


def _metadata(**parameters: str) -> bytes:
    return json.dumps({**METADATA, "parameters": {**METADATA["parameters"], **parameters}}).encode()


def _card() -> Card:
    return read_card(_metadata())


def _outputs(boxes: Any, scores: Any, classes: Any) -> dict[str, Any]:
    return {
        "boxes": np.array(boxes, np.float32),
        "scores": np.array(scores, np.float32),
        "classes": np.array(classes, np.int64),
    }


def test_card_of_a_detector() -> None:
    card = _card()
    assert card.outputs == ["boxes", "scores", "classes"]
    assert (card.max_side, card.batched, card.labels, card.version) == (640, True, ("square", "disc"), "1.0.0")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"{}", "model metadata", id="not metadata"),
        pytest.param(b"<html>", "model metadata", id="not json"),
        pytest.param(_metadata(task="tabular"), "want task detection", id="tabular"),
        pytest.param(_metadata(image_input="pixels"), "want an image input", id="no such input"),
        pytest.param(_metadata(answer_boxes="rects"), "answer_boxes", id="no such output"),
        pytest.param(_metadata(image_max_side="²"), "image_max_side: want 1 to 999999", id="a digit that is no number"),
        pytest.param(_metadata(image_max_side="9" * 5000), "image_max_side", id="more digits than int() takes"),
        pytest.param(_metadata(image_max_side="0"), "image_max_side", id="no side at all"),
        pytest.param(b'{"name": "\xff"}', "model metadata", id="not UTF-8"),
        pytest.param(b'{"x": ' + b"[" * 100_000, "model metadata", id="nested too deep"),
    ],
)
def test_metadata_that_cannot_be_used(body: bytes, words: str) -> None:
    with pytest.raises(AnswerError, match=words):
        read_card(body)


def test_boxes_are_scaled_to_the_frame_cut_at_its_edge_and_sorted_by_score() -> None:
    outputs = _outputs([[10, 20, 30, 40], [-4, 0, 400, 10]], [0.5, 0.75], [1, 0])
    answers = read_answers(_card(), outputs, scale=0.5, size=(640, 480))
    assert [(a.label, a.score, a.box) for a in answers] == [
        ("square", 0.75, (0.0, 0.0, 640.0, 20.0)),
        ("disc", 0.5, (20.0, 40.0, 60.0, 80.0)),
    ]


def test_a_leading_batch_of_one_and_an_unknown_class() -> None:
    outputs = _outputs([[[1, 1, 2, 2], [1, 1, 2, 2]]], [[0.25, 0.5]], [[7, 0]])
    assert [a.label for a in read_answers(_card(), outputs, 1.0, (9, 9))] == ["square", "class 7"]


def test_classes_as_floats_and_boxes_as_whole_numbers_are_read() -> None:
    outputs = {
        "boxes": np.array([[1, 1, 2, 2]]),
        "scores": np.array([0.5], np.float16),
        "classes": np.array([1.0], np.float32),
    }
    assert [(a.label, a.box) for a in read_answers(_card(), outputs, 1.0, (9, 9))] == [("disc", (1.0, 1.0, 2.0, 2.0))]


def test_a_label_may_hold_a_comma() -> None:
    assert read_card(_metadata(labels="box, torn\nbox, wet")).labels == ("box, torn", "box, wet")


def test_a_box_far_outside_is_cut_at_the_edge() -> None:
    outputs = _outputs([[0, 0, 0, 0]], [0.5], [1]) | {"boxes": np.array([[-1e308, 0, 1e308, 3]])}
    assert [a.box for a in read_answers(_card(), outputs, 0.001, (640, 480))] == [(0.0, 0.0, 640.0, 480.0)]


def test_nothing_seen_is_an_empty_list() -> None:
    assert read_answers(_card(), _outputs(np.zeros((0, 4)), [], []), 1.0, (9, 9)) == []


def test_answers_are_bounded() -> None:
    count = MAX_ANSWERS + 50
    outputs = _outputs(np.ones((count, 4)), np.ones(count), np.zeros(count))
    assert len(read_answers(_card(), outputs, 1.0, (9, 9))) == MAX_ANSWERS


def _but(**arrays: Any) -> Outputs:
    """One good box, with some outputs replaced."""
    return _outputs([[1, 1, 2, 2]], [0.5], [1]) | {name: np.array(array) for name, array in arrays.items()}


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        pytest.param({"boxes": np.zeros((0, 4))}, "want outputs", id="missing output"),
        pytest.param(_outputs([[1, 1, 2, 2]], [0.5, 0.5], [1, 1]), "2 scores, 2 classes", id="counts differ"),
        pytest.param(_outputs(np.ones((4, 2)), [0.5, 0.5], [1, 1]), "boxes", id="boxes on their side"),
        pytest.param(_outputs(np.ones((2, 2, 2)), [0.5, 0.5], [1, 1]), "boxes: want 2 axes", id="boxes of three axes"),
        pytest.param(_but(classes=[np.nan]), "classes: want finite", id="class NaN"),
        pytest.param(_but(classes=[np.inf]), "classes: want finite", id="class infinite"),
        pytest.param(_but(classes=[0.5]), "classes: want whole", id="class a fraction"),
        pytest.param(_but(classes=np.array(["disc"], object)), "classes: want numbers", id="class a text"),
        pytest.param(_but(scores=np.array(["0.5"], object)), "scores: want numbers", id="score a text"),
        pytest.param(_but(scores=[True]), "scores: want numbers", id="score a bool"),
        pytest.param(_but(scores=[1]), "scores: want numbers", id="score a whole number"),
        pytest.param(_but(scores=[np.nan]), "scores: want finite", id="score NaN"),
        pytest.param(_but(scores=0.5), "scores: want 1 axes", id="score a scalar"),
        pytest.param(_but(boxes=[[1, 1, np.inf, 2]]), "boxes: want finite", id="box infinite"),
    ],
)
def test_outputs_that_do_not_fit_are_an_error(outputs: Outputs, words: str) -> None:
    with pytest.raises(AnswerError, match=f"^reply: .*{words}"):
        read_answers(_card(), outputs, 1.0, (9, 9))


def test_classification_answers_with_the_best_label_and_no_box() -> None:
    document = {
        **METADATA,
        "outputs": [{"name": "p", "datatype": "FP32", "shape": [-1, 2]}],
        "parameters": {
            "task": "classification",
            "image_input": "image",
            "answer_probabilities": "p",
            "labels": "ok\ntorn",
        },
    }
    card = read_card(json.dumps(document).encode())
    answers = read_answers(card, {"p": np.array([[0.25, 0.75]])}, 1.0, (9, 9))
    assert [(a.label, a.score, a.box) for a in answers] == [("torn", 0.75, None)]


def test_request_carries_the_pixels_as_they_are() -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    headers, parts = encode_request(_card(), pixels)
    length = int(headers["Inference-Header-Content-Length"])
    body = b"".join(parts)
    assert len(body) == int(headers["Content-Length"])
    head = json.loads(body[:length])
    assert head["inputs"][0]["shape"] == [1, 2, 3, 3]
    assert body[length:] == pixels.tobytes()


def _reply(outputs: list[dict[str, Any]], tail: bytes = b"") -> tuple[bytes, str]:
    head = json.dumps({"model_name": "m", "model_version": "2", "outputs": outputs}).encode()
    return head + tail, str(len(head))


def test_reply_with_json_and_binary_outputs() -> None:
    tail = np.array([1, 2], "<i8").tobytes()
    body, length = _reply(
        [
            {"name": "a", "datatype": "FP32", "shape": [1, 2], "data": [0.5, None]},
            {"name": "b", "datatype": "INT64", "shape": [2], "parameters": {"binary_data_size": 16}},
        ],
        tail,
    )
    version, arrays = decode_reply(body, length)
    assert version == "2"
    assert np.array_equal(arrays["a"], np.array([[0.5, np.nan]], np.float32), equal_nan=True)
    assert arrays["b"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("output", "tail"),
    [
        pytest.param({"name": "a", "datatype": "FP32", "shape": [2]}, b"", id="no data"),
        pytest.param({"name": "a", "datatype": "FP99", "shape": [0], "data": []}, b"", id="datatype"),
        pytest.param({"name": "a", "datatype": "FP32", "shape": [-1], "data": []}, b"", id="negative"),
        pytest.param(
            {"name": "a", "datatype": "FP32", "shape": [2**40], "parameters": {"binary_data_size": 4}},
            b"abcd",
            id="huge shape",
        ),
        pytest.param(
            {"name": "a", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}},
            b"abcd",
            id="tail too short",
        ),
        pytest.param({"name": "a", "datatype": "FP32", "shape": [0], "data": []}, b"x", id="trailing byte"),
        pytest.param(
            {"name": "a", "datatype": "BF16", "shape": [1], "parameters": {"binary_data_size": 2}},
            b"ab",
            id="BF16, whose bits would pass as whole numbers",
        ),
        pytest.param({"name": "a", "datatype": "FP16", "shape": [1], "data": [1]}, b"", id="FP16 as JSON"),
        pytest.param({"name": "a", "datatype": "BYTES", "shape": [1], "data": ["x"]}, b"", id="text"),
        pytest.param({"name": "a", "datatype": "BOOL", "shape": [1], "data": [True]}, b"", id="bool"),
        pytest.param({"name": "a", "datatype": "FP32", "shape": [1] * 65, "data": [1]}, b"", id="more axes than numpy"),
    ],
)
def test_replies_that_lie_are_refused(output: dict[str, Any], tail: bytes) -> None:
    with pytest.raises(AnswerError, match="reply"):
        decode_reply(*_reply([output], tail))


def test_an_output_that_comes_twice_is_refused() -> None:
    output = {"name": "a", "datatype": "FP32", "shape": [1], "data": [1]}
    with pytest.raises(AnswerError, match="found it twice"):
        decode_reply(*_reply([output, output]))


@given(st.binary(max_size=200), st.one_of(st.none(), st.text(max_size=8), st.integers(0, 300).map(str)))
def test_random_bytes_never_raise_anything_else(body: bytes, length: str | None) -> None:
    with pytest.raises(AnswerError):
        decode_reply(body, length)
    with pytest.raises(AnswerError):
        read_card(body)


ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
DATATYPES = st.sampled_from([*DTYPES, "FP8", ""])
EXTENTS = st.integers(0, 4) | st.sampled_from([-1, 2**40, 2**63])


@st.composite
def _strange_outputs(draw: st.DrawFn) -> tuple[list[dict[str, Any]], bytes]:
    """The three outputs of a detector, some of them sound, and a tail that may fit."""
    count, outputs, tail = draw(st.integers(0, 3)), [], b""
    for name, shape in (("boxes", [count, 4]), ("scores", [count]), ("classes", [count])):
        datatype = draw(DATATYPES)
        output: dict[str, Any] = {"name": name, "datatype": datatype}
        output["shape"] = draw(st.just(shape) | st.lists(EXTENTS, max_size=3))
        size = int(np.prod(shape)) * DTYPES.get(datatype, np.dtype(np.uint8)).itemsize
        if draw(st.booleans()):
            output["parameters"] = {"binary_data_size": draw(st.just(size) | st.integers(-1, 99))}
            tail += draw(st.binary(min_size=size, max_size=size))
        else:
            output["data"] = draw(ANY_JSON | st.lists(st.floats(0, 9), min_size=size, max_size=size))
        outputs.append(output)
    return outputs, tail


@pytest.mark.no_cover  # thousands of times lines that other tests measure
@given(_strange_outputs())
@settings(max_examples=400)
def test_a_strange_reply_is_read_or_refused_and_never_raises_anything_else(
    strange: tuple[list[dict[str, Any]], bytes],
) -> None:
    with suppress(AnswerError):
        _, outputs = decode_reply(*_reply(*strange))
        for answer in read_answers(_card(), outputs, 0.5, (64, 48)):
            assert answer.box is not None and np.isfinite([answer.score, *answer.box]).all()


@pytest.mark.no_cover  # thousands of times lines that other tests measure
@given(st.dictionaries(st.sampled_from(list(METADATA["parameters"])), ANY_JSON), ANY_JSON)
def test_strange_metadata_is_read_or_refused_and_never_raises_anything_else(
    parameters: dict[str, Any], shape: Any
) -> None:
    document = {**METADATA, "parameters": {**METADATA["parameters"], **parameters}}
    with suppress(AnswerError):
        assert read_card(json.dumps(document).encode()).outputs
    document["inputs"] = [{"name": "image", "datatype": "UINT8", "shape": shape}]
    with suppress(AnswerError):
        assert read_card(json.dumps(document).encode()).outputs
