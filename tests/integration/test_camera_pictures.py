"""What the real process makes of its pictures: masked, still, black, or worth an alert."""

from __future__ import annotations

import base64
import signal
import subprocess
from pathlib import Path

import cv2
import numpy as np
import urllib3

from camera_support import ModelServer
from process_support import Outcome, clip_config, command_of, ports_of, read_picture


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
    open_eyed = Outcome(tmp_path, clip_config(tmp_path, server.url, clip, 'speed = "fast"\n', 5000))
    assert all(answer["answers"] for answer in open_eyed.answers)
    masked = Outcome(tmp_path, clip_config(tmp_path, server.url, clip, 'speed = "fast"\n' + MIDDLE, 5000))
    assert masked.totals["answered"] == 30
    assert [answer["answers"] for answer in masked.answers] == [[]] * 30
    assert masked.states("detection") == {"ok"}


def test_what_is_masked_is_in_no_snapshot_and_no_stream(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    config = clip_config(tmp_path, server.url, clip, "loop = true\n" + MIDDLE, deadline_ms=5000)
    with subprocess.Popen(command_of(config), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        page, _ = ports_of(process)
        with urllib3.PoolManager(retries=False, timeout=10) as http:
            stream = http.request("GET", f"http://127.0.0.1:{page}/stream/dock-3", preload_content=False)
            pictures = [read_picture(stream) for _ in range(5)]
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
    outcome = Outcome(tmp_path, clip_config(tmp_path, server.url, still, "motion = {enabled = true}\n", 5000))
    assert outcome.totals["motion"] > 10 and outcome.totals["answered"] > 0
    assert len(server.shapes) == outcome.totals["sent"] < 60


def test_an_alert_is_told_once_in_its_cooldown(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    config = clip_config(tmp_path, server.url, clip, 'speed = "fast"\n', 5000)
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
    config = clip_config(tmp_path, server.url, clip, 'speed = "fast"\n' + mask, 5000)
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
    outcome = Outcome(tmp_path, clip_config(tmp_path, server.url, black, "health = {hold_s = 0}\n", 5000))
    states = [event["camera_state"] for event in outcome.events if event["kind"] == "state"]
    assert states == ["ok", "black", "down"]
    assert [event.get("reason") for event in outcome.events if event["kind"] == "state"] == [None, None, "ended"]
    assert outcome.states("detection") == {"ok"}
