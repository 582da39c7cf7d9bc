"""The running whole: cameras, sinks and listeners, started, changed and stopped in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from edge_camera.alerts import Alert
from edge_camera.clocksync import clock_synced
from edge_camera.config import Camera, Config, Inference
from edge_camera.events import Event, EventMaker
from edge_camera.lane import Lane
from edge_camera.live import Gallery
from edge_camera.metrics import Metrics, Reloaded
from edge_camera.record import Record
from edge_camera.snapshots import Snapshots
from edge_common.clock import Clock
from edge_common.errors import StartError
from edge_common.server import Server

# After a stop, all sinks together have this long to get rid of what is queued, and the pictures, too.
FLUSH_S = 5.0


class Outlet(Protocol):
    """A way out for events: a queue in front of one sink, or the spool under all of them."""

    def start(self) -> None: ...

    def put(self, line: bytes, priority: str, /) -> None: ...

    def finish(self) -> None:
        """Take no more, and begin to end."""
        ...

    def stop(self, timeout_s: float) -> None: ...


class Fanout:
    """Give every event to the page and to each sink's queue; encoded once."""

    def __init__(self, note: Callable[[Event], None], outboxes: Sequence[Outlet]) -> None:
        self._note, self.outboxes = note, outboxes

    def __call__(self, event: Event) -> None:
        self._note(event)
        line = event.line()
        for outbox in self.outboxes:
            outbox.put(line, event.priority)


class LaneMaker(Protocol):
    """Make lanes; what `build.Lanes` does."""

    def check(self, camera: Camera) -> None:
        """Raise StartError when the camera cannot be made."""
        ...

    def make(self, inference: Inference, alerts: Mapping[str, Alert], camera: Camera) -> Lane:
        """Return a lane that does not run yet; nothing else has changed, whatever is raised."""
        ...


class Difference(NamedTuple):
    """Names of the cameras that a new config has added, changed (stopped and started) and removed.

    `rules`: of the alert rules that came, went or are others; running cameras go on with the new ones.
    """

    added: list[str]
    changed: list[str]
    removed: list[str]
    rules: Sequence[str] = ()


@dataclass(slots=True, kw_only=True)
class Ingest:
    """Everything that runs."""

    config: Config
    maker: LaneMaker
    fanout: Fanout
    gallery: Gallery
    metrics: Metrics
    servers: list[Server]
    pod: EventMaker
    clock: Clock
    keep_cameras: Callable[[Iterable[str]], None]
    close_sinks: Callable[[], None]
    leaving: threading.Event
    snapshots: Snapshots | None = None
    lanes: dict[str, Lane] = field(default_factory=dict)

    def start(self) -> None:
        """Listen, then read: whoever waits for the health endpoint finds the page complete."""
        for camera in self.config.camera:
            self._take(self.maker.make(self.config.inference, self.config.alert, camera))
        for server in self.servers:
            server.start()
        for outbox in self.fanout.outboxes:
            outbox.start()
        if self.snapshots is not None:
            self.snapshots.start()
        for lane in self.lanes.values():
            lane.start()

    def tell_config(self, what: Reloaded, detail: str) -> None:
        """Count and tell what became of a changed config."""
        self.metrics.reloads.labels(what.value).inc()
        self.fanout(self.pod.config(self.clock.time(), clock_synced(), what, detail))

    def apply(self, config: Config) -> Difference:
        """Change over to `config`; cameras that are the same in both go on without losing a frame.

        Raises:
            StartError: the new config cannot be run; nothing has changed.
        """
        if config.sinks != self.config.sinks:
            raise StartError("sinks: want those of the start, found others; restart the process to change them")
        shared = config.inference == self.config.inference
        wanted = {camera.name: camera for camera in config.camera}
        stale = [name for name, lane in self.lanes.items() if not shared or wanted.get(name) != lane.camera]
        fresh = [camera for name, camera in wanted.items() if name in stale or name not in self.lanes]
        for camera in fresh:
            self.maker.check(camera)
        # Before the old ones end: whatever cannot be made leaves everything as it was.
        made = [self.maker.make(config.inference, config.alert, camera) for camera in fresh]
        difference = Difference(
            added=[camera.name for camera in fresh if camera.name not in self.lanes],
            changed=[name for name in stale if name in wanted],
            removed=[name for name in stale if name not in wanted],
            rules=_differing(self.config.alert, config.alert),
        )
        _end(self.lanes.pop(name) for name in stale)
        for lane in self.lanes.values():
            lane.worker.sight.judge_by(config.alert)
        for name in difference.removed:
            self.gallery.screens.pop(name, None)
            self.metrics.remove_camera(name)
        self.keep_cameras(wanted)
        for name in difference.added:
            self.metrics.add_camera(name)
        self.config = config
        for lane in made:
            self._take(lane)
            lane.start()
        return difference

    def _take(self, lane: Lane) -> None:
        self.lanes[lane.camera.name] = lane
        self.gallery.screens[lane.camera.name] = lane.screen

    @property
    def records(self) -> list[Record]:
        """Every camera's books."""
        return [lane.worker.record for lane in self.lanes.values()]

    def ended(self) -> bool:
        """Return True when every camera has ended and its last frame is accounted for."""
        return all(lane.ended() for lane in self.lanes.values())

    def stop(self) -> None:
        """Be ready no more, read no more, finish the frames in hand, flush the sinks, close the listeners."""
        self.leaving.set()
        _end(self.lanes.values())
        end = self.clock.monotonic() + FLUSH_S
        for outbox in self.fanout.outboxes:
            outbox.finish()
        for outbox in self.fanout.outboxes:
            outbox.stop(end - self.clock.monotonic())
        self.close_sinks()
        if self.snapshots is not None:
            self.snapshots.stop(end - self.clock.monotonic())
        self.gallery.closing.set()
        for server in self.servers:
            server.stop()


def _differing(old: Mapping[str, Alert], new: Mapping[str, Alert]) -> list[str]:
    return [name for name in {**old, **new} if old.get(name) != new.get(name)]


def _end(lanes: Iterable[Lane]) -> None:
    """Stop some lanes at once: all readers first, so that nobody waits for another's last frame."""
    ending = list(lanes)
    for lane in ending:
        lane.halt.set()
    for lane in ending:
        lane.join()
