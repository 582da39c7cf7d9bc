"""While nothing moves nobody asks: what was answered last holds until a question fails, and not a frame longer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from books import assert_valid
from edge_camera.alerts import Alert
from edge_camera.answer import Answer
from edge_camera.client import Reply, State
from edge_camera.config import Camera
from edge_camera.events import Changes, Event, EventMaker, timestamp
from edge_camera.frame import Frame, Stamp
from edge_camera.mailbox import Mailbox
from edge_camera.metrics import CameraState, Metrics
from edge_camera.motion import Motion
from edge_camera.pipeline import Reader, Worker
from edge_camera.record import Record
from edge_camera.sight import Sight
from edge_camera.summary import Window
from edge_camera.turns import Turns

START, WALL, FPS, KEEPALIVE_S = 100.0, 1_700_000_000, 10, 10.0
PERSON = Answer(label="person", score=0.9, box=(1.0, 2.0, 30.0, 40.0))
PICTURE = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)


@dataclass
class Yard:
    """A camera that looks at a picture in which nothing ever moves; also its clock, and its model."""

    alerts: dict[str, Alert]
    now: float = START
    state: State = State.OK
    answers: tuple[Answer, ...] = (PERSON,)
    asked: list[float] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        camera = Camera(name="dock-3", url="x.mp4", fps=FPS, motion=Motion(enabled=True, keepalive_s=KEEPALIVE_S))
        record = Record("dock-3", Metrics(CollectorRegistry(), ["dock-3"], []))
        self.worker = Worker(
            mailbox=Mailbox[Frame](),
            record=record,
            sight=Sight(camera, self.alerts, record, adapts=True),
            turns=Turns(1),
            deadline_s=0.5,
            newest=False,
            client=self,
            maker=EventMaker("gw-1", "dock-3", "m"),
            changes=Changes(KEEPALIVE_S),
            emit=self._emit,
            watchers=[],
            clock=self,
            summary_s=60.0,
            window=Window(record, self.now),
        )

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return WALL + self.now

    def prepare(self) -> None: ...

    def close(self) -> None: ...

    def ask(self, frame: Frame) -> Reply:
        self.asked.append(frame.position_s)
        if self.state is not State.OK:
            return Reply(state=self.state, age_s=0.01, detail="away")
        return Reply(state=State.OK, answers=self.answers, model_version="1.2.0", age_s=0.01, inference_s=0.01)

    @property
    def seconds(self) -> float:
        return round(self.now - START, 1)

    def _emit(self, event: Event) -> None:
        read = json.loads(event.line())
        assert_valid(read)
        self.told.append({**read, "at": self.seconds})

    def look(self, until_s: float) -> None:
        """Frames at 10 a second, up to so many seconds after the start."""
        while self.seconds < until_s:
            stamp = Stamp(monotonic=self.now, wall=self.time(), clock_synced=True)
            seq = round(self.seconds * FPS)
            self.worker.handle(Frame(camera="dock-3", seq=seq, pixels=PICTURE, stamp=stamp, position_s=seq / FPS))
            self.now = START + (seq + 1) / FPS

    def kind(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.told if event["kind"] == kind]


def test_after_a_failed_question_time_sets_nothing_off() -> None:
    yard = Yard({"stays": Alert(label="person", for_s=2.0, cooldown_s=60.0)})
    yard.look(3.0)
    assert [alert["at"] for alert in yard.kind("alert")] == [2.0]
    yard.state = State.ERROR
    yard.look(300.0)
    assert yard.asked[-1] > 280, "it was asked about at every keep-alive, and failed"
    # Until the first question that failed it is still there, after that it is not known.
    assert [alert["at"] for alert in yard.kind("alert")] == [2.0]
    yard.state = State.OK
    yard.look(320.0)
    back = min(at for at in yard.asked if at >= 300.0)
    assert [alert["at"] for alert in yard.kind("alert")] == [2.0, pytest.approx(back + 2.0)]
    assert yard.kind("alert")[1]["alert"]["since"] == timestamp(WALL + START + back), (
        "a new sight: nobody knows what was meanwhile"
    )


def test_after_a_failed_question_a_thing_grows_old_and_a_later_one_is_another() -> None:
    yard = Yard({})
    yard.look(30.0)
    assert {event["answers"][0]["track"] for event in yard.kind("detection")} == {"1"}, "still for half a minute"
    yard.state = State.REJECTED
    yard.look(60.0)
    yard.state = State.OK
    yard.look(90.0)
    seen = [event["answers"][0]["track"] for event in yard.kind("detection") if event["answers"]]
    assert seen[-1] == "2" and seen == sorted(seen)


def test_an_alert_that_time_sets_off_has_the_answers_it_rests_on() -> None:
    yard = Yard({"stays": Alert(label="person", for_s=5.0)})
    yard.look(6.0)
    (alert,) = yard.kind("alert")
    assert yard.asked[-1] < alert["at"] == 5.0, "nobody asked about that frame"
    assert (alert["state"], alert["model_version"], alert["frame"]["seq"]) == ("ok", "1.2.0", 50)
    (box,) = alert["answers"]
    assert (box["label"], box["box"], box["track"]) == ("person", [1.0, 2.0, 30.0, 40.0], "1")
    assert alert["age_ms"] == 0.0, "of its own frame"


def test_other_rules_hold_from_the_next_answer_and_the_same_one_keeps_its_cooldown() -> None:
    same = Alert(label="person", cooldown_s=3600.0)
    yard = Yard({"same": same, "old": Alert(label="person", cooldown_s=1.0)})
    yard.look(2.0)
    assert {alert["alert"]["rule"] for alert in yard.kind("alert")} == {"same", "old"}
    yard.told.clear()
    yard.worker.sight.judge_by({"same": same, "new": Alert(label="person")})
    yard.look(20.0)
    assert [alert["alert"]["rule"] for alert in yard.kind("alert")] == ["new"]


@dataclass
class Few:
    """A source of three frames; then it ends of itself, or because `stop` was set."""

    stopped: bool
    waits: bool = False

    def frames(self, stop: threading.Event) -> Iterator[Frame]:
        stamp = Stamp(monotonic=0.0, wall=0.0, clock_synced=True)
        for seq in range(3):
            yield Frame(camera="dock-3", seq=seq, pixels=PICTURE, stamp=stamp, position_s=seq / FPS)
        if self.stopped:
            stop.set()


@pytest.mark.parametrize(("stopped", "last"), [(False, CameraState.DOWN), (True, CameraState.OK)])
def test_a_camera_is_down_when_it_ends_of_itself_and_not_when_it_is_ended(stopped: bool, last: CameraState) -> None:
    record = Record("dock-3", Metrics(CollectorRegistry(), ["dock-3"], []))
    mailbox = Mailbox[Frame]()
    Reader(source=Few(stopped), mailbox=mailbox, record=record, stop=threading.Event()).run()
    assert record.changes()[-1][0] is last
    assert mailbox.take(0) is not None and mailbox.ended
