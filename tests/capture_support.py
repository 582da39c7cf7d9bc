"""What the capture tests share: a source run in a thread, what it told, and an MJPEG camera with moods."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge_camera.capture.messages import Reason
from edge_camera.capture.source import CaptureSource
from edge_camera.capture.spec import Capture, kind_of
from edge_camera.capture.watchdog import Reception
from edge_camera.frame import Frame
from edge_common.clock import SystemClock
from served import QuietHandler, serving

# Longer than any bound under test, on a machine with other work.
PATIENCE_S = 40.0


class Watched:
    """A CaptureSource that runs in a thread, as the pod's reader runs it; all it yields and tells is kept."""

    def __init__(self, url: str, settings: Capture | None = None, **more: Any) -> None:
        kind = kind_of(url)
        assert kind is not None
        self.clock = SystemClock()
        self.states: list[tuple[float, Reception, Reason | None]] = []
        self.reconnects: list[Reason] = []
        self.undecodable = 0
        self.resized = 0
        self.frames: list[Frame] = []
        self.stop = threading.Event()
        self._cond = threading.Condition()
        more.setdefault("random", lambda: 0.0)
        self.source = CaptureSource(
            camera="dock-3", url=url, kind=kind, clock=self.clock, settings=settings or Capture(),
            on_state=self._on_state, on_reconnect=self._on_reconnect,
            on_undecodable=self._on_undecodable, on_resized=self._on_resized, **more,
        )  # fmt: skip
        self.thread = threading.Thread(target=self._run, daemon=True)

    @property
    def state(self) -> Reception | None:
        return self.states[-1][1] if self.states else None

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        """Return once `condition` holds; it is looked at after each frame and whatever else the source tells."""
        with self._cond:
            assert self._cond.wait_for(condition, PATIENCE_S), (
                f"{what}: {self.states} {self.reconnects} {len(self.frames)}"
            )

    def more(self, count: int = 3) -> None:
        """Wait for `count` further frames."""
        had = len(self.frames)
        self.wait(lambda: len(self.frames) >= had + count, f"{count} frames more")

    def _run(self) -> None:
        for frame in self.source.frames(self.stop):
            self._note(partial(self.frames.append, frame))
        self._note(lambda: None)

    def _on_state(self, state: Reception, reason: Reason | None) -> None:
        self._note(lambda: self.states.append((self.clock.monotonic(), state, reason)))

    def _on_reconnect(self, reason: Reason) -> None:
        self._note(lambda: self.reconnects.append(reason))

    def _on_undecodable(self, count: int) -> None:
        self.undecodable += count
        self._note(lambda: None)

    def _on_resized(self) -> None:
        self.resized += 1
        self._note(lambda: None)

    def _note(self, change: Callable[[], None]) -> None:
        with self._cond:
            change()
            self._cond.notify_all()

    def __enter__(self) -> Watched:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(10)
        assert not self.thread.is_alive()


def jpeg(width: int = 64, height: int = 48, value: int = 90) -> bytes:
    """An image of one grey level."""
    good, raw = cv2.imencode(".jpg", np.full((height, width, 3), value, np.uint8))
    assert good
    return raw.tobytes()


class MjpegCamera(ThreadingHTTPServer):
    """An HTTP camera; `mood` says how each connection from now on is served."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mood = "good"
        self.want: str | None = None
        self.closing = threading.Event()
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/video.mjpg"

    def require(self, credentials: str) -> None:
        """Ask for basic authentication with these `user:password`."""
        self.want = "Basic " + base64.b64encode(credentials.encode()).decode()


class _Handler(QuietHandler):
    server: MjpegCamera

    def do_GET(self) -> None:
        self.server.connections += 1
        if self.server.want not in (None, self.headers.get("Authorization")):
            self.send_error(401)
            return
        getattr(self, "_" + self.server.mood)()

    def _head(self, kind: str = "multipart/x-mixed-replace; boundary=--frame") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()

    def _stream(self, pictures: Iterator[bytes], length: bool = True) -> None:
        self._head()
        for picture in pictures:
            size = b"Content-Length: %d\r\n" % len(picture) if length else b""
            self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n" + size + b"\r\n" + picture + b"\r\n")
            if self.server.closing.wait(0.02):
                return

    def _good(self) -> None:
        self._stream(iter(lambda: jpeg(), b""))

    def _lengthless(self) -> None:
        self._stream(iter(lambda: jpeg(), b""), length=False)

    def _resizing(self) -> None:
        self._stream(jpeg(*((64, 48) if number % 10 < 5 else (32, 80))) for number in range(1000))

    def _broken(self) -> None:
        """Every other picture is cut off."""
        self._stream(jpeg() if number % 2 else jpeg()[:40] for number in range(1000))

    def _undecodable(self) -> None:
        """Parts in good order, none of which is a picture."""
        self._stream(iter(lambda: b"x" * 100, b""))

    def _silent(self) -> None:
        """The stream begins, and nothing follows."""
        self._head()
        self.wfile.write(b"--frame\r\n")
        self.server.closing.wait()

    def _changed_meanwhile(self) -> None:
        """The first connection ends after some pictures; from the next on they have another size."""
        first = self.server.connections == 1
        self._stream(jpeg(*((64, 48) if first else (32, 80))) for _ in range(20 if first else 1000))

    def _endless_head(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
        while not self.server.closing.wait(0.05):
            self.wfile.write(b"x")

    def _trickling_head(self) -> None:
        self._head()
        self.wfile.write(b"--frame\r\nX-Endless: ")
        while not self.server.closing.wait(0.05):
            self.wfile.write(b"x")

    def _flooding_head(self) -> None:
        self._head()
        self.wfile.write(b"--frame\r\n")
        while not self.server.closing.is_set():
            self.wfile.write(b"X-More: yes\r\n" * 1000)

    def _page(self) -> None:
        self._head("text/html")
        self.wfile.write(b"<h1>Sign in</h1>")

    def _elsewhere(self) -> None:
        self.send_response(302)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()


@contextmanager
def mjpeg_camera() -> Iterator[MjpegCamera]:
    """Run an MjpegCamera for the length of a `with`."""
    camera = MjpegCamera()
    with serving(camera, camera.closing):
        yield camera


def closed_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def write_images(folder: Path, values: list[int]) -> Path:
    """Write one PNG per grey level, in this order by name."""
    for index, value in enumerate(values):
        assert cv2.imwrite(str(folder / f"{index:04}.png"), np.full((48, 64, 3), value, np.uint8))
    return folder
