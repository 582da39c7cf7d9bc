"""What the camera tests share: a clip with a known bright square, and an HTTP server that finds it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from served import QuietHandler, serving

HEADER = "Inference-Header-Content-Length"
WIDTH, HEIGHT, SIDE = 320, 240, 50

METADATA: dict[str, Any] = {
    "name": "square-detector",
    "versions": ["1.0.0"],
    "platform": "onnxruntime_onnx",
    "inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, -1, -1, 3]}],
    "outputs": [
        {"name": "boxes", "datatype": "FP32", "shape": [-1, 4]},
        {"name": "scores", "datatype": "FP32", "shape": [-1]},
        {"name": "classes", "datatype": "INT64", "shape": [-1]},
    ],
    "parameters": {
        "task": "detection",
        "image_input": "image",
        "image_max_side": "640",
        "answer_boxes": "boxes",
        "answer_scores": "scores",
        "answer_classes": "classes",
        "labels": "square\ndisc",
    },
}


def square_at(index: int) -> int:
    """The left edge of the square in frame `index`; its top is 100."""
    return (index * 5) % (WIDTH - SIDE)


def write_clip(path: Path, frames: int, fps: float) -> Path:
    """Write an mp4 of a square, pure red in RGB, that moves over a dark floor."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for index in range(frames):
        picture = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
        left = square_at(index)
        cv2.rectangle(picture, (left, 100), (left + SIDE - 1, 100 + SIDE - 1), (0, 0, 255), cv2.FILLED)
        writer.write(picture)
    writer.release()
    return path


def find_square(rgb: np.ndarray[Any, Any]) -> list[list[float]]:
    """Boxes of what is red in an RGB picture: none or one."""
    rows, columns = np.nonzero((rgb[..., 0] > 150) & (rgb[..., 2] < 100))
    if not len(rows):
        return []
    return [[float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)]]


class ModelServer(ThreadingHTTPServer):
    """A real HTTP server with one model; `mode` says how it answers an infer request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mode = "ok"
        self.version = "1.0.0"
        # What infer answers say instead, as from another version behind the same address.
        self.answers_as: str | None = None
        self.metadata: dict[str, Any] = METADATA
        self.shapes: list[list[int]] = []
        self.deadlines: list[int] = []
        self.calls: list[str] = []
        self.connections: set[tuple[str, int]] = set()
        self.release = threading.Event()
        self.asked = threading.Event()
        self.strange: tuple[bytes, int | None] = (b"", None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(QuietHandler):
    protocol_version = "HTTP/1.1"
    server: ModelServer

    def do_GET(self) -> None:
        self.server.calls.append("GET " + self.path)
        self._reply(200, json.dumps({**self.server.metadata, "versions": [self.server.version]}).encode())

    def do_POST(self) -> None:
        self.server.calls.append("POST " + self.path)
        self.server.connections.add(self.client_address)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        length = int(self.headers[HEADER])
        head = json.loads(body[:length])
        self.server.deadlines.append(int(self.headers["X-Request-Timeout-Ms"]))
        shape = head["inputs"][0]["shape"]
        self.server.shapes.append(shape)
        self.server.asked.set()
        boxes = find_square(np.frombuffer(body[length:], np.uint8).reshape(shape)[0])
        getattr(self, "_" + self.server.mode)(boxes)

    def _ok(self, boxes: list[list[float]]) -> None:
        arrays = {
            "boxes": ("FP32", np.array(boxes, "<f4").reshape(-1, 4)),
            "scores": ("FP32", np.full(len(boxes), 0.9, "<f4")),
            "classes": ("INT64", np.zeros(len(boxes), "<i8")),
        }
        outputs = [
            {
                "name": name,
                "datatype": datatype,
                "shape": list(array.shape),
                "parameters": {"binary_data_size": array.nbytes},
            }
            for name, (datatype, array) in arrays.items()
        ]
        version = self.server.answers_as or self.server.version
        head = json.dumps({"model_name": "square-detector", "model_version": version, "outputs": outputs}).encode()
        tail = b"".join(array.tobytes() for _, array in arrays.values())
        self._reply(200, head + tail, {HEADER: str(len(head))})

    def _slow(self, boxes: list[list[float]]) -> None:
        self.server.release.wait(30)
        self._ok(boxes)

    def _busy(self, _: object) -> None:
        self._reply(429, b'{"error": "every slot is taken", "code": "overloaded"}', {"Retry-After": "1"})

    def _unready(self, _: object) -> None:
        self._reply(503, b'{"error": "loading", "code": "not_ready"}', {"Retry-After": "1"})

    def _late(self, _: object) -> None:
        self._reply(504, b'{"error": "deadline passed", "code": "deadline_passed"}')

    def _broken(self, _: object) -> None:
        self._reply(500, b'{"error": "internal error", "code": "internal"}')

    def _garbage(self, _: object) -> None:
        self._reply(200, b"\x00\xff not JSON at all")

    def _trickle(self, _: object) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _byte in range(1000):
            if self.server.release.wait(0.02):
                break
            self.wfile.write(b"x")

    def _trickled_head(self, _: object) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
        while not self.server.release.wait(0.1):
            self.wfile.write(b"x")

    def _strange(self, _: object) -> None:
        body, length = self.server.strange
        self._reply(200, body, {} if length is None else {HEADER: str(length)})

    def _hangup(self, _: object) -> None:
        self.close_connection = True

    def _reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """Run a ModelServer for the length of a `with`."""
    server = ModelServer()
    with serving(server, server.release):
        yield server
