"""The running whole: cameras, sinks and listeners, started and stopped in order."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from edge_camera.candidate import Shadow
from edge_camera.events import Event
from edge_camera.live import Gallery
from edge_camera.pipeline import Reader, Worker
from edge_camera.sinks.base import Outbox
from edge_common.server import Server

log = logging.getLogger(__name__)

# After a stop, sinks have this long to get rid of what is queued.
FLUSH_S = 5.0


class Fanout:
    """Give every event to the page and to each sink's queue; encoded once."""

    def __init__(self, note: Callable[[Event], None], outboxes: list[Outbox]) -> None:
        self._note, self.outboxes = note, outboxes

    def __call__(self, event: Event) -> None:
        self._note(event)
        line = event.line()
        for outbox in self.outboxes:
            outbox.put(line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One camera's two halves, each for a thread of its own."""

    reader: Reader
    worker: Worker
    shadow: Shadow | None = None


@dataclass(slots=True, kw_only=True)
class Ingest:
    """Everything that runs. `halt` ends the readers; the rest follows from their closed mailboxes."""

    lanes: list[Lane]
    fanout: Fanout
    gallery: Gallery
    servers: list[Server]
    halt: threading.Event
    drain_s: float
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Listen, then read: whoever waits for the health endpoint finds the page complete."""
        for server in self.servers:
            server.start()
        for outbox in self.fanout.outboxes:
            outbox.start()
        for lane in self.lanes:
            if lane.shadow is not None:
                lane.shadow.start()
            self._run(lane.worker.run, f"worker-{lane.worker.record.camera}")
            self._run(lane.reader.run, f"reader-{lane.reader.record.camera}")

    def _run(self, target: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def ended(self) -> bool:
        """Return True when every camera has ended and its last frame is accounted for."""
        return not any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Read no more, finish the frames in hand, flush the sinks, close the listeners."""
        self.halt.set()
        for thread in self._threads:
            thread.join(self.drain_s)
            if thread.is_alive():
                log.warning("thread %s did not end within %g s", thread.name, self.drain_s)
        for lane in self.lanes:
            if lane.shadow is not None:
                lane.shadow.stop(self.drain_s)
        for outbox in self.fanout.outboxes:
            outbox.stop(FLUSH_S)
        self.gallery.closing.set()
        for server in self.servers:
            server.stop()
