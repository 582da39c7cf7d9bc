"""The client against a real server that misbehaves: no answer kills the worker, and none holds it for long."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from camera_support import METADATA, ModelServer, model_server
from edge_camera.client import InferenceClient, State
from edge_camera.frame import Frame, Stamp
from edge_common.clock import SystemClock

DEADLINE_S = 0.5


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server() as running:
        yield running


@pytest.fixture
def client(server: ModelServer) -> Iterator[InferenceClient]:
    client = InferenceClient(server.url, "square-detector", DEADLINE_S, 640, SystemClock())
    client.prepare()
    yield client
    client.close()


def _frame() -> Frame:
    stamp = Stamp(monotonic=time.monotonic(), wall=time.time(), clock_synced=True)
    return Frame(camera="dock-3", seq=0, pixels=np.zeros((48, 64, 3), np.uint8), stamp=stamp, position_s=0.0)


def test_labels_that_the_model_does_not_have_are_told_once(
    server: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    client = InferenceClient(server.url, "square-detector", DEADLINE_S, 640, SystemClock(), ["square", "parcel"])
    for _ in range(2):
        client.prepare()
    client.close()
    (told,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "wait for parcel," in told and "square, disc" in told


@pytest.mark.parametrize("mode", ["trickled_head", "trickle", "slow"])
def test_the_deadline_bounds_the_whole_exchange(server: ModelServer, client: InferenceClient, mode: str) -> None:
    server.mode = mode
    began = time.monotonic()
    reply = client.ask(_frame())
    assert reply.state is State.TIMEOUT, reply.detail
    assert DEADLINE_S * 0.9 < time.monotonic() - began < 2 * DEADLINE_S
    server.mode = "ok"
    assert client.ask(_frame()).state is State.OK, "the next frame is asked anew"


def test_the_connection_is_kept_and_a_large_answer_read_whole(server: ModelServer, client: InferenceClient) -> None:
    server.mode = "strange"
    count = 20_000
    outputs: list[dict[str, Any]] = [
        {"name": "boxes", "datatype": "FP32", "shape": [count, 4], "data": [1, 1, 2, 2] * count},
        {"name": "scores", "datatype": "FP32", "shape": [count], "data": [0.5] * count},
        {"name": "classes", "datatype": "INT64", "shape": [count], "data": [0] * count},
    ]
    server.strange = json.dumps({"model_version": "1.0.0", "outputs": outputs}).encode(), None
    replies = [client.ask(_frame()) for _ in range(3)]
    assert [(reply.state, len(reply.answers)) for reply in replies] == [(State.OK, 200)] * 3
    assert len(server.connections) == 1


def _one_box(datatype: str, classes: list[Any]) -> bytes:
    outputs = [
        {"name": "boxes", "datatype": "FP32", "shape": [1, 4], "data": [1, 1, 2, 2]},
        {"name": "scores", "datatype": "FP32", "shape": [1], "data": [0.5]},
        {"name": "classes", "datatype": datatype, "shape": [1], "data": classes},
    ]
    return json.dumps({"model_version": "1.0.0", "outputs": outputs}).encode()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(_one_box("FP32", [None]), id="class NaN"),
        pytest.param(_one_box("BYTES", ["disc"]), id="class a text"),
        pytest.param(b'{"model_version": "1", "outputs": [{"data": ' + b"[" * 100_000, id="nested too deep"),
        pytest.param(b'{"model_version": "' + b"1" * 1000 + b'", "outputs": []}', id="version of a thousand digits"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_strange_answer_is_an_error_and_the_worker_goes_on(
    server: ModelServer, client: InferenceClient, body: bytes
) -> None:
    server.mode, server.strange = "strange", (body, None)
    reply = client.ask(_frame())
    assert reply.state is State.ERROR
    assert 0 < len(reply.detail) <= 300
    server.mode = "ok"
    assert client.ask(_frame()).state is State.OK


def test_after_a_rollout_the_metadata_is_read_anew_and_the_frame_answered(
    server: ModelServer, client: InferenceClient
) -> None:
    assert client.ask(_frame()).model_version == "1.0.0"
    server.version = "2.0.0"
    reply = client.ask(_frame())
    assert (reply.state, reply.model_version) == (State.OK, "2.0.0")
    assert client.ask(_frame()).state is State.OK
    assert server.calls.count("GET /v2/models/square-detector") == 2


def test_an_answer_is_never_read_with_another_versions_metadata_and_the_log_is_not_flooded(
    server: ModelServer, client: InferenceClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Two versions behind one address: the new one answers while the old one tells its own labels."""
    caplog.set_level(logging.INFO)
    server.answers_as = "2.0.0"
    for _ in range(5):
        reply = client.ask(_frame())
        assert (reply.state, reply.answers, reply.model_version) == (State.ERROR, (), None)
        assert "2.0.0" in reply.detail and "1.0.0" in reply.detail
    server.version = "2.0.0"
    assert client.ask(_frame()).model_version == "2.0.0"
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["model version 2.0.0"]


def test_strange_metadata_is_an_error_and_read_again(server: ModelServer) -> None:
    parameters = {**METADATA["parameters"], "image_max_side": "²"}
    server.metadata = {**METADATA, "parameters": parameters}
    client = InferenceClient(server.url, "square-detector", DEADLINE_S, 640, SystemClock())
    client.prepare()
    assert client.ask(_frame()).state is State.ERROR
    server.metadata = METADATA
    assert client.ask(_frame()).state is State.OK
    client.close()
