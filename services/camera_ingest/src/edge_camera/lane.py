"""One camera's threads, started and stopped together."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from edge_camera.candidate import Shadow
from edge_camera.config import Camera
from edge_camera.live import Screen
from edge_camera.metrics import CameraState
from edge_camera.pipeline import Reader, Worker

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Lane:
    """A camera's reader and worker, each in a thread of its own. `halt` ends the reader, the rest follows from that."""

    camera: Camera
    reader: Reader
    worker: Worker
    screen: Screen
    halt: threading.Event
    drain_s: float
    shadow: Shadow | None = None
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to read and to ask."""
        self.worker.record.enter(CameraState.CONNECTING)
        self.worker.record.rate(self.camera.fps)
        if self.shadow is not None:
            self.shadow.start()
        self._run(self.worker.run, "worker")
        self._run(self.reader.run, "reader")

    def _run(self, target: Callable[[], None], what: str) -> None:
        thread = threading.Thread(target=target, name=f"{what}-{self.camera.name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def ended(self) -> bool:
        """Return True when the camera has ended and its last frame is accounted for."""
        return not any(thread.is_alive() for thread in self._threads)

    def join(self) -> None:
        """After `halt` was set: wait until the frames in hand are finished, for at most about `drain_s`."""
        for thread in self._threads:
            thread.join(self.drain_s)
            if thread.is_alive():
                log.warning("thread %s did not end within %g s", thread.name, self.drain_s)
        if self.shadow is not None:
            self.shadow.stop(self.drain_s)
