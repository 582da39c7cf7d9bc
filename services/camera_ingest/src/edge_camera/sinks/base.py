"""What a sink is, and the bounded queue in front of it."""

from __future__ import annotations

import logging
import queue
import threading
from typing import Protocol

from edge_camera.metrics import Delivery, Metrics

log = logging.getLogger(__name__)

# Events waiting for one sink: minutes of a busy gateway at about 1 kB each; further ones are dropped.
QUEUE = 2000


class Sink(Protocol):
    """A way out of the process; `name` is a metric label."""

    name: str

    def send(self, line: bytes) -> None:
        """Deliver one event (a JSON object without a newline).

        Raises:
            OSError: it could not be delivered.
        """
        ...


class Outbox:
    """Deliver events to one sink in order, in a thread of its own."""

    def __init__(self, sink: Sink, metrics: Metrics, capacity: int = QUEUE) -> None:
        self._sink = sink
        self._metrics = metrics
        self._queue: queue.Queue[bytes | None] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._run, name=f"sink-{sink.name}", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def put(self, line: bytes, _priority: str = "normal") -> None:
        """Queue an event; when the queue is full the event is dropped and counted. Here none goes before another."""
        try:
            self._queue.put_nowait(line)
        except queue.Full:
            self._count(Delivery.DROPPED)

    def stop(self, timeout_s: float) -> None:
        """Deliver what is queued, for at most `timeout_s`, and end."""
        try:
            self._queue.put(None, timeout=timeout_s)
        except queue.Full:
            log.warning("sink %s is stuck; %d events are lost", self._sink.name, self._queue.qsize())
            return
        self._thread.join(timeout_s)

    def _run(self) -> None:
        failing = False
        while (line := self._queue.get()) is not None:
            try:
                self._sink.send(line)
            except OSError as exc:
                self._count(Delivery.FAILED)
                if not failing:
                    log.warning("sink %s fails: %s", self._sink.name, exc)
                failing = True
            else:
                self._count(Delivery.OK)
                failing = False

    def _count(self, outcome: Delivery) -> None:
        self._metrics.events.labels(self._sink.name, outcome.value).inc()
