"""Between the cameras and the sinks, with the spool under all of them: nothing that is slow can hold a camera up."""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol, runtime_checkable

from edge_camera.metrics import Delivery
from edge_camera.sinks.base import Sink
from edge_camera.spool.counters import Loss, SpoolCounters
from edge_camera.spool.cursor import Cursor
from edge_camera.spool.format import Entry
from edge_camera.spool.spool import Spool

log = logging.getLogger(__name__)

# Events between the cameras and the disk: seconds of a disk that hangs.
QUEUE = 2000
# Events that go to the disk in one write and one sync, or to a sink in one message.
BATCH = 256
FIRST_S, LONGEST_S = 0.5, 30.0
_TICK_S = 1.0

Count = Callable[[str, Delivery], None]
# An event and its priority.
Item = tuple[bytes, str]


class Undeliverable(OSError):
    """Raised by a sink for an event that it will never take, however often it is tried: it is dropped and counted.

    In a batch, the first `done` events were delivered, the next is the one, and those after it are to be sent again.
    An OSError, so that who knows nothing of it takes it for a failure.
    """

    def __init__(self, reason: str, done: int = 0) -> None:
        super().__init__(reason)
        self.done = done


class Unfinished(OSError):
    """The first `done` events of a batch were delivered; the others are to be tried again, in `wait_s` or later."""

    def __init__(self, reason: str, done: int = 0, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.done, self.wait_s = done, wait_s


@runtime_checkable
class BatchSink(Protocol):
    """A sink that takes many events at once."""

    max_batch: int

    def send_many(self, lines: Sequence[bytes]) -> None:
        """Deliver events in order.

        Raises:
            OSError: none could be delivered.
            Unfinished: not all could be.
            Undeliverable: one never can be.
        """
        ...


class SpooledOutbox:
    """Put every event into the spool once, and from there to each sink at its own pace. Owns the spool."""

    def __init__(
        self,
        spool: Spool,
        sinks: Sequence[Sink],
        count: Count,
        counters: SpoolCounters,
        *,
        capacity: int = QUEUE,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._spool, self._counters, self._capacity = spool, counters, capacity
        # Bounded by `put`, so that the end always finds room.
        self._queue: queue.Queue[Item | None] = queue.Queue()
        self._gate = threading.Lock()
        self._ending = False
        self._hand: list[Item] = []
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._couriers = [Courier(sink, spool.reader(sink.name), count, jitter) for sink in sinks]

    def start(self) -> None:
        """Begin to spool and to deliver."""
        self._thread.start()
        for courier in self._couriers:
            courier.start()

    def put(self, line: bytes, priority: str) -> None:
        """Queue an event for the disk; when that is too slow, or at the end, the event is dropped and counted."""
        with self._gate:
            room = not self._ending and self._queue.qsize() < self._capacity
            if room:
                self._queue.put((line, priority))
        if not room:
            self._counters.dropped(priority, Loss.QUEUE, 1)

    def finish(self) -> None:
        """Take no more, and begin to end: spool what is queued, deliver what can be, try nothing again."""
        with self._gate:
            if not self._ending:
                self._queue.put(None)
            self._ending = True

    def stop(self, timeout_s: float) -> None:
        """Finish within `timeout_s`. What was not delivered stays on the disk for the next run, or is counted."""
        end = time.monotonic() + timeout_s
        self.finish()
        self._thread.join(max(0.0, timeout_s))
        self._finish_couriers()
        for courier in self._couriers:
            courier.join(max(0.0, end - time.monotonic()))
        if self._thread.is_alive():
            self._count_queued()
        else:
            self._spool.close()

    def _finish_couriers(self) -> None:
        for courier in self._couriers:
            courier.finish()
        self._spool.hurry()

    def _count_queued(self) -> None:
        """The disk hangs: count what it has not taken, or at least has not said so."""
        lost = list(self._hand)
        with suppress(queue.Empty):
            while (item := self._queue.get_nowait()) is not None:
                lost.append(item)
        self._queue.put(None)
        for _, priority in lost:
            self._counters.dropped(priority, Loss.QUEUE, 1)
        log.warning("the spool's disk hangs; %d events are lost", len(lost))

    def _run(self) -> None:
        going = True
        while going:
            self._hand, going = self._gather()
            if self._hand:
                self._spool.append_many(self._hand)
            self._hand = []
            self._spool.tick()
        self._finish_couriers()

    def _gather(self) -> tuple[list[Item], bool]:
        """Return what is queued, waiting a little for the first; False when that was the last."""
        batch: list[Item] = []
        try:
            item = self._queue.get(timeout=_TICK_S)
            while item is not None:
                batch.append(item)
                if len(batch) == BATCH:
                    return batch, True
                item = self._queue.get_nowait()
        except queue.Empty:
            return batch, True
        return batch, False


class Courier:
    """Bring one sink everything that is in the spool, in order, however long it takes."""

    def __init__(self, sink: Sink, cursor: Cursor, count: Count, jitter: Callable[[], float]) -> None:
        self._sink, self._cursor, self._count, self._jitter = sink, cursor, count, jitter
        self._size = min(BATCH, sink.max_batch) if isinstance(sink, BatchSink) else 1
        self._finishing = threading.Event()
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name=f"sink-{sink.name}", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def finish(self) -> None:
        """Deliver what is there and end; at the first failure at once."""
        self._finishing.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the end."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            # Asked for before reading: what came until then is delivered.
            finishing = self._finishing.is_set()
            entries = self._cursor.next(BATCH, 0.0 if finishing else _TICK_S)
            if not entries and (finishing or self._cursor.closed):
                return
            for at in range(0, len(entries), self._size):
                if not self._bring(entries[at : at + self._size]):
                    return

    def _bring(self, entries: list[Entry]) -> bool:
        """Deliver and acknowledge; False when the program ends before it could be done."""
        while entries:
            done, pause_s = self._try(entries)
            if done:
                self._cursor.ack(entries[done - 1].seq)
                entries = entries[done:]
            if pause_s is not None and self._finishing.wait(pause_s):
                return False
        return True

    def _try(self, entries: list[Entry]) -> tuple[int, float | None]:
        """Return how many events are done with, and after a failure how long to wait before the next try."""
        try:
            self._send([entry.line for entry in entries])
        except Undeliverable as exc:
            log.warning("sink %s refuses an event for good: %s", self._sink.name, exc)
            self._delivered(exc.done)
            self._count(self._sink.name, Delivery.DROPPED)
            return exc.done + 1, None
        except OSError as exc:
            done, wait_s = (exc.done, exc.wait_s) if isinstance(exc, Unfinished) else (0, 0.0)
            if done:
                self._delivered(done)
            if self._failures == 0:
                log.warning("sink %s fails: %s; its events wait", self._sink.name, exc)
            self._count(self._sink.name, Delivery.FAILED)
            return done, max(wait_s, self._delay())
        self._delivered(len(entries))
        return len(entries), None

    def _delivered(self, number: int) -> None:
        """Also after a refusal: who refuses is there."""
        if self._failures:
            log.warning("sink %s works again", self._sink.name)
        self._failures = 0
        for _ in range(number):
            self._count(self._sink.name, Delivery.OK)

    def _send(self, lines: list[bytes]) -> None:
        if isinstance(self._sink, BatchSink):
            self._sink.send_many(lines)
        else:
            self._sink.send(lines[0])

    def _delay(self) -> float:
        """Full jitter: gateways that lost the same broker do not come back to it at the same moment."""
        ceiling = min(LONGEST_S, FIRST_S * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return self._jitter() * ceiling
