"""What the tests of the live page share: Chromium under Playwright, a camera that moves and can fall silent, a process."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
import urllib3
from playwright.sync_api import Browser, Page, sync_playwright

from live import clean_env
from rtsp import free_port
from served import QuietHandler, serving

PROGRAM = str(Path(sys.executable).with_name("edge-camera"))
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
# A browser starts, and a machine with other work is slow.
PATIENCE_MS = 30_000
PHONE = {"width": 390, "height": 844}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium for the length of a `with`; the test is skipped where it is not installed."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("the live page's tests need Debian's chromium on PATH: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=PATIENCE_MS)
        try:
            yield browser
        finally:
            browser.close()


class Tab:
    """A page in a context of its own, and everything it said and asked for."""

    def __init__(self, browser: Browser, **context: Any) -> None:
        self._context = browser.new_context(**context)
        self._context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self._context.new_page()
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("console", lambda message: self._said(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def _said(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)

    def wait(self, condition: str, argument: object = None) -> None:
        """Return once the JavaScript `condition` holds in the page."""
        self.page.wait_for_function(condition, arg=argument)

    def pixels(self, camera: str) -> str:
        """The picture of a camera as it stands on the page, as a data URL."""
        found: str = self.page.evaluate(f"() => {_canvas(camera)}.toDataURL()")
        return found

    def until_it_moves(self, camera: str) -> None:
        """Wait until there is a picture of `camera`, and then until it differs from that."""
        # As it stands in the page's template, a canvas is 4 pixels wide.
        self.wait(f"() => {_card(camera)}?.querySelector('canvas').width > 4")
        self.wait(f"before => {_canvas(camera)}.toDataURL() !== before", self.pixels(camera))

    def until_chip(self, camera: str, word: str) -> None:
        """Wait until a camera's card says that its state is `word`."""
        self.wait(f"word => {_card(camera)}?.querySelector('.state').textContent === 'camera ' + word", word)

    def word(self, camera: str, part: str) -> str:
        """What one part of a camera's card says."""
        found: str = self.page.evaluate(f"() => {_card(camera)}.querySelector('{part}').textContent")
        return found

    def is_red(self, camera: str) -> bool:
        """True when a camera's card has a border, and a chip, of a colour that is mostly red."""
        colours = self.page.evaluate(
            f"() => [getComputedStyle({_card(camera)}).borderTopColor,"
            f" getComputedStyle({_card(camera)}.querySelector('.chip.state')).backgroundColor]"
        )
        return all(_reddish(colour) for colour in colours)

    def close(self) -> None:
        self._context.close()

    def __enter__(self) -> Tab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _card(camera: str) -> str:
    return f"[...document.querySelectorAll('.camera')].find(c => c.querySelector('h2').textContent === '{camera}')"


def _canvas(camera: str) -> str:
    return f"{_card(camera)}.querySelector('canvas')"


def _reddish(colour: str) -> bool:
    red, green, blue = (float(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
    return red > 150 and red > 1.7 * green and red > 1.7 * blue


class Pod:
    """A running edge-camera whose page has a port of its own, so that it can come back at the same address."""

    def __init__(self, config: Path, *flags: str, stdout: int = subprocess.DEVNULL) -> None:
        self.config, self._flags, self._stdout = config, flags, stdout
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start and return once it listens."""
        command = [PROGRAM, str(self.config), "--host", "127.0.0.1", "--port", str(self.port), "--metrics-port", "0"]
        self._process = subprocess.Popen(
            [*command, *self._flags], stdout=self._stdout, stderr=subprocess.PIPE, env=clean_env()
        )
        assert self._process.stderr is not None
        while not json.loads(line := self._process.stderr.readline())["message"].startswith("page on port"):
            assert line, "edge-camera ended before it listened"
        # A full pipe must not hold the process.
        self._drain = threading.Thread(target=_drain, args=(self._process.stderr,), daemon=True)
        self._drain.start()

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut does; harmless when it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._drain.join(10)
            self._process = None

    def status(self) -> dict[str, Any]:
        document: dict[str, Any] = urllib3.request("GET", self.url + "status", timeout=10).json()
        return document

    def __enter__(self) -> Pod:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def _drain(log: IO[bytes]) -> None:
    with log:
        log.read()


class MovingCamera(ThreadingHTTPServer):
    """An MJPEG camera at 20 pictures a second, all of `pictures` over and over: as it comes, a red square over a
    grained floor. Silent, it sends nothing and leaves the connection open, as a camera that hangs does."""

    daemon_threads = True

    def __init__(self, pictures: list[bytes] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pictures = pictures or [picture(number) for number in range(20)]
        self.speaking, self.closing = threading.Event(), threading.Event()
        self.speaking.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/video.mjpg"

    def fall_silent(self) -> None:
        self.speaking.clear()

    def speak(self) -> None:
        self.speaking.set()


class _Handler(QuietHandler):
    server: MovingCamera

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        number = 0
        while not self.server.closing.wait(0.05):
            if not self.server.speaking.wait(0.5):
                continue
            jpeg = self.server.pictures[number % len(self.server.pictures)]
            number += 1
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + b"\r\n")


def picture(number: int, light: float = 1.0) -> bytes:
    """A JPEG of the square at its place `number` (0..19); `light` dims it."""
    # Grained, so that it is not taken for a covered lens.
    floor = np.random.default_rng(7).integers(20, 140, (240, 320, 3), np.uint8)
    cv2.rectangle(floor, (10 * number, 100), (10 * number + 50, 150), (0, 0, 255), cv2.FILLED)
    good, raw = cv2.imencode(".jpg", (floor * light).astype(np.uint8))
    assert good
    return raw.tobytes()


@contextmanager
def moving_camera(pictures: list[bytes] | None = None) -> Iterator[MovingCamera]:
    """Run a MovingCamera for the length of a `with`."""
    camera = MovingCamera(pictures)
    with serving(camera, camera.closing):
        yield camera
