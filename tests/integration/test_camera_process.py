"""The real edge-camera process on a real clip, against a real HTTP server that behaves in many ways."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import urllib3

from camera_support import ModelServer, square_at, write_clip
from process_support import PROGRAM, Outcome, clip_config, command_of, ports_of, read_picture


@pytest.fixture(scope="module")
def short_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "short.mp4", frames=8, fps=30)


def test_a_clip_is_answered_frame_by_frame(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    outcome = Outcome(tmp_path, clip_config(tmp_path, server.url, clip, 'speed = "fast"\nmax_side = 160\n', 5000))
    assert (outcome.totals["captured"], outcome.totals["answered"]) == (30, 30)
    assert [answer["seq"] for answer in outcome.answers] == list(range(30))
    for answer in outcome.answers:
        (found,) = answer["answers"]
        left = square_at(answer["seq"])
        # Sent at half size, so a box is right to about two pixels of the frame.
        assert found["box"] == pytest.approx([left, 100, left + 50, 150], abs=4)
        assert found["label"] == "square"
    assert server.shapes == [[1, 120, 160, 3]] * 30
    assert len(server.connections) == 1, "the connection is kept alive"
    assert all(0 < deadline <= 5000 for deadline in server.deadlines)
    assert [event["kind"] for event in outcome.events] == ["state", "detection", "state", "summary"]
    assert outcome.totals["inference_ms"]["p50"] <= outcome.totals["frame_age_ms"]["p99"]


def test_natural_speed_takes_the_clip_s_own_time(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    outcome = Outcome(tmp_path, clip_config(tmp_path, server.url, clip, deadline_ms=5000))
    assert outcome.totals["captured"] == 30
    window = outcome.events[-1]["summary"]["window_s"]
    assert 0.95 <= window < 5


@pytest.mark.parametrize(
    ("mode", "state"),
    [
        pytest.param("busy", "rejected", id="429"),
        pytest.param("unready", "rejected", id="503"),
        pytest.param("late", "timeout", id="504"),
        pytest.param("slow", "timeout", id="slower than the deadline"),
        pytest.param("trickle", "timeout", id="an answer that never ends"),
        pytest.param("broken", "error", id="500"),
        pytest.param("garbage", "error", id="garbage"),
        pytest.param("hangup", "error", id="connection closed"),
    ],
)
def test_each_failure_ends_as_its_own_state(
    tmp_path: Path, server: ModelServer, short_clip: Path, mode: str, state: str
) -> None:
    server.mode = mode
    outcome = Outcome(tmp_path, clip_config(tmp_path, server.url, short_clip, 'speed = "fast"\n'))
    assert outcome.totals["answered"] == 0
    assert outcome.totals["lost"][state] > 0
    assert outcome.states("detection") <= {state, "stale"}
    assert all(answer["answers"] == [] and answer["state"] != "ok" for answer in outcome.answers)
    assert f"inference is {state}" in outcome.log


def test_an_inference_service_that_is_not_there(tmp_path: Path, short_clip: Path) -> None:
    outcome = Outcome(tmp_path, clip_config(tmp_path, "http://127.0.0.1:1", short_clip, 'speed = "fast"\n'))
    assert outcome.totals["lost"]["error"] == outcome.totals["sent"] == 8
    assert outcome.states("detection") == {"error"}


def test_live_page_streams_metrics_a_model_change_and_sigterm(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    config = clip_config(tmp_path, server.url, clip, "loop = true\n", deadline_ms=5000)
    with subprocess.Popen(command_of(config), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        page, metrics = ports_of(process)
        with urllib3.PoolManager(retries=False, timeout=10) as http:
            stream = http.request("GET", f"http://127.0.0.1:{page}/stream/dock-3", preload_content=False)
            first, second = read_picture(stream), read_picture(stream)
            assert first.shape == (240, 320, 3)
            assert not np.array_equal(first, second), "the picture moves"
            snapshot = http.request("GET", f"http://127.0.0.1:{page}/snapshot/dock-3.jpg")
            assert snapshot.data.startswith(b"\xff\xd8")
            for path in ("live", "ready"):
                assert http.request("GET", f"http://127.0.0.1:{page}/v2/health/{path}").status == 200
            assert b"<title>edge-camera</title>" in http.request("GET", f"http://127.0.0.1:{page}/").data
            server.version = "2.0.0"
            while _status(http, page)["model_version"] != "2.0.0":
                read_picture(stream)
            camera = _status(http, page)
            assert (camera["state"], camera["answer_state"]) == ("ok", "ok")
            assert sum(camera["totals"]["lost"].values()) == 0, "a rollout costs no frame"
            text = http.request("GET", f"http://127.0.0.1:{metrics}/metrics").data.decode()
            assert 'edge_camera_state{camera="dock-3",state="ok"} 1.0' in text
            process.send_signal(signal.SIGTERM)
            output, log = process.communicate(timeout=10)
            stream.close()
    assert process.returncode == 0, log
    kinds = [json.loads(line)["kind"] for line in output.splitlines()]
    assert kinds[-1] == "summary" and kinds.count("state") == 1, "a stop that was asked for is no fault of the camera"
    assert server.calls.count("GET /v2/models/square-detector") == 2


def _status(http: urllib3.PoolManager, port: int) -> dict[str, Any]:
    document: dict[str, Any] = http.request("GET", f"http://127.0.0.1:{port}/status").json()
    return document["cameras"][0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["missing.toml"], ["missing.toml", "no such file"], id="no config"),
        pytest.param(["cameras.toml", "--port", "99999"], ["--port='99999'"], id="bad flag"),
        pytest.param(["cameras.toml", "--answers", "/nowhere/a"], ["--answers", "/nowhere/a"], id="answers"),
        pytest.param(["cameras.toml", "--report", "/nowhere/r"], ["--report", "/nowhere/r"], id="report"),
        pytest.param(["cameras.toml"], ["camera dock-3: url:", "gone.mp4"], id="no clip"),
    ],
)
def test_what_stops_a_start_is_one_line_and_exit_code_2(tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    clip_config(tmp_path, "http://127.0.0.1:1", tmp_path / "gone.mp4")
    done = subprocess.run([PROGRAM, *arguments], cwd=tmp_path, capture_output=True, timeout=20, check=False)
    text = done.stderr.decode()
    assert done.returncode == 2
    assert text.startswith("edge-camera: ")
    assert text.count("\n") == 1
    assert all(word in text for word in words)


def test_a_taken_port_stops_the_start(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    config = clip_config(tmp_path, server.url, clip)
    command = [PROGRAM, str(config), "--host", "127.0.0.1", "--port", str(server.server_address[1])]
    done = subprocess.run(command, capture_output=True, timeout=20, check=False)
    assert done.returncode == 2
    assert f"127.0.0.1:{server.server_address[1]}" in done.stderr.decode()
