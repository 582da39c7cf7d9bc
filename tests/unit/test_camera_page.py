"""The parts of the live page without a browser: pictures with tags, the events it keeps, what it tells of delivery."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.resources import files

import msgspec
import numpy as np
import pytest
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry

from edge_camera.client import Reply, State
from edge_camera.deliveries import Deliveries
from edge_camera.events import AlertInfo, Event, EventMaker
from edge_camera.frame import Frame, Stamp
from edge_camera.live import RECENT_EVENTS, Gallery, Screen
from edge_camera.metrics import CameraState, Metrics
from edge_camera.record import Record
from edge_camera.spool.counters import Loss
from edge_camera.spool.spool import SpoolStats
from edge_camera.status import status_document
from edge_camera.view import create_app

MAKER = EventMaker("gw-1", "dock-3", "square-detector")


def frame(number: int) -> Frame:
    pixels = np.full((48, 64, 3), number, np.uint8)
    stamp = Stamp(monotonic=100.0 + number, wall=1.7e9 + number, clock_synced=True)
    return Frame(camera="dock-3", seq=number, pixels=pixels, stamp=stamp, position_s=float(number))


REPLY = Reply(state=State.OK, age_s=0.02, model_version="1.0.0")


@dataclass
class Wall:
    """A gallery of one screen, and the app over it."""

    metrics: Metrics = field(default_factory=lambda: Metrics(CollectorRegistry(), ["dock-3"], ["stdout", "mqtt"]))

    def __post_init__(self) -> None:
        self.gallery = Gallery(viewers=1, stream_fps=60)
        self.screen = self.renew()

    def renew(self) -> Screen:
        screen = Screen(record=Record("dock-3", self.metrics), quality=80, model="square-detector")
        self.gallery.screens["dock-3"] = screen
        return screen

    def http(self) -> FlaskClient:
        return create_app(self.gallery, dict).test_client()


def test_a_viewer_who_has_the_picture_costs_neither_bytes_nor_an_encode() -> None:
    wall = Wall()
    http = wall.http()
    wall.screen.show(frame(1), REPLY)
    first = http.get("/snapshot/dock-3.jpg")
    tag = first.headers["ETag"]
    assert first.data.startswith(b"\xff\xd8") and wall.screen.encoded == 1
    again = http.get("/snapshot/dock-3.jpg", headers={"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    wall.screen.show(frame(2), REPLY)
    newer = http.get("/snapshot/dock-3.jpg", headers={"If-None-Match": tag})
    assert newer.status_code == 200 and newer.headers["ETag"] != tag
    assert wall.screen.encoded == 2


def test_a_tag_is_of_one_process_only() -> None:
    wall = Wall()
    wall.screen.show(frame(1), REPLY)
    before = wall.screen.tag
    wall.renew().show(frame(2), REPLY)
    assert wall.gallery.screens["dock-3"].tag != before, "both are the first picture"


def test_a_stream_goes_over_to_a_changed_camera_and_ends_with_a_removed_one() -> None:
    wall = Wall()
    wall.screen.show(frame(1), REPLY)
    wall.screen.show(frame(2), REPLY)
    stream = wall.gallery.watch("dock-3")
    assert stream is not None
    first = next(stream)
    wall.renew().show(frame(200), REPLY)
    assert next(stream) != first
    del wall.gallery.screens["dock-3"]
    assert next(stream, None) is None


def detection(number: int) -> Event:
    return MAKER.detection(frame(number), REPLY)


def test_a_flood_of_detections_does_not_push_out_what_is_rare() -> None:
    gallery = Wall().gallery
    rare = MAKER.camera_state(1.7e9, True, CameraState.STALLED)
    gallery.note(detection(0))
    gallery.note(rare)
    flood = [detection(number) for number in range(1, 100)]
    for event in flood:
        gallery.note(event)
    assert gallery.events() == [*flood[::-1][:RECENT_EVENTS], rare]


def test_the_page_keeps_no_picture_of_an_alert() -> None:
    gallery = Wall().gallery
    info = AlertInfo(rule="r", label="square", score=0.9, since="2026-01-01T00:00:00.000Z", jpeg="A" * 100_000)
    gallery.note(msgspec.structs.replace(detection(1), kind="alert", priority="high", alert=info))
    (kept,) = gallery.events()
    assert len(kept.line()) < 1000
    assert kept.alert == msgspec.structs.replace(info, jpeg=msgspec.UNSET)


def test_status_tells_age_model_and_who_answered() -> None:
    wall = Wall()
    before = status_document("gw-1", wall.gallery, 100.0)["cameras"][0]
    assert (before["picture_age_s"], before["track"], before["model"]) == (None, None, "square-detector")
    wall.screen.show(frame(1), REPLY)
    document = status_document("gw-1", wall.gallery, 113.0)
    after = document["cameras"][0]
    assert (after["picture_age_s"], after["track"], after["model_version"]) == (12.0, "main", "1.0.0")
    assert msgspec.to_builtins(document["deliveries"]) == {"sinks": [], "spool": None}


def test_deliveries_are_what_the_metrics_say() -> None:
    metrics = Wall().metrics
    metrics.events.labels("stdout", "ok").inc(5)
    metrics.events.labels("mqtt", "failed").inc(2)
    metrics.events.labels("mqtt", "dropped").inc()
    metrics.spool_bytes.set(4096)
    metrics.spool_oldest.set(12.34)
    metrics.spool_dropped.labels("low", Loss.CAP.value).inc(3)
    metrics.spool_dropped.labels("high", Loss.AGE.value).inc()
    deliveries = Deliveries(metrics=metrics, sinks=["stdout", "mqtt"], max_bytes=8192)
    assert msgspec.to_builtins(deliveries.view()) == {
        "sinks": [
            {"name": "stdout", "ok": 5, "failed": 0, "dropped": 0, "waiting": None},
            {"name": "mqtt", "ok": 0, "failed": 2, "dropped": 1, "waiting": None},
        ],
        "spool": {"bytes": 4096, "max_bytes": 8192, "oldest_s": 12.3, "lost": 4, "writable": True},
    }


@pytest.mark.parametrize("writable", [True, False])
def test_deliveries_know_who_waits_when_the_spool_tells(writable: bool) -> None:
    stats = SpoolStats(4096, 12.0, {"mqtt": 7, "stdout": 0}, 1, writable)
    view = Deliveries(
        metrics=Wall().metrics, sinks=["stdout", "mqtt"], max_bytes=8192, stats=lambda: stats
    ).view()  # fmt: skip
    assert [sink.waiting for sink in view.sinks] == [0, 7]
    assert view.spool is not None and view.spool.writable is writable


def test_without_a_spool_there_is_none_on_the_page() -> None:
    assert Deliveries(metrics=Wall().metrics, sinks=[]).view().spool is None


@pytest.mark.parametrize("path", ["/", "/page.css", "/page.js"])
def test_the_page_is_whole_in_itself_and_runs_no_script_of_others(path: str) -> None:
    reply = Wall().http().get(path)
    assert reply.status_code == 200
    assert "unsafe" not in reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    # The one address is SVG's name for itself, in the icon.
    assert set(re.findall(r"https?://[\w.]+", reply.get_data(as_text=True))) <= {"http://www.w3.org"}


def test_the_page_has_words_for_every_state_of_a_camera() -> None:
    script = files("edge_camera").joinpath("static/page.js").read_text(encoding="utf-8")
    words = script.partition("const WORDS = {")[2].partition("};")[0]
    assert {state.value for state in CameraState} == set(re.findall(r"(\w+): \"", words))


@pytest.mark.parametrize("leaving", [False, True])
def test_a_process_that_is_to_end_lives_and_is_not_ready(leaving: bool) -> None:
    http = create_app(Wall().gallery, dict, lambda: leaving).test_client()
    assert http.get("/v2/health/live").get_json() == {"live": True}
    ready = http.get("/v2/health/ready")
    if leaving:
        body = ready.get_json()
        assert (ready.status_code, body.pop("ready"), body["code"]) == (503, False, "not_ready")
        assert body.keys() == {"error", "code", "request_id"} and ready.headers["Retry-After"] == "1"
    else:
        assert (ready.status_code, ready.get_json()) == (200, {"ready": True})


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        pytest.param("GET", "/status", 500, "internal", id="bug"),
        pytest.param("GET", "/snapshot/dock-9.jpg", 404, "not_found", id="camera"),
        pytest.param("GET", "/none", 404, "not_found", id="path"),
        pytest.param("GET", "/stream//dock-3", 404, "not_found", id="no-redirect"),
        pytest.param("POST", "/status", 405, "method_not_allowed", id="method"),
    ],
)
def test_every_error_has_the_one_shape_and_a_bug_says_nothing_of_the_inside(
    method: str, path: str, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> dict[str, object]:
        raise RuntimeError("hunter2")

    reply = (
        create_app(Wall().gallery, broken).test_client().open(path, method=method, headers={"X-Request-Id": "q\u00e47"})
    )
    assert (reply.status_code, reply.get_json()["code"]) == (status, code)
    assert reply.get_json().keys() == {"error", "code", "request_id"}
    assert reply.get_json()["request_id"] == reply.headers["X-Request-Id"] == "q7"
    assert "hunter2" not in reply.get_data(as_text=True)
    assert ("Allow" in reply.headers) == (status == 405)
    assert [record.getMessage() for record in caplog.records] == ["unhandled error"] * (status == 500)


def test_an_answer_to_a_client_without_an_id_has_a_new_one_and_no_header() -> None:
    http = Wall().http()
    first, second = http.get("/none"), http.get("/none")
    assert first.get_json()["request_id"] != second.get_json()["request_id"]
    assert "X-Request-Id" not in first.headers
