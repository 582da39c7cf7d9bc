"""The real process on real cameras: one that hangs, one that dies, one that is well; and a folder of images."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import urllib3

from camera_support import ModelServer, write_clip
from live import until
from rtsp import RtspCamera

PROGRAM = str(Path(sys.executable).with_name("edge-camera"))


def _config(folder: Path, url: str, *cameras: str) -> Path:
    path = folder / "cameras.toml"
    path.write_text(
        f'[inference]\nurl = "{url}"\nmodel = "square-detector"\ndeadline_ms = 2000\n'
        + "".join(f"[[camera]]\n{camera}\n" for camera in cameras)
        + "[sinks]\nstdout = true\n"
    )
    return path


class Process:
    """A running edge-camera: its states, and its end."""

    def __init__(self, config: Path, *flags: str) -> None:
        command = [PROGRAM, str(config), "--host", "127.0.0.1", "--port", "0", "--metrics-port", "0", *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.process.stderr is not None
        while not (message := json.loads(self.process.stderr.readline())["message"]).startswith("page on port"):
            pass
        words = message.replace(",", "").split()
        self.page, self.metrics = int(words[3]), int(words[-1])

    def cameras(self) -> dict[str, dict[str, Any]]:
        status = urllib3.request("GET", f"http://127.0.0.1:{self.page}/status").json()
        return {camera["name"]: camera for camera in status["cameras"]}

    def states(self) -> dict[str, str]:
        return {name: camera["state"] for name, camera in self.cameras().items()}

    def captured(self, name: str) -> int:
        count: int = self.cameras()[name]["totals"]["captured"]
        return count

    def reconnects(self, name: str) -> float:
        text = urllib3.request("GET", f"http://127.0.0.1:{self.metrics}/metrics").data.decode()
        lines = [
            line for line in text.splitlines() if line.startswith(f'edge_camera_reconnects_total{{camera="{name}"')
        ]
        return float(lines[0].split()[-1])

    def stop(self) -> list[dict[str, Any]]:
        self.process.send_signal(signal.SIGTERM)
        out, log = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, log.decode()
        return [json.loads(line) for line in out.splitlines()]


@pytest.mark.rtsp
def test_one_hangs_one_is_gone_and_the_third_does_not_notice(tmp_path: Path, server: ModelServer) -> None:
    clip = write_clip(tmp_path / "square.mp4", frames=30, fps=10)
    capture = "capture = {stalled_after_s = 1, read_timeout_s = 60}"
    with RtspCamera("--fps", "10") as hangs, RtspCamera("--fps", "10") as gone:
        config = _config(
            tmp_path,
            server.url,
            f'name = "hangs"\nurl = "{hangs.url}"\n{capture}',
            f'name = "gone"\nurl = "{gone.url}"',
            f'name = "well"\nurl = "{clip}"\nloop = true\nfps = 10',
        )
        running = Process(config)
        until(lambda: running.captured("hangs") > 3 and running.captured("gone") > 3, "both give frames", 60)
        hangs.hang()
        gone.kill()
        until(lambda: running.states()["hangs"] == "stalled", "stalled within its bound")
        until(lambda: running.reconnects("gone") >= 1, "the one that is gone is tried again")
        before = running.captured("well")
        until(lambda: running.captured("well") > before + 10, "the third goes on")
        assert running.states()["well"] == "ok"
        hangs.wake()
        until(lambda: running.states()["hangs"] == "ok", "back without a restart", 35)
        gone.start()
        until(lambda: running.states()["gone"] == "ok", "back once it is there", 60)
        events = running.stop()
    told = [event["camera_state"] for event in events if event["kind"] == "state" and event["camera"] == "hangs"]
    assert told[:3] == ["ok", "stalled", "ok"]


@pytest.mark.rtsp
def test_a_wrong_password_is_told_without_it(tmp_path: Path, server: ModelServer) -> None:
    secret = tmp_path / "secret"
    secret.write_text("viewer:hunter2")
    with RtspCamera("--user", "viewer", "--password", "other") as camera:
        config = _config(tmp_path, server.url, f'name = "dock"\nurl = "{camera.url}"\ncredentials = "{secret}"')
        running = Process(config)
        until(lambda: running.reconnects("dock") >= 1, "refused, and tried again", 60)
        assert running.states()["dock"] in {"connecting", "down"}
        running.process.send_signal(signal.SIGTERM)
        out, log = running.process.communicate(timeout=30)
    assert b"hunter2" not in out + log


def test_a_folder_of_images_is_read_to_its_end(tmp_path: Path, server: ModelServer) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(6):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((48, 64, 3), 40 * number, np.uint8))
    (folder / "notes.txt").write_text("not a picture")
    config = _config(tmp_path, server.url, f'name = "pictures"\nurl = "{folder}"\nspeed = "fast"\nfps = 100')
    report = tmp_path / "report.json"
    command = [PROGRAM, str(config), "--host", "127.0.0.1", "--port", "0", "--metrics-port", "0"]
    done = subprocess.run(
        [*command, "--exit-at-end", "true", "--report", str(report)], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    totals = json.loads(report.read_text())["cameras"]["pictures"]
    assert totals["captured"] == totals["replaced"] + totals["motion"] + totals["fps"] + totals["sent"] == 6


def test_a_reader_killed_with_sigkill_is_started_again(tmp_path: Path, server: ModelServer) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((48, 64, 3), 40 * number, np.uint8))
    camera = f'name = "pictures"\nurl = "{folder}"\nloop = true\ncapture = {{image_fps = 20}}'
    running = Process(_config(tmp_path, server.url, camera))
    until(lambda: running.captured("pictures") > 2, "frames come", 60)
    children = subprocess.run(["pgrep", "-P", str(running.process.pid)], capture_output=True, text=True, check=True)
    for child in children.stdout.split():
        subprocess.run(["kill", "-KILL", child], check=True)
    until(lambda: running.reconnects("pictures") >= 1, "noticed")
    before = running.captured("pictures")
    until(lambda: running.captured("pictures") > before, "frames go on", 60)
    running.stop()
