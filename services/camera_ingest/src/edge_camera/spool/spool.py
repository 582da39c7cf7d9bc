"""The spool as the program sees it: append, read by sink, look after.

It has no thread of its own; `tick` is to be called about once a second. No method raises for what the disk does: while
it takes nothing, the newest events are kept in memory, and a folder that cannot be opened is tried again.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from edge_camera.spool.config import SpoolConfig
from edge_camera.spool.counters import Loss, SpoolCounters
from edge_camera.spool.cursor import Cursor
from edge_camera.spool.cursorfile import cursor_bytes, cursor_path
from edge_camera.spool.disk import Disk
from edge_camera.spool.format import MAX_LINE, Entry
from edge_camera.spool.index import Index
from edge_camera.spool.log import Log
from edge_camera.spool.opening import lock_folder, open_log
from edge_camera.spool.spooltime import SpoolTime
from edge_camera.spool.trouble import Trouble
from edge_common.clock import Clock

log = logging.getLogger(__name__)

# A folder that cannot be opened is tried again after this long.
RETRY_S = 5.0
# Cursors are written this often: what was delivered since is delivered again after a kill.
CURSOR_S = 10.0
# Files are looked through for their age this often.
EXPIRE_S = 10.0


@dataclass(frozen=True, slots=True)
class SpoolStats:
    """`oldest_s`: the age of the oldest event some sink still waits for, 0 when none does. `waiting`: at most so many
    events by sink. `writable`: the last event went to the disk."""

    bytes: int
    oldest_s: float
    waiting: dict[str, int]
    in_memory: int
    writable: bool


class Spool:
    """Safe from any thread; each cursor belongs to one."""

    def __init__(self, path: Path, config: SpoolConfig, clock: Clock, counters: SpoolCounters, disk: Disk) -> None:
        self._root, self._config, self._clock = path, config, clock
        self._counters, self._disk = counters, disk
        self._time = SpoolTime(clock)
        self._index = Index(counters)
        self._trouble = Trouble(counters)
        self._log: Log | None = None
        self._lock_fd = -1
        self._found: dict[str, int | None] = {}
        self._cursors: list[Cursor] = []
        self._saved: dict[str, int] = {}
        self._writable = False
        now = clock.monotonic()
        self._next_try, self._synced, self._cursors_saved, self._expired = now, now, now, now
        self._writing = threading.Lock()

    @classmethod
    def open(
        cls, path: Path, config: SpoolConfig, clock: Clock, counters: SpoolCounters, disk: Disk | None = None
    ) -> Spool:
        """Return the spool in `path`. Where that cannot be written it begins in memory, and goes on trying."""
        spool = cls(path, config, clock, counters, disk or Disk())
        with spool._writing:
            spool._try_open()
        return spool

    @classmethod
    def in_memory(cls, clock: Clock, counters: SpoolCounters) -> Spool:
        """Return a spool that never looks for a disk: it holds what memory does, until the process ends."""
        spool = cls(Path(), SpoolConfig(path=""), clock, counters, Disk())
        spool._next_try = math.inf
        return spool

    def append(self, line: bytes, priority: str) -> bool:
        """Append one event; see `append_many`."""
        return self.append_many([(line, priority)])

    def append_many(self, items: Sequence[tuple[bytes, str]]) -> bool:
        """Append events (line, priority) in this order; return True when all of them are in the log.

        With fsync "event" they then survive a power cut, else a kill of the process.
        """
        with self._writing:
            if self._index.closed:
                return False
            # In this order: a folder that opens late numbers anew what is held, which must not be what was delivered.
            self._forget_held()
            self._try_open()
            entries = self._number(items)
            if not entries:
                return not items
            unsaved, gone = self._store(entries)
            self._writable = not unsaved
        for entry in gone:
            self._counters.dropped(entry.priority, Loss.MEMORY, 1)
        return not unsaved and len(entries) == len(items)

    def reader(self, sink: str) -> Cursor:
        """Return the cursor of `sink`, where it stopped the last time; a new one begins with the oldest event held.

        Raises:
            ValueError: the name cannot be a file's.
        """
        cursor_path(self._root, sink)
        with self._writing:
            cursor = Cursor(sink, self._index, self._found.get(sink) or 0)
            self._cursors.append(cursor)
        return cursor

    def tick(self) -> None:
        """Do what is due: try a closed folder again, sync, remove what is too old, write the cursors."""
        with self._writing:
            if self._index.closed:
                return
            self._forget_held()
            self._try_open()
            if self._log is not None:
                self._look_after(self._log)

    def stats(self) -> SpoolStats:
        """Return how full it is and who waits."""
        with self._index.changed:
            last, held = self._index.last, len(self._index.held)
            firsts = {one.last: one.first for one in self._index.all()}
            in_memory = self._index.held.after(0)
        owed = [one.oldest_ms for one in self._cursors]
        oldest_ms = min((one for one in owed if one is not None), default=None)
        oldest_s = 0.0 if oldest_ms is None else max(0.0, (self._time.now_ms() - oldest_ms) / 1000)
        if in_memory:
            firsts[in_memory[-1].seq] = in_memory[0].seq

        def ahead(read: int) -> int:
            """What was dropped to make room is not waited for: count from the oldest that is still there."""
            oldest = min((first for end, first in firsts.items() if end > read), default=last + 1)
            return max(0, last - max(read, oldest - 1))

        waiting = {one.sink: one.owed + ahead(one.read) for one in self._cursors}
        opened = self._log
        return SpoolStats(opened.bytes if opened else 0, oldest_s, waiting, held, self._writable)

    def hurry(self) -> None:
        """The end is near: readers no longer wait for what is not there."""
        self._index.hurry()

    def close(self) -> None:
        """Bring everything to the disk, wake the readers for good, and let others open the folder."""
        with self._writing:
            if self._index.closed:
                return
            self._forget_held()
            with self._index.changed:
                self._index.closed = True
                lost = self._index.held.take()
                self._index.changed.notify_all()
            if self._log is not None:
                self._log.close()
                self._save_cursors()
            if self._lock_fd >= 0:
                self._disk.close(self._lock_fd)
        for entry in lost:
            self._counters.dropped(entry.priority, Loss.MEMORY, 1)
        if lost:
            sinks = ", ".join(one.sink for one in self._cursors)
            log.warning("%d events that only memory held (for %s) are lost with the end", len(lost), sinks)

    def _number(self, items: Sequence[tuple[bytes, str]]) -> list[Entry]:
        """Return entries for what is not too long."""
        clock_ms, wall_ms = self._time.now_ms(), self._time.wall_ms()
        entries: list[Entry] = []
        seq = self._index.last
        for line, priority in items:
            if len(line) > MAX_LINE:
                self._counters.dropped(priority, Loss.SIZE, 1)
                continue
            seq += 1
            entries.append(Entry(seq, priority, line, clock_ms, wall_ms))
        return entries

    def _store(self, entries: list[Entry]) -> tuple[list[Entry], list[Entry]]:
        if self._log is None:
            return entries, self._index.publish([], entries, entries[-1].seq)
        return self._log.store(entries, self._delivered())

    def _delivered(self) -> int:
        """Every sink has what is numbered up to this. Nothing counts as delivered where there is no sink."""
        return min((one.position for one in self._cursors), default=0)

    def _forget_held(self) -> None:
        with self._index.changed:
            self._index.handed = min((one.read for one in self._cursors), default=0)
            if len(self._index.held):
                self._index.held.forget(self._delivered())

    def _try_open(self) -> None:
        now = self._clock.monotonic()
        if self._log is not None or now < self._next_try:
            return
        self._next_try = now + RETRY_S
        if self._trouble.attempt(self._open):
            self._writable = True
            self._trouble.over()

    def _open(self) -> None:
        fd = lock_folder(self._root, self._disk)
        try:
            opened, found = open_log(self._root, self._config, self._disk, self._counters, self._index)
        except OSError:
            self._disk.close(fd)
            raise
        self._lock_fd = fd
        later_ms = self._time.go_on_after(found.newest, self._config.ttl_s)
        with self._index.changed:
            # What came while the folder was closed is newer than what is in it.
            held = self._index.held.take()
            moved = [
                replace(entry, seq=found.last + number, clock_ms=entry.clock_ms + later_ms)
                for number, entry in enumerate(held, 1)
            ]
            self._index.handed = 0
            self._index.held.add(moved)
            self._index.last = found.last + len(moved)
            self._index.changed.notify_all()
        self._found = found.cursors
        for cursor in self._cursors:
            cursor.restart(found.cursors.get(cursor.sink) or 0)
        self._log = opened
        opened.strangers = [replace(one, newest_ms=self._time.of_past(one.newest_ms)) for one in found.strangers]
        opened.expire(self._time.now_ms(), self._delivered())

    def _look_after(self, opened: Log) -> None:
        now = self._clock.monotonic()
        if self._config.fsync != "event" and now - self._synced >= self._config.fsync:
            opened.sync()
            self._synced = now
        if now - self._expired >= EXPIRE_S:
            opened.expire(self._time.now_ms(), self._delivered())
            self._expired = now
        if now - self._cursors_saved >= CURSOR_S:
            self._save_cursors()
            self._cursors_saved = now

    def _save_cursors(self) -> None:
        for cursor in self._cursors:
            position = cursor.position
            if self._saved.get(cursor.sink) != position:
                self._trouble.attempt(partial(self._save, cursor.sink, position))

    def _save(self, sink: str, position: int) -> None:
        data = cursor_bytes(position)
        self._disk.replace(cursor_path(self._root, sink), data)
        self._counters.written(len(data))
        self._counters.synced()
        self._saved[sink] = position
