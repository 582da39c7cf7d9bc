"""Model metadata and replies: what is read, and what is refused with a reason."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camera_support import METADATA
from edge_camera.answer import MAX_ANSWERS, AnswerError, Card, read_answers, read_card
from edge_camera.wire import decode_reply, encode_request


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


def test_a_leading_batch_of_one_an_unknown_class_and_nan() -> None:
    outputs = _outputs([[[1, 1, 2, 2], [1, 1, 2, 2]]], [[0.5, np.nan]], [[7, 0]])
    assert [a.label for a in read_answers(_card(), outputs, 1.0, (9, 9))] == ["class 7"]


def test_nothing_seen_is_an_empty_list() -> None:
    assert read_answers(_card(), _outputs(np.zeros((0, 4)), [], []), 1.0, (9, 9)) == []


def test_answers_are_bounded() -> None:
    count = MAX_ANSWERS + 50
    outputs = _outputs(np.ones((count, 4)), np.ones(count), np.zeros(count))
    assert len(read_answers(_card(), outputs, 1.0, (9, 9))) == MAX_ANSWERS


@pytest.mark.parametrize(
    "outputs",
    [
        pytest.param({"boxes": np.zeros((0, 4))}, id="missing output"),
        pytest.param(_outputs([[1, 1, 2, 2]], [0.5, 0.5], [1, 1]), id="counts differ"),
    ],
)
def test_outputs_that_do_not_fit_are_an_error(outputs: dict[str, Any]) -> None:
    with pytest.raises(AnswerError, match="reply"):
        read_answers(_card(), outputs, 1.0, (9, 9))


def test_classification_answers_with_the_best_label_and_no_box() -> None:
    document = {
        **METADATA,
        "outputs": [{"name": "p", "datatype": "FP32", "shape": [-1, 2]}],
        "parameters": {
            "task": "classification",
            "image_input": "image",
            "answer_probabilities": "p",
            "labels": "ok,torn",
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
    ],
)
def test_replies_that_lie_are_refused(output: dict[str, Any], tail: bytes) -> None:
    with pytest.raises(AnswerError, match="reply"):
        decode_reply(*_reply([output], tail))


@given(st.binary(max_size=200), st.one_of(st.none(), st.text(max_size=8), st.integers(0, 300).map(str)))
def test_random_bytes_never_raise_anything_else(body: bytes, length: str | None) -> None:
    with pytest.raises(AnswerError):
        decode_reply(body, length)
