"""One camera's two threads: the reader fills the slot, the worker asks, counts and tells."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from edge_camera.alerts import Fired
from edge_camera.candidate import Asker
from edge_camera.capture.messages import Reason
from edge_camera.client import Reply, State
from edge_camera.clocksync import clock_synced
from edge_camera.events import Changes, Event, EventMaker
from edge_camera.frame import Frame
from edge_camera.mailbox import Mailbox
from edge_camera.metrics import CameraState, Cause
from edge_camera.record import Record
from edge_camera.sight import Sight
from edge_camera.snapshots import Snapshots
from edge_camera.source import Source
from edge_camera.summary import Window
from edge_camera.turns import Turns
from edge_common.clock import Clock
from edge_common.errors import StartError

log = logging.getLogger(__name__)

# How often a worker without frames looks whether its summary is due.
_TICK_S = 1.0


Watcher = Callable[[Frame, Reply], None]


@dataclass(slots=True, kw_only=True)
class Reader:
    """Read one source into the mailbox until it ends or `stop` is set."""

    source: Source
    mailbox: Mailbox[Frame]
    record: Record
    stop: threading.Event

    def run(self) -> None:
        """Read; whatever ends it, the worker learns of it by the closed mailbox."""
        reason = Reason.OPEN_FAILED
        try:
            self._read()
            reason = Reason.ENDED
        except StartError as exc:
            log.error("camera %s: %s", self.record.camera, exc)
        finally:
            # An end that was asked for, of the process or for a changed config, is no fault of the camera.
            if not self.stop.is_set():
                self.record.enter(CameraState.DOWN, reason.value)
            self.mailbox.close()

    def _read(self) -> None:
        for frame in self.source.frames(self.stop):
            if not self.record.reading:
                self.record.enter(CameraState.OK)
            self.record.captured(frame, replaced=self.mailbox.put(frame))
            if self.source.waits:
                self.mailbox.wait_free()


@dataclass(slots=True, kw_only=True)
class Worker:
    """Take frames from the mailbox until it is closed and empty; then tell the last summary."""

    mailbox: Mailbox[Frame]
    record: Record
    sight: Sight
    turns: Turns
    deadline_s: float
    newest: bool
    client: Asker
    maker: EventMaker
    changes: Changes
    emit: Callable[[Event], None]
    watchers: list[Watcher]
    clock: Clock
    summary_s: float
    window: Window
    snapshots: Snapshots | None = None
    last_state: State = State.OK

    def run(self) -> None:
        """Work until the reader is done."""
        self.client.prepare()
        while not self.mailbox.ended:
            frame = self.mailbox.take(_TICK_S)
            self._tell_states()
            if frame is not None:
                self.handle(frame)
            if self.window.age(self.clock.monotonic()) >= self.summary_s:
                self._summarise()
        self._tell_states()
        self._summarise()
        self.client.close()

    def handle(self, frame: Frame) -> None:
        """Bring one frame to its end: skipped, answered, or lost."""
        admitted, fired = self.sight.admit(frame, self.clock.monotonic())
        if admitted is None:
            seen = self.sight.seen
            if fired and seen is not None:
                self._alert(self.sight.mask(frame), replace(seen, age_s=self._age(frame)), fired)
            return
        frame, reply = self._ask(admitted)
        now = self.clock.monotonic()
        reply, fired = self.sight.follow(frame, reply, now)
        self._alert(frame, reply, fired)
        self._log_change(reply)
        self.window.add(reply)
        if self.changes.worth_telling(reply, now):
            self.emit(self.maker.detection(frame, reply))
        for watch in self.watchers:
            watch(frame, reply)

    def _ask(self, frame: Frame) -> tuple[Frame, Reply]:
        """Wait for a turn and ask about the newest frame there is by then; count how it ended."""
        age = self._age(frame)
        if not self.turns.enter(self.record.camera, self.deadline_s - age):
            self.record.sent()
            self.record.lost(Cause.BUSY)
            detail = "other cameras had every turn at the model"
            return frame, Reply(state=State.REJECTED, age_s=self._age(frame), detail=detail)
        try:
            newer = self.mailbox.take(0) if self.newest else None
            if newer is not None:
                self.record.replaced()
                frame = self.sight.mask(newer)
            self.record.sent()
            reply = self.client.ask(frame)
        finally:
            self.turns.leave()
        if reply.state is State.OK:
            self.record.answered(reply.age_s, reply.inference_s, self.clock.monotonic(), reply.track)
        else:
            self.record.lost(Cause(reply.state.value))
        return frame, reply

    def _age(self, frame: Frame) -> float:
        return self.clock.monotonic() - frame.stamp.monotonic

    def _alert(self, frame: Frame, reply: Reply, fired: list[Fired]) -> None:
        for each in fired:
            event = self.maker.alert(frame, reply, each)
            if each.snapshot and self.snapshots is not None:
                event = self.snapshots.take(event, frame, reply)
            self.emit(event)

    def _tell_states(self) -> None:
        for entered, reason in self.record.changes():
            self.emit(self.maker.camera_state(self.clock.time(), clock_synced(), entered, reason))

    def _log_change(self, reply: Reply) -> None:
        if reply.state is not self.last_state:
            log.warning(
                "inference is %s (was %s) %s", reply.state, self.last_state, reply.detail,
                extra={"camera": self.record.camera},
            )  # fmt: skip
        self.last_state = reply.state

    def _summarise(self) -> None:
        state = self.window.state
        summary = self.window.close(self.clock.monotonic())
        self.emit(self.maker.summary(self.clock.time(), clock_synced(), state, summary))
