"""One camera from reader to events, with a scripted source and client: the books close, every event is valid."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from books import assert_valid
from edge_camera.alerts import Alert
from edge_camera.answer import Answer
from edge_camera.client import Reply, State
from edge_camera.config import Camera
from edge_camera.events import Changes, Event, EventMaker
from edge_camera.frame import Frame, Stamp
from edge_camera.live import Gallery, Screen
from edge_camera.mailbox import Mailbox
from edge_camera.metrics import CameraState, Cause, Metrics
from edge_camera.motion import Motion
from edge_camera.pipeline import Reader, Worker
from edge_camera.record import Record
from edge_camera.sight import Sight
from edge_camera.status import status_document, totals_document
from edge_camera.summary import Window
from edge_camera.turns import Turns
from edge_camera.view import create_app
from edge_common.errors import StartError


class FakeClock:
    """Time moves only when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_700_000_000 + self.now


@dataclass
class ScriptedSource:
    """`count` frames, 0.1 s apart on their time line; one in ten undecodable when so asked."""

    clock: FakeClock
    count: int
    waits: bool = True
    broken: bool = False
    on_undecodable: Callable[[int], None] | None = None
    fault: str = ""

    def frames(self, stop: threading.Event) -> Iterator[Frame]:
        for seq in range(self.count):
            assert not stop.is_set()
            if self.broken and seq % 10 == 9:
                assert self.on_undecodable is not None
                self.on_undecodable(1)
                continue
            yield make_frame(self.clock, seq)
        if self.fault:
            raise StartError(self.fault)


def make_frame(clock: FakeClock, seq: int) -> Frame:
    stamp = Stamp(monotonic=clock.now, wall=clock.time(), clock_synced=True)
    pixels = np.full((48, 64, 3), seq % 255, np.uint8)
    return Frame(camera="dock-3", seq=seq, pixels=pixels, stamp=stamp, position_s=seq * 0.1)


@dataclass
class ScriptedClient:
    """Walk through `states`, 20 ms a call."""

    clock: FakeClock
    states: list[State]
    asked: int = 0
    closed: bool = False

    def prepare(self) -> None:
        assert self.asked == 0

    def ask(self, frame: Frame) -> Reply:
        assert frame.camera == "dock-3"
        state = self.states[self.asked % len(self.states)]
        self.asked += 1
        self.clock.now += 0.02
        answers = tuple(Answer(label=str(i), score=0.9, box=(1.0, 2.0, 3.0, 4.0)) for i in range(self.asked % 3))
        if state is not State.OK:
            return Reply(state=state, age_s=0.02, detail="scripted")
        return Reply(state=state, answers=answers, model_version="1.0.0", age_s=0.02, inference_s=0.015)

    def close(self) -> None:
        self.closed = True


@dataclass
class Bench:
    """A whole lane, run to its end in this thread and one more."""

    fps: float = 240.0
    summary_s: float = 60.0
    clock: FakeClock = field(default_factory=FakeClock)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    events: list[Event] = field(default_factory=list)
    turns: Turns = field(default_factory=lambda: Turns(1))
    alerts: dict[str, Alert] = field(default_factory=dict)
    motion: Motion = Motion()
    mask: tuple[tuple[tuple[float, ...], ...], ...] = ()

    def __post_init__(self) -> None:
        self.camera = Camera(name="dock-3", url="x.mp4", fps=self.fps, motion=self.motion, mask=self.mask)
        self.record = Record("dock-3", Metrics(self.registry, ["dock-3"], ["stdout"]))
        self.record.enter(CameraState.CONNECTING)
        self.screen = Screen(record=self.record, quality=80)
        self.gallery = Gallery(viewers=1, stream_fps=60)
        self.gallery.screens["dock-3"] = self.screen

    def run(self, source: ScriptedSource, states: list[State]) -> None:
        mailbox = Mailbox[Frame]()
        source.on_undecodable = partial(self.record.lost, Cause.DECODE)
        reader = Reader(source=source, mailbox=mailbox, record=self.record, stop=threading.Event())
        self.client = ScriptedClient(self.clock, states)
        worker = Worker(
            mailbox=mailbox,
            record=self.record,
            sight=Sight(self.camera, self.alerts, self.record, adapts=False),
            turns=self.turns,
            deadline_s=0.5,
            newest=not source.waits,
            client=self.client,
            maker=EventMaker("gw-1", "dock-3", "m"),
            changes=Changes(10),
            emit=self.emit,
            watchers=[self.screen.show],
            clock=self.clock,
            summary_s=self.summary_s,
            window=Window(self.record, self.clock.monotonic()),
        )
        thread = threading.Thread(target=reader.run)
        if source.waits:
            thread.start()
            worker.run()
        else:  # the worker comes late: everything but the newest frame has been replaced
            thread.start()
            thread.join(10)
            worker.run()
        thread.join(10)
        assert not thread.is_alive()

    def emit(self, event: Event) -> None:
        assert_valid(json.loads(event.line()))
        self.events.append(event)
        self.gallery.note(event)

    def sample(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, {"camera": "dock-3", **labels})


def assert_books_close(totals: dict[str, Any]) -> None:
    lost = {cause: count for cause, count in totals["lost"].items() if cause != "decode"}
    assert totals["captured"] == totals["replaced"] + totals["motion"] + totals["fps"] + totals["sent"]
    assert totals["sent"] == totals["answered"] + sum(lost.values())


EVERY_STATE = [State.OK, State.OK, State.TIMEOUT, State.REJECTED, State.ERROR, State.STALE]


@pytest.mark.parametrize(
    ("fps", "waits", "broken"),
    [
        pytest.param(240, True, False, id="every frame asked"),
        pytest.param(3, True, False, id="fps limit"),
        pytest.param(240, False, False, id="worker too late"),
        pytest.param(5, True, True, id="undecodable frames"),
    ],
)
def test_books_close_and_metrics_agree(fps: float, waits: bool, broken: bool) -> None:
    bench = Bench(fps=fps)
    bench.run(ScriptedSource(bench.clock, 60, waits=waits, broken=broken), EVERY_STATE)
    totals = totals_document([bench.record])["cameras"]["dock-3"]
    assert_books_close(totals)
    assert totals["captured"] == (54 if broken else 60)
    assert totals["lost"]["decode"] == (6 if broken else 0)
    assert totals["replaced"] == (0 if waits else 59)
    for outcome in ("captured", "replaced", "fps", "sent"):
        assert bench.sample("edge_camera_frames_total", outcome=outcome) == totals[outcome]
    for cause, count in totals["lost"].items():
        assert bench.sample("edge_camera_frames_lost_total", cause=cause) == count
    assert bench.sample("edge_camera_frame_age_seconds_count") == totals["answered"]
    assert bench.client.closed


def test_a_failure_is_never_nothing_seen() -> None:
    bench = Bench()
    bench.run(ScriptedSource(bench.clock, 60), EVERY_STATE)
    detections = [event for event in bench.events if event.kind == "detection"]
    assert {event.state for event in detections} == set(EVERY_STATE)
    for event in detections:
        assert (event.model_version is not None) == (event.state is State.OK)
    assert len({event.id for event in bench.events}) == len(bench.events)


def test_the_end_is_told_by_a_state_event_and_a_summary() -> None:
    bench = Bench()
    bench.run(ScriptedSource(bench.clock, 12), [State.OK])
    *_, state, summary = bench.events
    assert (state.kind, state.state, state.priority) == ("state", State.NO_FRAME, "high")
    assert summary.kind == "summary"
    counted = json.loads(summary.line())["summary"]
    assert (counted["captured"], counted["sent"], counted["answered"]) == (12, 12, 12)
    assert counted["answers"] == {"0": 8, "1": 4}
    assert counted["age_ms"]["p50"] == pytest.approx(20.0)
    assert bench.record.state is CameraState.DOWN
    assert bench.sample("edge_camera_state", state="down") == 1
    assert bench.sample("edge_camera_state", state="ok") == 0


def test_summaries_come_at_their_interval_and_add_up() -> None:
    bench = Bench(summary_s=0.09)
    bench.run(ScriptedSource(bench.clock, 50), [State.OK])
    summaries = [json.loads(e.line())["summary"] for e in bench.events if e.kind == "summary"]
    assert len(summaries) == 11
    assert sum(s["answered"] for s in summaries) == 50


def test_a_source_that_fails_ends_its_camera_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.run(ScriptedSource(bench.clock, 3, fault="clip.mp4: gone"), [State.OK])
    assert "camera dock-3: clip.mp4: gone" in caplog.text
    assert [event.kind for event in bench.events][-2:] == ["state", "summary"]


def test_every_series_is_there_from_the_start() -> None:
    bench = Bench()
    page = generate_latest(bench.registry).decode()
    for line in (
        'edge_camera_frames_total{camera="dock-3",outcome="replaced"} 0.0',
        'edge_camera_frames_lost_total{camera="dock-3",cause="rejected"} 0.0',
        'edge_camera_frame_age_seconds_count{camera="dock-3"} 0.0',
        'edge_camera_state{camera="dock-3",state="connecting"} 1.0',
        'edge_camera_last_frame_timestamp_seconds{camera="dock-3"} 0.0',
        'edge_camera_events_total{outcome="dropped",sink="stdout"} 0.0',
        'edge_camera_inference_seconds_count{track="main"} 0.0',
    ):
        assert line in page


def test_page_status_snapshot_and_one_encode_for_all_viewers() -> None:
    bench = Bench()
    app = create_app(bench.gallery, lambda: status_document("gw-1", bench.gallery, bench.clock.monotonic()))
    http = app.test_client()
    early = http.get("/snapshot/dock-3.jpg")
    assert (early.status_code, early.get_json()["code"]) == (404, "not_found")
    bench.run(ScriptedSource(bench.clock, 5), [State.OK])
    assert bench.screen.encoded == 0, "nobody looked, so nothing was encoded"
    pictures = [http.get("/snapshot/dock-3.jpg").data for _ in range(3)]
    assert bench.screen.encoded == 1
    shown = cv2.imdecode(np.frombuffer(pictures[0], np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None and shown.shape == (48, 64, 3)
    status = http.get("/status").get_json()
    assert status["cameras"][0]["totals"]["answered"] == 5
    assert status["events"][0]["kind"] == "summary"
    assert b"edge-camera" in http.get("/").data


def test_stream_places_are_bounded_and_freed() -> None:
    bench = Bench()
    bench.run(ScriptedSource(bench.clock, 2), [State.OK])
    http = create_app(bench.gallery, dict).test_client()
    assert http.head("/stream/dock-3").status_code == 200
    first = http.get("/stream/dock-3")
    part = next(first.iter_encoded())
    assert part.startswith(b"--edge-frame\r\nContent-Type: image/jpeg\r\n")
    assert http.get("/stream/dock-3").status_code == 429
    first.close()
    again = http.get("/stream/dock-3")
    assert again.status_code == 200
    again.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/stream/nobody", 404),
        ("GET", "/nothing", 404),
        ("POST", "/status", 405),
    ],
)
def test_errors_are_json(method: str, path: str, status: int) -> None:
    reply = create_app(Bench().gallery, dict).test_client().open(path, method=method)
    assert reply.status_code == status
    assert reply.get_json().keys() == {"error", "code", "request_id"}


class NoTurns(Turns):
    """Other cameras have every turn."""

    def enter(self, camera: str, timeout_s: float) -> bool:
        assert camera == "dock-3" and 0 < timeout_s <= 0.5
        return False


def test_without_a_turn_a_frame_is_lost_as_busy_and_never_as_nothing_seen() -> None:
    bench = Bench(turns=NoTurns(1))
    bench.run(ScriptedSource(bench.clock, 5), [State.OK])
    totals = totals_document([bench.record])["cameras"]["dock-3"]
    assert_books_close(totals)
    assert (totals["lost"]["busy"], totals["answered"], bench.client.asked) == (5, 0, 0)
    assert {event.state for event in bench.events if event.kind == "detection"} == {State.REJECTED}


def test_a_frame_that_waited_for_its_turn_gives_way_to_a_newer_one() -> None:
    bench = Bench()
    mailbox = Mailbox[Frame]()

    class SlowTurns(Turns):
        def enter(self, camera: str, timeout_s: float) -> bool:
            bench.record.captured(make_frame(bench.clock, 1), replaced=mailbox.put(make_frame(bench.clock, 1)))
            return super().enter(camera, timeout_s)

    bench.client = ScriptedClient(bench.clock, [State.OK])
    worker = Worker(
        mailbox=mailbox,
        record=bench.record,
        sight=Sight(bench.camera, {}, bench.record, adapts=False),
        turns=SlowTurns(1),
        deadline_s=0.5,
        newest=True,
        client=bench.client,
        maker=EventMaker("gw-1", "dock-3", "m"),
        changes=Changes(10),
        emit=bench.emit,
        watchers=[],
        clock=bench.clock,
        summary_s=60,
        window=Window(bench.record, bench.clock.monotonic()),
    )
    first = make_frame(bench.clock, 0)
    bench.record.captured(first, replaced=False)
    worker.handle(first)
    (event,) = bench.events
    assert event.frame is not None and event.frame.seq == 1
    totals = totals_document([bench.record])["cameras"]["dock-3"]
    assert_books_close(totals)
    assert (totals["captured"], totals["replaced"], totals["sent"]) == (2, 1, 1)


def test_a_camera_slows_down_while_answers_come_too_late_and_recovers() -> None:
    bench = Bench(fps=10)
    sight = Sight(bench.camera, {}, bench.record, adapts=True)
    frame, late = make_frame(bench.clock, 0), Reply(state=State.TIMEOUT, age_s=0.6)

    def asked(seconds: float, reply: Reply) -> int:
        """Frames admitted of 20 a second, each ending as `reply`."""
        count = 0
        for _ in range(int(seconds * 20)):
            bench.clock.now += 0.05
            picture = make_frame(bench.clock, 0)
            picture = dataclasses.replace(picture, position_s=bench.clock.now)
            if sight.admit(picture, bench.clock.now)[0] is not None:
                count += 1
                sight.follow(picture, reply, bench.clock.now)
        return count

    assert sight.mask(frame) is frame, "without a mask nothing is copied"
    asked(20, late)
    slow = bench.sample("edge_camera_fps")
    assert slow is not None and slow < 1
    assert asked(10, late) <= 8
    asked(60, Reply(state=State.OK, age_s=0.1, model_version="1"))
    assert bench.sample("edge_camera_fps") == 10
    assert asked(2, Reply(state=State.OK, age_s=0.1, model_version="1")) == pytest.approx(20, abs=2)


def test_a_flickering_label_is_no_change_but_a_new_thing_is() -> None:
    bench = Bench()
    sight, changes = Sight(bench.camera, {}, bench.record, adapts=False), Changes(keepalive_s=100)

    def told(*answers: Answer) -> bool:
        bench.clock.now += 0.1
        frame = make_frame(bench.clock, 0)
        reply = Reply(state=State.OK, answers=answers, model_version="1", age_s=0.01)
        return changes.worth_telling(sight.follow(frame, reply, bench.clock.now)[0], bench.clock.now)

    box, other = (0.0, 0.0, 10.0, 10.0), (20.0, 20.0, 30.0, 30.0)
    assert told(Answer(label="3", score=0.9, box=box))
    assert not told(Answer(label="8", score=0.6, box=box)), "the same thing, misread for a moment"
    assert told(Answer(label="3", score=0.9, box=box), Answer(label="3", score=0.9, box=other))
    assert told(Answer(label="3", score=0.9, box=other)), "one has gone"
