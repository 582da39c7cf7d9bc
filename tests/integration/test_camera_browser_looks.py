"""The live page on a phone, by day and by night, and what several viewers of it cost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from flask import Flask
from playwright.sync_api import Browser
from prometheus_client import CollectorRegistry
from werkzeug.serving import make_server

from browser_support import PHONE, MovingCamera, Pod, Tab, chromium, moving_camera, picture
from camera_support import model_server
from edge_camera.client import Reply, State
from edge_camera.frame import Frame, Stamp
from edge_camera.live import Gallery, Screen
from edge_camera.metrics import Metrics
from edge_camera.record import Record
from edge_camera.status import status_document
from edge_camera.view import create_app

pytestmark = pytest.mark.browser

# A name as long as a name may be, an alert, a stalled camera and a spool: the page at its fullest.
LONG = "the-camera-over-the-northern-loading-dock-beside-the-old-gate-3"
CONFIG = """
[inference]
url = "{model}"
model = "square-detector"
deadline_ms = 5000
[[camera]]
name = "{long}"
url = "{moving}"
[[camera]]
name = "gate-1"
url = "{silent}"
capture = {{stalled_after_s = 1, read_timeout_s = 200}}
[sinks]
stdout = true
spool = {{path = "{spool}"}}
[alert.square-there]
class = "square"
cooldown_s = 5
"""

# Every text that can be seen, with its contrast against the colour behind it, as WCAG 2 reckons it.
CONTRAST = """() => {
  const parse = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll('body *')]
    .filter(e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
    .map(e => {
      const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))];
      return [e.textContent.trim().slice(0, 40), (Math.max(a, b) + .05) / (Math.min(a, b) + .05)];
    });
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def silent() -> Iterator[MovingCamera]:
    with moving_camera() as running:
        yield running


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory, silent: MovingCamera) -> Iterator[Pod]:
    folder: Path = tmp_path_factory.mktemp("looks")
    with model_server() as model, moving_camera() as moving:
        config = folder / "cameras.toml"
        config.write_text(
            CONFIG.format(model=model.url, long=LONG, moving=moving.url, silent=silent.url, spool=folder / "spool")
        )
        with Pod(config, "--gateway", "gateway-of-the-distribution-centre-north", "--summary-s", "5") as running:
            yield running


@pytest.fixture
def full(pod: Pod, silent: MovingCamera, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Tab]:
    """The page with every kind of thing on it, and all of it unfolded."""
    context: dict[str, Any] = request.param
    with Tab(browser, **context) as tab:
        tab.page.goto(pod.url)
        tab.until_it_moves(LONG)
        tab.wait("() => document.querySelectorAll('.camera canvas')[1]?.width > 4")
        # Told anew for each test: the page keeps the last events only.
        silent.speak()
        tab.until_chip("gate-1", "ok")
        silent.fall_silent()
        tab.until_chip("gate-1", "stalled")
        for kind in ("alert", "summary", "state", "detection"):
            tab.wait(
                "kind => [...document.querySelectorAll('#events td:nth-child(3)')].some(c => c.textContent === kind)",
                kind,
            )
        tab.page.evaluate("() => document.querySelectorAll('details').forEach(d => { d.open = true; })")
        yield tab
        assert tab.complaints == []


@pytest.mark.parametrize(
    "full",
    [
        pytest.param({"viewport": PHONE, "has_touch": True, "is_mobile": True}, id="390 wide"),
        pytest.param({"viewport": {"width": 320, "height": 568}, "is_mobile": True}, id="320 wide"),
    ],
    indirect=True,
)
def test_a_phone_needs_no_sideways_scroll(full: Tab) -> None:
    assert full.page.evaluate("() => document.documentElement.scrollWidth") <= full.page.evaluate("innerWidth")
    beyond = full.page.evaluate(
        "() => [...document.querySelectorAll('body *')].filter(e => e.checkVisibility()"
        " && (e.getBoundingClientRect().right > innerWidth || e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0))"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert beyond == [], "and nothing is cut off either"
    assert full.page.evaluate("() => document.querySelector('canvas').getBoundingClientRect().width") > 250


@pytest.mark.parametrize(
    "full",
    [pytest.param({"color_scheme": scheme}, id=scheme) for scheme in ("light", "dark")],
    indirect=True,
)
def test_every_word_can_be_read_by_day_and_by_night(full: Tab, request: pytest.FixtureRequest) -> None:
    ground = full.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    dark = "dark" in request.node.callspec.id
    assert (sum(int(part) for part in ground[4:-1].split(",")) < 200) is dark
    _assert_readable(full)
    full.page.evaluate("() => lose()")
    full.page.evaluate("() => { document.querySelector('#gateway').className = 'chip wait'; }")
    assert full.page.is_visible("#lost")
    _assert_readable(full)


def _assert_readable(tab: Tab) -> None:
    found: list[tuple[str, float]] = tab.page.evaluate(CONTRAST)
    assert len(found) > 30
    assert [pair for pair in found if pair[1] < 4.5] == []


def _shown(number: int) -> tuple[Frame, Reply]:
    pixels = cv2.imdecode(np.frombuffer(picture(number), np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    stamp = Stamp(monotonic=float(number), wall=1.7e9 + number, clock_synced=True)
    frame = Frame(camera="dock-3", seq=number, pixels=pixels.astype(np.uint8), stamp=stamp, position_s=float(number))
    return frame, Reply(state=State.OK, age_s=0.02, model_version="1.0.0")


@contextmanager
def _served(app: Flask) -> Iterator[str]:
    """Serve in this process, where the count of encodings can be looked at."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def test_three_viewers_cost_one_encode_a_picture(browser: Browser) -> None:
    record = Record("dock-3", Metrics(CollectorRegistry(), ["dock-3"], []))
    screen, gallery = Screen(record=record, quality=80), Gallery(viewers=2, stream_fps=60)
    gallery.screens["dock-3"] = screen
    app = create_app(gallery, lambda: status_document("gw", gallery, 1.0))
    screen.show(*_shown(0))
    assert screen.encoded == 0, "nobody looks"
    with _served(app) as url:
        with Tab(browser) as one, Tab(browser) as two, Tab(browser) as stream:
            tabs = (one, two)
            for tab in tabs:
                tab.page.goto(url)
            stream.page.goto(url + "stream/dock-3", wait_until="commit")
            for tab in tabs:
                tab.wait("() => document.querySelector('.camera canvas')?.width === 320")
            for number in range(1, 6):
                before = [tab.pixels("dock-3") for tab in tabs]
                screen.show(*_shown(number))
                for tab, old in zip(tabs, before, strict=True):
                    tab.wait("old => document.querySelector('.camera canvas').toDataURL() !== old", old)
                assert screen.encoded == 1 + number
            # Chromium shows a part of a stream once the next has come.
            stream.wait("() => document.querySelector('img')?.naturalWidth === 320")
            assert screen.encoded == 6
            assert one.pixels("dock-3") == two.pixels("dock-3")
            assert one.complaints == two.complaints == []
        gallery.closing.set()
