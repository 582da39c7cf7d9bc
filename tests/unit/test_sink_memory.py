"""Sinks without a spool on disk: the same tries, a bounded memory, and every event counted once."""

from __future__ import annotations

import threading

import pytest
from prometheus_client import CollectorRegistry

from edge_camera.metrics import Delivery, Metrics
from edge_camera.sinks.base import Sink
from edge_camera.spool.held import MAX_BYTES, MAX_EVENTS
from edge_camera.spool.outbox import SpooledOutbox, Undeliverable
from edge_camera.spool.spool import Spool
from edge_camera.spooled import SinkDrops, outlets
from edge_common.clock import SystemClock
from spool_support import line, number_of

WAIT_S = 20.0


class FlakySink:
    """Fails `failures` times; will never take event 2; `reached` is set at `goal` events."""

    name = "webhook"

    def __init__(self, goal: int, failures: int = 0) -> None:
        self.goal, self.failures = goal, failures
        self.lines: list[bytes] = []
        self.reached = threading.Event()

    def send(self, line: bytes) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("away")
        if number_of(line) == 2:
            raise Undeliverable("not that one")
        self.lines.append(line)
        if len(self.lines) == self.goal:
            self.reached.set()


class GatedSink(FlakySink):
    """Hangs in its first delivery until it is let go."""

    def __init__(self, goal: int = 0) -> None:
        super().__init__(goal)
        self.entered, self.let_go = threading.Event(), threading.Event()

    def send(self, line: bytes) -> None:
        self.entered.set()
        self.let_go.wait(WAIT_S)
        super().send(line)


class House:
    """One sink, and what is counted for it."""

    def __init__(self, sink: Sink) -> None:
        self.metrics = Metrics(CollectorRegistry(), [], [sink.name])
        drops = SinkDrops(self.metrics, sink.name)
        self.spool = Spool.in_memory(SystemClock(), drops)

        def count(name: str, what: Delivery) -> None:
            self.metrics.events.labels(name, what.value).inc()

        self.box = SpooledOutbox(self.spool, [sink], count, drops, jitter=lambda: 0.0)

    def counted(self) -> dict[str, int]:
        return {what.value: int(self.metrics.events.labels("webhook", what.value)._value.get()) for what in Delivery}


def test_what_fails_is_tried_again_and_what_is_refused_is_dropped() -> None:
    sink = FlakySink(goal=5, failures=30)
    house = House(sink)
    house.box.start()
    for number in range(6):
        house.box.put(line(number), "low")
    assert sink.reached.wait(WAIT_S)
    house.box.stop(5)
    assert sink.lines == [line(number) for number in (0, 1, 3, 4, 5)]
    assert house.counted() == {"ok": 5, "failed": 30, "dropped": 1}


def test_each_sink_gets_everything_whatever_another_does() -> None:
    gated, good = GatedSink(), FlakySink(goal=3)
    gated.name, metrics = "mqtt", Metrics(CollectorRegistry(), [], ["mqtt", "webhook"])
    boxes = outlets([gated, good], None, metrics, SystemClock())
    for box in boxes:
        box.start()
        for number in range(3, 6):
            box.put(line(number), "low")
    assert good.reached.wait(WAIT_S)
    assert gated.entered.wait(WAIT_S)
    gated.let_go.set()
    for box in boxes:
        box.stop(5)
    assert gated.lines == good.lines == [line(number) for number in range(3, 6)]


def test_memory_keeps_the_important_and_the_newest_and_counts_each_event_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_camera.spool.held.MAX_EVENTS", 50)
    sink = GatedSink()
    house = House(sink)
    house.spool.append_many([(line(number), "low") for number in range(10, 20)])
    house.box.start()
    assert sink.entered.wait(WAIT_S), "ten events are in its hands"
    house.spool.append_many([(line(number), "high") for number in range(20, 25)])
    house.spool.append_many([(line(number), "low") for number in range(25, 125)])
    assert house.counted() == {"ok": 0, "failed": 0, "dropped": 55}
    sink.let_go.set()
    house.box.stop(WAIT_S)
    assert sink.lines == [line(number) for number in (*range(10, 25), *range(80, 125))]
    assert house.counted() == {"ok": 60, "failed": 0, "dropped": 55}


def test_memory_is_bounded_by_bytes_too() -> None:
    house = House(FlakySink(goal=0))
    big = 100_000
    for number in range(60):
        house.spool.append(line(number, big), "low")
    held = house.spool.stats().in_memory
    assert held == MAX_BYTES // len(line(10, big)) < MAX_EVENTS
    assert house.counted()["dropped"] == 60 - held
    house.spool.close()
    assert house.counted()["dropped"] == 60


def test_what_is_left_at_the_end_and_what_comes_later_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    sink = GatedSink()
    house = House(sink)
    house.box.start()
    for number in range(500):
        house.box.put(line(number), "low")
    assert sink.entered.wait(WAIT_S)
    house.box.stop(0.2)
    assert house.counted() == {"ok": 0, "failed": 0, "dropped": 500}
    assert "500 events that only memory held (for webhook) are lost" in caplog.text
    house.box.put(line(500), "low")
    assert house.counted()["dropped"] == 501
    sink.let_go.set()
