"""The way from the cameras through the spool to the sinks, with sinks that fail, refuse and hang."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge_camera.metrics import Delivery
from edge_camera.sinks.base import Sink
from edge_camera.spool.counters import Loss
from edge_camera.spool.disk import Disk
from edge_camera.spool.outbox import SpooledOutbox, Undeliverable
from spool_support import Bench, BrokenDisk, line

WAIT_S = 20.0


class ListSink:
    """Keeps what it is given; fails for the first `failures` attempts; `reached` is set at `goal` events."""

    def __init__(self, name: str = "list", goal: int = 0, failures: int = 0) -> None:
        self.name, self.goal, self.failures = name, goal, failures
        self.lines: list[bytes] = []
        self.attempts = 0
        self.reached = threading.Event()

    def send(self, line: bytes) -> None:
        self.attempts += 1
        if self.attempts <= self.failures:
            raise OSError("broker is away")
        self.lines.append(line)
        if len(self.lines) >= self.goal:
            self.reached.set()


class PackSink(ListSink):
    """Takes up to four at once."""

    max_batch = 4

    def __init__(self, goal: int) -> None:
        super().__init__("pack", goal)
        self.packs: list[int] = []

    def send_many(self, lines: Sequence[bytes]) -> None:
        self.packs.append(len(lines))
        for one in lines:
            self.send(one)


class PickySink(ListSink):
    """Will never take event 2."""

    def send(self, line: bytes) -> None:
        if line.startswith(b'{"id": 2}'):
            raise Undeliverable("too strange")
        super().send(line)


class StuckSink(ListSink):
    """Hangs until it is let go."""

    def __init__(self) -> None:
        super().__init__("stuck")
        self.entered, self.let_go = threading.Event(), threading.Event()

    def send(self, line: bytes) -> None:
        self.entered.set()
        self.let_go.wait(WAIT_S)
        raise OSError(f"gave up {line!r}")


class House:
    """A bench with an outbox on it; counted by sink and outcome."""

    def __init__(self, root: Path, *sinks: Sink, disk: Disk | None = None, capacity: int = 2000) -> None:
        self.bench = Bench(root, disk)
        self.counts: Counter[tuple[str, Delivery]] = Counter()
        self.box = SpooledOutbox(
            self.bench.spool, sinks, self._count, self.bench.tally, capacity=capacity, jitter=lambda: 0.0
        )

    def _count(self, sink: str, outcome: Delivery) -> None:
        self.counts[sink, outcome] += 1

    def put(self, count: int, start: int = 0) -> list[bytes]:
        lines = [line(number) for number in range(start, start + count)]
        for number, one in enumerate(lines):
            self.box.put(one, ("high", "normal", "low")[number % 3])
        return lines


def test_every_sink_gets_everything_in_order(tmp_path: Path) -> None:
    one, two = ListSink("one", 50), ListSink("two", 50)
    house = House(tmp_path, one, two)
    house.box.start()
    lines = house.put(50)
    assert one.reached.wait(WAIT_S)
    assert two.reached.wait(WAIT_S)
    house.box.stop(5)
    assert one.lines == two.lines == lines
    assert house.counts == {("one", Delivery.OK): 50, ("two", Delivery.OK): 50}


def test_a_sink_that_fails_is_tried_again_without_a_change_of_order(tmp_path: Path) -> None:
    bad, good = ListSink("bad", 20, failures=30), ListSink("good", 20)
    house = House(tmp_path, bad, good)
    house.box.start()
    lines = house.put(20)
    assert good.reached.wait(WAIT_S)
    assert bad.reached.wait(WAIT_S)
    house.box.stop(5)
    assert bad.lines == good.lines == lines
    assert house.counts["bad", Delivery.FAILED] == 30


def test_what_a_sink_does_not_take_waits_for_the_next_run(tmp_path: Path) -> None:
    never = ListSink("mqtt", failures=10**9)
    house = House(tmp_path, never)
    house.box.start()
    lines = house.put(10)
    house.box.stop(5)
    assert never.lines == []
    again = ListSink("mqtt", 10)
    house = House(tmp_path, again)
    house.box.start()
    assert again.reached.wait(WAIT_S)
    house.box.stop(5)
    assert again.lines == lines


def test_stopping_delivers_what_is_queued(tmp_path: Path) -> None:
    sink = ListSink()
    house = House(tmp_path, sink)
    lines = house.put(300)
    house.box.start()
    house.box.stop(WAIT_S)
    assert sink.lines == lines


def test_a_stuck_sink_holds_up_neither_the_end_nor_the_spool(tmp_path: Path) -> None:
    stuck = StuckSink()
    house = House(tmp_path, stuck)
    house.box.start()
    lines = house.put(5)
    assert stuck.entered.wait(WAIT_S)
    house.box.stop(0.2)
    assert [entry.line for entry in house.bench.open().reader("stuck").next(9)] == lines
    stuck.let_go.set()
    house.bench.spool.close()


def test_events_in_packs(tmp_path: Path) -> None:
    sink = PackSink(50)
    house = House(tmp_path, sink)
    lines = house.put(50)
    house.box.start()
    assert sink.reached.wait(WAIT_S)
    house.box.stop(5)
    assert sink.lines == lines
    assert max(sink.packs) == 4


def test_an_event_that_is_refused_for_good_does_not_hold_up_the_others(tmp_path: Path) -> None:
    sink = PickySink(goal=4)
    house = House(tmp_path, sink)
    house.box.start()
    lines = house.put(5)
    assert sink.reached.wait(WAIT_S)
    house.box.stop(5)
    assert sink.lines == [one for one in lines if one != lines[2]]
    assert house.counts == {("list", Delivery.OK): 4, ("list", Delivery.DROPPED): 1}


def test_live_events_flow_where_the_folder_cannot_be_written(tmp_path: Path) -> None:
    sink = ListSink(goal=20)
    house = House(tmp_path, sink, disk=BrokenDisk("make_folder"))
    house.box.start()
    lines = house.put(20)
    assert sink.reached.wait(WAIT_S)
    house.box.stop(5)
    assert sink.lines == lines
    assert house.bench.tally.drops == {}
    assert house.bench.files() == []


def test_when_the_disk_hangs_events_are_dropped_and_counted(tmp_path: Path) -> None:
    house = House(tmp_path, ListSink(), capacity=3)
    house.put(5)
    assert house.bench.tally.drops == {("high", Loss.QUEUE): 1, ("normal", Loss.QUEUE): 1}
    house.box.start()
    house.box.stop(5)


class HungDisk(Disk):
    """Takes the lock and no write until it is let go."""

    def __init__(self) -> None:
        self.entered, self.let_go = threading.Event(), threading.Event()

    def write(self, fd: int, data: bytes) -> None:
        self.entered.set()
        self.let_go.wait(WAIT_S)
        super().write(fd, data)


def test_what_a_hung_disk_has_not_taken_at_the_end_is_counted(tmp_path: Path) -> None:
    disk = HungDisk()
    house = House(tmp_path, ListSink(), disk=disk, capacity=4)
    house.box.start()
    house.box.put(line(0), "high")
    assert disk.entered.wait(WAIT_S)
    for number in range(1, 6):
        house.box.put(line(number), "low")
    house.box.stop(0.2)
    house.box.put(line(6), "normal")
    assert house.bench.tally.drops == {("high", Loss.QUEUE): 1, ("low", Loss.QUEUE): 5, ("normal", Loss.QUEUE): 1}
    disk.let_go.set()
    house.box._thread.join(WAIT_S)
    assert not house.box._thread.is_alive()
    house.bench.spool.close()


@pytest.mark.parametrize(("failures", "longest"), [(1, 0.5), (2, 1.0), (7, 30.0), (100_000, 30.0)])
def test_waits_grow_to_half_a_minute(tmp_path: Path, failures: int, longest: float) -> None:
    house = House(tmp_path, ListSink())
    courier = SpooledOutbox(
        house.bench.spool, [ListSink("x")], house._count, house.bench.tally, jitter=lambda: 1.0
    )._couriers[0]
    delays = [courier._delay() for _ in range(failures)]
    assert delays[-1] == longest
    house.bench.spool.close()
