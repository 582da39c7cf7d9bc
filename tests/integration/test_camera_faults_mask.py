"""What is masked leaves the process nowhere: looked for in every byte of every request, picture and event."""

from __future__ import annotations

import base64
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import urllib3

from camera_support import HEIGHT, SIDE, WIDTH, ModelServer, model_server, write_clip
from capture_support import mjpeg_camera
from faults_support import Pod, Question, config, standin
from live import until

# The bright square runs along the middle of the picture, from row 100 to 150.
TOP, BOTTOM = 0.38, 0.66
MASK = f"mask = [[[0, {TOP}], [1, {TOP}], [1, {BOTTOM}], [0, {BOTTOM}]]]"
WHOLE = "mask = [[[0, 0], [1, 0], [1, 1], [0, 1]]]"
# The floor is at 40, the square at 200 and more; JPEG smears an edge by some grey levels.
DARK = 60
# Cameras are told apart by the size of what is sent of them.
OPEN, HALF = (1, HEIGHT, WIDTH, 3), (1, HEIGHT // 2, WIDTH // 2, 3)
SMALL = (1, 48, 64, 3)


def _pictures(kept: list[Question], shape: tuple[int, ...]) -> list[Any]:
    return [np.frombuffer(raw, np.uint8).reshape(shape)[0] for found, raw in kept if found == shape]


def _assert_hidden(picture: Any) -> None:
    """Nothing is bright, and well within the mask nothing is there at all."""
    height = picture.shape[0]
    assert picture.max() < DARK
    assert not picture[int(TOP * height) + 1 : int(BOTTOM * height) - 1].any()


def test_what_is_masked_is_in_no_request_of_any_track(tmp_path: Path) -> None:
    """An open camera beside masked ones shows that the square would be seen; the candidate in the shadow is asked, too.

    One turn at a time for all: frames that waited give way to newer ones, which have to be masked as well.
    """
    clip = write_clip(tmp_path / "square.mp4", frames=30, fps=30)
    with ExitStack() as stack:
        main = stack.enter_context(standin("slow", slow_s=0.01, keep=True))
        shadow = stack.enter_context(standin(keep=True))
        http = stack.enter_context(mjpeg_camera())
        text = config(
            main.url,
            f'name = "open"\nurl = "{clip}"\nfps = 30\nloop = true',
            f'name = "masked"\nurl = "{clip}"\nfps = 30\nloop = true\nmax_side = {WIDTH // 2}\n{MASK}',
            f'name = "covered"\nurl = "{http.url}"\nfps = 30\n{WHOLE}',
            more=f'max_in_flight = 1\ncandidate = {{url = "{shadow.url}"}}',
        )
        pod = stack.enter_context(Pod(tmp_path, text))
        for service in (main, shadow):
            for shape in (OPEN, HALF, SMALL):
                until(lambda s=service, wanted=shape: len(_pictures(s.kept.copy(), wanted)) >= 20, f"20 of {shape}")  # type: ignore[misc]
        assert pod.camera("masked")["totals"]["replaced"] > 0
        pod.stop()
    for service in (main, shadow):
        assert all(picture.max() > 200 for picture in _pictures(service.kept, OPEN)), "the square is there to be seen"
        assert not any(picture.any() for picture in _pictures(service.kept, SMALL))
        for picture in _pictures(service.kept, HALF):
            _assert_hidden(picture)
        assert {shape for shape, _ in service.kept} == {OPEN, HALF, SMALL}, "and nothing else was sent"


def _part(stream: urllib3.BaseHTTPResponse) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += stream.read(1)
    body = stream.read(int(head.lower().split(b"content-length:")[1].split()[0]))
    assert stream.read(2) == b"\r\n"
    return body


def _decoded(jpeg: bytes) -> Any:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def _streamed(pod: Pod, camera: str, count: int) -> list[Any]:
    """Pictures of a camera's live stream, and its snapshot."""
    url = f"http://127.0.0.1:{pod.page}/stream/{camera}"
    with urllib3.PoolManager(retries=False, timeout=10) as http:
        stream = http.request("GET", url, preload_content=False)
        pictures = [_decoded(_part(stream)) for _ in range(count)]
        stream.close()
    return [*pictures, _decoded(pod.get(f"/snapshot/{camera}.jpg"))]


def test_what_is_masked_is_in_no_stream_snapshot_event_or_alert(tmp_path: Path) -> None:
    """This service finds the square itself, in the pixels that it gets."""
    clip = write_clip(tmp_path / "square.mp4", frames=30, fps=30)
    with model_server() as server, Pod(tmp_path, _seeing(server, clip)) as pod:
        until(lambda: pod.events(kind="alert", camera="open"), "the open camera's alert")
        until(lambda: pod.camera("masked")["totals"]["answered"] >= 30, "a whole round of the clip")
        seen, hidden = _streamed(pod, "open", 5), _streamed(pod, "masked", 15)
        events = pod.stop()
    assert all(picture[100 : 100 + SIDE].max() > 200 for picture in seen)
    for picture in hidden:
        assert picture[100 : 100 + SIDE].max() < DARK
    masked = [event for event in events if event["camera"] == "masked"]
    assert {event["kind"] for event in masked} == {"state", "detection", "summary"}
    assert all(event["answers"] == [] for event in masked)
    assert [event["summary"]["answers"] for event in masked if event["kind"] == "summary"] == [{}]
    assert any(event["answers"] for event in events if event["camera"] == "open")


def _seeing(server: ModelServer, clip: Path) -> str:
    cameras = [
        f'name = "{name}"\nurl = "{clip}"\nfps = 30\nloop = true\n{more}'
        for name, more in (("open", ""), ("masked", MASK))
    ]
    text = config(server.url, *cameras, deadline_ms=5000)
    return text + '[alert.square-there]\nclass = "square"\nmin_score = 0.5\n'


LEFT = "mask = [[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]]"
RULES = """[alert.there]
class = "square"
snapshot = true
[alert.stays]
class = "square"
for_s = 1.5
snapshot = true
"""


def _still_clip(path: Path) -> Path:
    """Nothing moves: a square on the left, where the mask will be, and one on the right."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (WIDTH, HEIGHT))
    picture = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    for left in (40, 220):
        picture[100 : 100 + SIDE, left : left + SIDE] = (0, 0, 255)
    for _ in range(40):
        writer.write(picture)
    writer.release()
    return path


def test_what_is_masked_is_in_no_picture_of_an_alert(tmp_path: Path) -> None:
    """Half of the picture is masked while the alert is about the other half; one is set off by time, while all is still."""
    moving, still, folder = write_clip(tmp_path / "a.mp4", 30, 30), _still_clip(tmp_path / "b.mp4"), tmp_path / "alerts"
    cameras = [
        f'name = "open"\nurl = "{moving}"\nfps = 30\nloop = true',
        f'name = "half"\nurl = "{moving}"\nfps = 30\nloop = true\n{LEFT}',
        f'name = "still"\nurl = "{still}"\nfps = 10\nloop = true\n{LEFT}\nmotion = {{enabled = true}}',
    ]
    sinks = f'stdout = true\nsnapshots = {{path = "{folder}", send = true}}'
    with model_server() as server, Pod(tmp_path, config(server.url, *cameras, sinks=sinks) + RULES) as pod:
        wanted = {("open", "there"), ("half", "there"), ("still", "there"), ("still", "stays")}
        until(lambda: {(e["camera"], e["alert"]["rule"]) for e in pod.events(kind="alert")} >= wanted, "the alerts")
        alerts = [event for event in pod.stop() if event["kind"] == "alert"]
    assert all(alert["model_version"] and alert["answers"] for alert in alerts), "also of those set off by time"
    for alert in alerts:
        sent, saved = base64.b64decode(alert["alert"]["jpeg"]), (folder / alert["alert"]["snapshot"]).read_bytes()
        assert sent == saved
        # What is drawn of the answer begins at its box, right of the middle.
        left = _decoded(sent)[:, : WIDTH // 2 - 10].max()
        assert left > 200 if alert["camera"] == "open" else left < DARK, alert["camera"]
