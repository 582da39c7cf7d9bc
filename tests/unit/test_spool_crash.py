"""The spool alone, with a crash at every byte it writes and every change it makes."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_camera.spool.config import SpoolConfig
from edge_camera.spool.counters import Tally
from edge_camera.spool.cursor import Cursor
from edge_camera.spool.spool import Spool
from edge_camera.spool.tools import read_all
from spool_support import Crash, CrashDisk, FakeClock, drain, line, number_of

# A thousand crashes in lines that other tests measure; the tracer would take as long again.
pytestmark = [pytest.mark.no_cover, pytest.mark.process]

SINKS = ("fast", "slow")
PRIORITY = st.sampled_from(["high", "normal", "low"])
STEP = st.one_of(
    st.tuples(st.just("append"), st.lists(st.tuples(PRIORITY, st.integers(0, 300)), min_size=1, max_size=5)),
    st.tuples(st.just("read"), st.tuples(st.sampled_from(SINKS), st.integers(1, 6))),
    st.tuples(st.just("tick"), st.floats(0, 30)),
)
Step = tuple[str, object]

FIXED: list[Step] = [
    ("append", [("low", 0), ("high", 40)]),
    ("append", [("normal", 0)]),
    ("read", ("fast", 2)),
    ("append", [("low", 400), ("low", 500), ("high", 20)]),
    ("tick", 11.0),
    ("read", ("slow", 1)),
    ("append", [("low", 300)]),
    ("tick", 11.0),
    ("append", [("high", 0), ("low", 0)]),
]


@dataclass
class World:
    """What the outside knows: what it asked to append, what was promised, and what each sink was given."""

    root: Path
    fsync: object = "event"
    clock: FakeClock = field(default_factory=FakeClock)
    asked: list[bytes] = field(default_factory=list)
    promised: list[bytes] = field(default_factory=list)
    given: dict[str, list[bytes]] = field(default_factory=lambda: {sink: [] for sink in SINKS})

    def open(self, disk: CrashDisk) -> tuple[Spool, dict[str, Cursor]]:
        config = SpoolConfig(path="", segment_bytes=1024, max_bytes=1 << 20, fsync=self.fsync)  # type: ignore[arg-type]
        spool = Spool.open(self.root, config, self.clock, Tally(), disk)
        return spool, {sink: spool.reader(sink) for sink in SINKS}

    def run(self, disk: CrashDisk, steps: list[Step]) -> None:
        """Open and do `steps`; a Crash goes through."""
        spool, cursors = self.open(disk)
        for kind, what in steps:
            if kind == "append":
                self._append(spool, what)  # type: ignore[arg-type]
            elif kind == "read":
                self._read(cursors, *what)  # type: ignore[misc]
            else:
                self.clock.advance(what)  # type: ignore[arg-type]
                spool.tick()
        spool.close()

    def _append(self, spool: Spool, sizes: list[tuple[str, int]]) -> None:
        batch = [(line(len(self.asked) + at, size), priority) for at, (priority, size) in enumerate(sizes)]
        self.asked += [one for one, _ in batch]
        assert spool.append_many(batch)
        self.promised += [one for one, _ in batch]

    def _read(self, cursors: dict[str, Cursor], sink: str, count: int) -> None:
        for entry in cursors[sink].next(count):
            self.given[sink].append(entry.line)
            cursors[sink].ack(entry.seq)

    def check(self) -> None:
        """After the crash: open anew, one more event, and everything promised reaches every sink in order."""
        on_disk = [entry.line for entry in read_all(self.root)] if (self.root / "high").is_dir() else []
        spool, cursors = self.open(CrashDisk())
        self._append(spool, [("normal", 5)])
        for sink, cursor in cursors.items():
            fresh = drain(cursor)
            numbers = [number_of(one) for one in fresh]
            assert numbers == sorted(set(numbers)), f"{sink}: order {numbers}"
            assert set(self.given[sink] + fresh) >= set(self.promised), f"{sink} lost an event"
            assert set(fresh) <= set(self.asked), f"{sink} got an event that nobody made"
            assert fresh[-1] == self.asked[-1]
        assert on_disk == [one for one in self.asked if one in set(on_disk)]
        spool.close()


def _crash_at(root: Path, budget: int, how: str, steps: list[Step], fsync: object = "event") -> bool:
    """Run `steps` until the disk stops after `budget`; return True when it did, after checking what is left."""
    world, disk = World(root, fsync), CrashDisk(budget)
    try:
        world.run(disk, steps)
    except Crash:
        disk.die(how)
        world.check()
        return True
    return False


@pytest.mark.parametrize("how", ["kill", "cut", "zeros"])
def test_a_crash_at_every_byte_loses_nothing_that_was_promised(tmp_path: Path, how: str) -> None:
    budget = 0
    while _crash_at(tmp_path / str(budget), budget, how, FIXED):
        # Every byte of headers and small records; long payloads in steps.
        budget += 1 if budget < 600 else 5
    assert budget > 1800


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(STEP, min_size=1, max_size=12),
    part=st.floats(0, 1),
    how=st.sampled_from(["kill", "cut", "zeros"]),
)
def test_any_work_with_a_crash_anywhere(steps: list[Step], part: float, how: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole = CrashDisk()
        World(Path(folder) / "whole").run(whole, steps)
        _crash_at(Path(folder) / "crashed", int(whole.spent * part), how, steps)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEP, min_size=1, max_size=12), part=st.floats(0, 1))
def test_with_an_interval_a_kill_loses_nothing_either(steps: list[Step], part: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole = CrashDisk()
        World(Path(folder) / "whole", fsync=5.0).run(whole, steps)
        _crash_at(Path(folder) / "crashed", int(whole.spent * part), "kill", steps, fsync=5.0)


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(STEP, min_size=1, max_size=8), budgets=st.lists(st.integers(0, 2000), min_size=2, max_size=5))
def test_crash_after_crash(steps: list[Step], budgets: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        for budget in budgets:
            disk = CrashDisk(budget)
            try:
                world.run(disk, steps)
            except Crash:
                disk.die("kill")
        world.check()
