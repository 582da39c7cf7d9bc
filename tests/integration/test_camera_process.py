"""The real edge-camera process on a real clip, against a real HTTP server that behaves in many ways."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import urllib3
from jsonschema import Draft202012Validator

from camera_support import ModelServer, model_server, square_at, write_clip
from live import until

PROGRAM = str(Path(sys.executable).with_name("edge-camera"))
SCHEMA = json.loads((Path(__file__).parents[2] / "docs/event.schema.json").read_text())


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "square.mp4", frames=30, fps=30)


@pytest.fixture(scope="module")
def short_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "short.mp4", frames=8, fps=30)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server() as running:
        yield running


def _config(folder: Path, url: str, clip: Path, extra: str = "", deadline_ms: int = 300) -> Path:
    path = folder / "cameras.toml"
    path.write_text(
        f'[inference]\nurl = "{url}"\nmodel = "square-detector"\ndeadline_ms = {deadline_ms}\n'
        f'[[camera]]\nname = "dock-3"\nurl = "{clip}"\nfps = 240\n{extra}[sinks]\nstdout = true\n'
    )
    return path


def _command(config: Path, *more: str) -> list[str]:
    return [PROGRAM, str(config), "--host", "127.0.0.1", "--port", "0", "--metrics-port", "0", *more]


class Outcome:
    """What a run to the end left behind; every event is checked against the schema, and the books."""

    def __init__(self, folder: Path, config: Path) -> None:
        report, answers = folder / "report.json", folder / "answers.jsonl"
        command = _command(config, "--exit-at-end", "true", "--report", str(report), "--answers", str(answers))
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
        self.log = done.stderr.decode()
        assert done.returncode == 0, self.log
        self.events = [json.loads(line) for line in done.stdout.splitlines()]
        for event in self.events:
            Draft202012Validator(SCHEMA).validate(event)
        self.answers = [json.loads(line) for line in answers.read_text().splitlines()]
        self.totals: dict[str, Any] = json.loads(report.read_text())["cameras"]["dock-3"]
        lost = sum(count for cause, count in self.totals["lost"].items() if cause != "decode")
        assert self.totals["captured"] == sum(self.totals[key] for key in ("replaced", "motion", "fps", "sent"))
        assert self.totals["sent"] == self.totals["answered"] + lost == len(self.answers)

    def states(self, kind: str) -> set[str]:
        return {event["state"] for event in self.events if event["kind"] == kind}


def test_a_clip_is_answered_frame_by_frame(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    outcome = Outcome(tmp_path, _config(tmp_path, server.url, clip, 'speed = "fast"\nmax_side = 160\n', 5000))
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


def test_a_candidate_takes_its_share_of_the_frames(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    with model_server() as candidate:
        candidate.version = "2.0.0"
        config = _config(tmp_path, server.url, clip, 'speed = "fast"\n', 5000)
        split = f'candidate = {{url = "{candidate.url}", mode = "split", share = 0.2}}\n[[camera]]'
        config.write_text(config.read_text().replace("[[camera]]", split))
        outcome = Outcome(tmp_path, config)
    assert outcome.totals["answered"] == 30
    assert (len(server.shapes), len(candidate.shapes)) == (24, 6)
    assert outcome.states("detection") == {"ok"}


def test_a_candidate_that_hangs_in_the_shadow_changes_nothing(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    with model_server() as candidate:
        candidate.mode = "slow"
        config = _config(tmp_path, server.url, clip, 'speed = "fast"\n')
        config.write_text(
            config.read_text().replace("[[camera]]", f'candidate = {{url = "{candidate.url}"}}\n[[camera]]')
        )
        outcome = Outcome(tmp_path, config)
    assert outcome.totals["answered"] == len(server.shapes) == 30
    assert 1 <= len(candidate.shapes) < 30


def test_natural_speed_takes_the_clip_s_own_time(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    outcome = Outcome(tmp_path, _config(tmp_path, server.url, clip, deadline_ms=5000))
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
    outcome = Outcome(tmp_path, _config(tmp_path, server.url, short_clip, 'speed = "fast"\n'))
    assert outcome.totals["answered"] == 0
    assert outcome.totals["lost"][state] > 0
    assert outcome.states("detection") <= {state, "stale"}
    assert all(answer["answers"] == [] and answer["state"] != "ok" for answer in outcome.answers)
    assert f"inference is {state}" in outcome.log


def test_an_inference_service_that_is_not_there(tmp_path: Path, short_clip: Path) -> None:
    outcome = Outcome(tmp_path, _config(tmp_path, "http://127.0.0.1:1", short_clip, 'speed = "fast"\n'))
    assert outcome.totals["lost"]["error"] == outcome.totals["sent"] == 8
    assert outcome.states("detection") == {"error"}


def _ports(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    assert process.stderr is not None
    for line in process.stderr:
        message = json.loads(line)["message"]
        if message.startswith("page on port"):
            words = message.replace(",", "").split()
            return int(words[3]), int(words[-1])
    raise AssertionError("edge-camera ended before it listened")


def _picture(response: urllib3.BaseHTTPResponse) -> np.ndarray[Any, Any]:
    """Read one MJPEG part and decode it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += response.read(1)
    length = int(head.lower().split(b"content-length:")[1].split()[0])
    jpeg = response.read(length)
    assert response.read(2) == b"\r\n"
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def test_live_page_streams_metrics_a_model_change_and_sigterm(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    config = _config(tmp_path, server.url, clip, "loop = true\n", deadline_ms=5000)
    with subprocess.Popen(_command(config), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        page, metrics = _ports(process)
        with urllib3.PoolManager(retries=False, timeout=10) as http:
            stream = http.request("GET", f"http://127.0.0.1:{page}/stream/dock-3", preload_content=False)
            first, second = _picture(stream), _picture(stream)
            assert first.shape == (240, 320, 3)
            assert not np.array_equal(first, second), "the picture moves"
            snapshot = http.request("GET", f"http://127.0.0.1:{page}/snapshot/dock-3.jpg")
            assert snapshot.data.startswith(b"\xff\xd8")
            for path in ("live", "ready"):
                assert http.request("GET", f"http://127.0.0.1:{page}/v2/health/{path}").status == 200
            assert b"<title>edge-camera</title>" in http.request("GET", f"http://127.0.0.1:{page}/").data
            server.version = "2.0.0"
            while _status(http, page)["model_version"] != "2.0.0":
                _picture(stream)
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
    _config(tmp_path, "http://127.0.0.1:1", tmp_path / "gone.mp4")
    done = subprocess.run([PROGRAM, *arguments], cwd=tmp_path, capture_output=True, timeout=20, check=False)
    text = done.stderr.decode()
    assert done.returncode == 2
    assert text.startswith("edge-camera: ")
    assert text.count("\n") == 1
    assert all(word in text for word in words)


def test_a_taken_port_stops_the_start(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    config = _config(tmp_path, server.url, clip)
    command = [PROGRAM, str(config), "--host", "127.0.0.1", "--port", str(server.server_address[1])]
    done = subprocess.run(command, capture_output=True, timeout=20, check=False)
    assert done.returncode == 2
    assert f"127.0.0.1:{server.server_address[1]}" in done.stderr.decode()


def _three(clip: Path, url: str, *cameras: str) -> str:
    """A config of cameras "name" or "name:further lines"."""
    parts = [camera.partition(":") for camera in cameras]
    body = "".join(
        f'[[camera]]\nname = "{name}"\nurl = "{clip}"\nfps = 240\nloop = true\n{more}\n' for name, _, more in parts
    )
    return f'[inference]\nurl = "{url}"\nmodel = "square-detector"\n{body}[sinks]\nstdout = true\n'


class Watched:
    """A running process's status and metrics."""

    def __init__(self, ports: tuple[int, int]) -> None:
        self._page, self._metrics = ports

    def totals(self) -> dict[str, Any]:
        status = urllib3.request("GET", f"http://127.0.0.1:{self._page}/status").json()
        return {camera["name"]: camera["totals"] for camera in status["cameras"]}

    def metrics(self) -> str:
        return urllib3.request("GET", f"http://127.0.0.1:{self._metrics}/metrics").data.decode()


def test_a_changed_config_applies_the_difference_and_a_bad_one_is_refused(
    tmp_path: Path, server: ModelServer, clip: Path
) -> None:
    config = tmp_path / "cameras.toml"
    config.write_text(_three(clip, server.url, "same", "gone", "other"))
    with subprocess.Popen(_command(config), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        watched = Watched(_ports(process))
        until(lambda: watched.totals()["same"]["answered"] > 3, "same is answered")
        config.write_text(_three(clip, server.url, "same", "new", "other:max_side = 64"))
        process.send_signal(signal.SIGHUP)
        until(lambda: set(watched.totals()) == {"same", "other", "new"}, "the difference is applied")
        until(lambda: watched.totals()["new"]["answered"] > 0, "new is answered")
        text = watched.metrics()
        assert 'camera="gone"' not in text
        assert 'edge_camera_fps{camera="new"} 240.0' in text
        assert 'edge_camera_config_reloads_total{outcome="applied"} 1.0' in text
        before = watched.totals()["same"]["captured"]
        config.write_text(_three(clip, server.url, "same:speed = 'slow'"))
        refused = 'edge_camera_config_reloads_total{outcome="refused"} 1.0'
        until(lambda: refused in watched.metrics(), "the bad one is refused")
        until(lambda: watched.totals()["same"]["captured"] > before, "the old one goes on")
        process.send_signal(signal.SIGTERM)
        out, log = process.communicate(timeout=20)
    assert process.returncode == 0, log
    events = [json.loads(line) for line in out.splitlines()]
    for event in events:
        Draft202012Validator(SCHEMA).validate(event)
    states = {event["camera_state"] for event in events if "camera_state" in event}
    assert states == {"ok"}, "a planned change, and the end of the process, is no fault of a camera"
    assert b"camera[0].speed" in log
    told = [event["config"] for event in events if event["camera"] == "_pod"]
    assert [each["outcome"] for each in told] == ["applied", "refused"]
    assert told[0]["detail"] == "added new; changed other; removed gone" and "camera[0].speed" in told[1]["detail"]


def test_a_change_of_the_alerts_alone_restarts_no_camera(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    config, rule = tmp_path / "cameras.toml", '[alert.{}]\nclass = "square"\n'
    config.write_text(_three(clip, server.url, "one", "two") + rule.format("old"))
    with subprocess.Popen(_command(config), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        watched = Watched(_ports(process))
        until(lambda: all(each["answered"] > 3 for each in watched.totals().values()), "both are answered")
        before = watched.totals()
        config.write_text(_three(clip, server.url, "one", "two") + rule.format("new"))
        process.send_signal(signal.SIGHUP)
        until(lambda: 'reloads_total{outcome="applied"} 1.0' in watched.metrics(), "the new rules are applied")
        after = watched.totals()
        until(lambda: all(each["answered"] > after[name]["answered"] for name, each in watched.totals().items()), "on")
        process.send_signal(signal.SIGTERM)
        out, log = process.communicate(timeout=20)
    assert process.returncode == 0, log
    assert all(after[name]["captured"] >= before[name]["captured"] > 0 for name in before), "no books begun anew"
    events = [json.loads(line) for line in out.splitlines()]
    for name in before:
        mine = [event for event in events if event["camera"] == name]
        assert [event["camera_state"] for event in mine if event["kind"] == "state"] == ["ok"]
        assert [event["alert"]["rule"] for event in mine if event["kind"] == "alert"] == ["old", "new"]
    assert [event["config"]["detail"] for event in events if event["camera"] == "_pod"] == ["rules old, new"]


def _still_clip(path: Path, level: int, frames: int) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (320, 240))
    picture = np.full((240, 320, 3), level, np.uint8)
    picture[60:120, 60:180] = level // 2
    for _ in range(frames):
        writer.write(picture)
    writer.release()
    return path


# The square runs along the middle of the picture.
MIDDLE = "mask = [[[0, 0.38], [1, 0.38], [1, 0.66], [0, 0.66]]]\n"


def test_what_is_masked_is_in_no_request_answer_or_event(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    open_eyed = Outcome(tmp_path, _config(tmp_path, server.url, clip, 'speed = "fast"\n', 5000))
    assert all(answer["answers"] for answer in open_eyed.answers)
    masked = Outcome(tmp_path, _config(tmp_path, server.url, clip, 'speed = "fast"\n' + MIDDLE, 5000))
    assert masked.totals["answered"] == 30
    assert [answer["answers"] for answer in masked.answers] == [[]] * 30
    assert masked.states("detection") == {"ok"}


def test_what_is_masked_is_in_no_snapshot_and_no_stream(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    config = _config(tmp_path, server.url, clip, "loop = true\n" + MIDDLE, deadline_ms=5000)
    with subprocess.Popen(_command(config), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        page, _ = _ports(process)
        with urllib3.PoolManager(retries=False, timeout=10) as http:
            stream = http.request("GET", f"http://127.0.0.1:{page}/stream/dock-3", preload_content=False)
            pictures = [_picture(stream) for _ in range(5)]
            stream.close()
            body = http.request("GET", f"http://127.0.0.1:{page}/snapshot/dock-3.jpg").data
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    snapshot = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
    assert snapshot is not None
    for picture in [*pictures, snapshot]:
        # JPEG smears an edge by a few grey levels; the square is at 200 and more.
        assert picture[100:150].max() < 60


def test_frames_without_motion_are_not_asked_about(tmp_path: Path, server: ModelServer) -> None:
    still = _still_clip(tmp_path / "still.mp4", 120, 60)
    outcome = Outcome(tmp_path, _config(tmp_path, server.url, still, "motion = {enabled = true}\n", 5000))
    assert outcome.totals["motion"] > 10 and outcome.totals["answered"] > 0
    assert len(server.shapes) == outcome.totals["sent"] < 60


def test_an_alert_is_told_once_in_its_cooldown(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    config = _config(tmp_path, server.url, clip, 'speed = "fast"\n', 5000)
    config.write_text(config.read_text() + '[alert.square-there]\nclass = "square"\nmin_score = 0.5\n')
    outcome = Outcome(tmp_path, config)
    (alert,) = [event for event in outcome.events if event["kind"] == "alert"]
    assert (alert["alert"]["rule"], alert["alert"]["label"], alert["priority"]) == ("square-there", "square", "high")
    (box,) = alert["answers"]
    assert box["track"] == "1", "and it keeps its id"
    assert {answer["track"] for event in outcome.events for answer in event["answers"]} == {"1"}


def test_an_alert_brings_its_picture_as_a_file_and_in_the_event_and_the_mask_holds_there_too(
    tmp_path: Path, server: ModelServer, clip: Path
) -> None:
    # The right half is masked, where the square never is, and there the picture would be at 40.
    mask = "mask = [[[0.7, 0], [1, 0], [1, 1], [0.7, 1]]]\n"
    config = _config(tmp_path, server.url, clip, 'speed = "fast"\n' + mask, 5000)
    folder = tmp_path / "pictures"
    config.write_text(
        config.read_text()
        + f'snapshots = {{path = "{folder}", send = true, max_side = 160}}\n'
        + '[alert.square-there]\nclass = "square"\nsnapshot = true\n'
    )
    outcome = Outcome(tmp_path, config)
    (alert,) = [event for event in outcome.events if event["kind"] == "alert"]
    saved = (folder / alert["alert"]["snapshot"]).read_bytes()
    assert saved == base64.b64decode(alert["alert"]["jpeg"])
    assert [path.name for path in folder.iterdir()] == [alert["id"] + ".jpg"]
    picture = cv2.imdecode(np.frombuffer(saved, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None and picture.shape == (120, 160, 3)
    assert picture[:, 120:].max() < 12 < picture[:40, :100].max(), "black under the mask, and only there"
    assert picture[..., 2].max() > 150, "the square is on it"


def test_a_black_picture_is_a_state_of_the_camera_and_still_answered(tmp_path: Path, server: ModelServer) -> None:
    black = _still_clip(tmp_path / "black.mp4", 2, 20)
    outcome = Outcome(tmp_path, _config(tmp_path, server.url, black, "health = {hold_s = 0}\n", 5000))
    states = [event["camera_state"] for event in outcome.events if event["kind"] == "state"]
    assert states == ["ok", "black", "down"]
    assert [event.get("reason") for event in outcome.events if event["kind"] == "state"] == [None, None, "ended"]
    assert outcome.states("detection") == {"ok"}
