"""The camera image reads video files, H.264 over RTSP and pictures, with a read-only root and no privileges."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from camera_support import ModelServer, model_server, write_clip
from image_support import CAMERA, ROOT, Container, built, python
from live import until
from rtsp import RtspCamera

pytestmark = pytest.mark.images


@pytest.fixture(autouse=True)
def _images() -> None:
    built()


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that the image's user may read; it is /etc/edge-camera in the container."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    return shared


def _start(folder: Path, log: Path, server: ModelServer, *cameras: str) -> Container:
    (folder / "cameras.toml").write_text(
        f'[inference]\nurl = "{server.url}"\nmodel = "square-detector"\ndeadline_ms = 5000\n'
        + "".join(f"[[camera]]\n{camera}\nmotion = {{enabled = true, keepalive_s = 0.5}}\n" for camera in cameras)
        + "[sinks]\nstdout = true\n"
    )
    return Container(CAMERA, log, options=(f"--volume={folder}:/etc/edge-camera:ro",))


def _answered(container: Container) -> dict[str, int]:
    reply = container.request("GET", "/status")
    assert reply.status == 200, (reply.status, reply.data, container.log())
    status: dict[str, Any] = reply.json()
    return {camera["name"]: camera["totals"]["answered"] for camera in status["cameras"]}


def _all_answered(container: Container) -> None:
    def look() -> bool:
        return all(count >= 3 for count in _answered(container).values())

    until(look, f"three answers of each camera: {_answered(container)}", 60)


def test_a_clip_and_pictures_are_read_and_sigterm_ends_it(folder: Path, tmp_path: Path, server: ModelServer) -> None:
    write_clip(folder / "square.mp4", frames=30, fps=10).chmod(0o644)
    for number in range(3):
        assert cv2.imwrite(str(folder / f"{number}.png"), np.full((48, 64, 3), 60 * number, np.uint8))
    cameras = (
        'name = "clip"\nurl = "/etc/edge-camera/square.mp4"\nloop = true',
        'name = "pictures"\nurl = "/etc/edge-camera/*.png"\nloop = true',
    )
    with _start(folder, tmp_path / "log", server, *cameras) as container:
        _all_answered(container)
        reply = container.request("GET", "/")
        assert (reply.status, b"<html" in reply.data[:2000]) == (200, True)
        assert container.stop() == 0
    assert '"camera":"clip"' in container.log()


@pytest.mark.rtsp
def test_h264_over_rtsp_is_decoded(folder: Path, tmp_path: Path, server: ModelServer) -> None:
    with (
        RtspCamera() as camera,
        _start(folder, tmp_path / "log", server, f'name = "dock"\nurl = "{camera.url}"') as pod,
    ):
        _all_answered(pod)
        assert pod.stop() == 0


def test_opencv_has_ffmpeg_and_every_function_that_is_called() -> None:
    program = """
import cv2, json, re, pathlib, edge_camera
text = "".join(p.read_text() for p in pathlib.Path(edge_camera.__path__[0]).rglob("*.py"))
names = sorted(set(re.findall(r"\\bcv2\\.([A-Za-z_][A-Za-z_0-9]*)", text)))
print(json.dumps({"lacking": [n for n in names if not hasattr(cv2, n)], "count": len(names),
                  "ffmpeg": "FFMPEG:                      YES" in cv2.getBuildInformation()}))
"""
    found = json.loads(python(CAMERA, program))
    assert (found["lacking"], found["ffmpeg"]) == ([], True)
    assert found["count"] > 20


def test_public_authorities_and_time_zones_are_there() -> None:
    program = "import ssl, zoneinfo; zoneinfo.ZoneInfo('Europe/Berlin'); print(ssl.create_default_context().cert_store_stats()['x509_ca'])"
    assert int(python(CAMERA, program)) > 100


def test_the_sample_clip_is_decoded_to_its_end() -> None:
    program = "import cv2; c = cv2.VideoCapture('/clip/belt.mp4'); n = 0\nwhile c.grab(): n += 1\nprint(n)"
    clip = ROOT / "models/belt-detector/belt.mp4"
    capture = cv2.VideoCapture(str(clip))
    frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    capture.release()
    assert int(python(CAMERA, program, f"--volume={clip}:/clip/belt.mp4:ro")) == frames > 0
