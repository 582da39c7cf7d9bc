"""The writer's side of the log: append, bring to the disk, make room. Called under one lock, the spool's."""

from __future__ import annotations

import errno
import logging
from contextlib import suppress
from functools import partial
from pathlib import Path

from edge_camera.spool.config import SpoolConfig
from edge_camera.spool.counters import Loss, SpoolCounters
from edge_camera.spool.disk import Disk
from edge_camera.spool.format import HEADER_BYTES, PRIORITIES, Entry, pack
from edge_camera.spool.index import Index
from edge_camera.spool.part import Part
from edge_camera.spool.room import expired, victim
from edge_camera.spool.segment import Segment, count_after
from edge_camera.spool.survey import CORRUPT, kept_aside
from edge_camera.spool.trouble import Trouble

log = logging.getLogger(__name__)

# Damaged segments that are kept for somebody to look at.
KEEP_ASIDE = 8
# A segment is closed at this part of ttl_s, so that one rare event does not keep its company for months.
_SEGMENT_AGES = 8
# On a full disk so many files go at most for one write: where that frees nothing, the rest would go in vain.
_TRIES = 4
# Segments that nobody here can read leave at least the rest of max_bytes to those that are delivered.
_STRANGE_PART = 0.5
_FULL = {errno.ENOSPC, errno.EDQUOT}


class Log:
    """Segments on disk. `bytes` is what all files together hold, foreign ones and those kept aside included."""

    def __init__(self, root: Path, config: SpoolConfig, disk: Disk, counters: SpoolCounters, index: Index) -> None:
        self._root, self._config, self._disk = root, config, disk
        self._counters, self._index = counters, index
        self.trouble = Trouble(counters)
        self.parts: dict[str, Part] = {}
        self.bytes = 0
        # Of another program's format, which may come back: they go with age, or when nothing else makes room.
        self.strangers: list[Segment] = []
        self._rolled: list[Part] = []

    def store(self, entries: list[Entry], delivered: int) -> tuple[list[Entry], list[Entry]]:
        """Write `entries`; return those the disk did not take, which memory holds, and those it has no room for.

        Readers see all of them at once. With fsync "event" those that were taken are on the disk at the return.
        """
        unsaved: list[Entry] = []
        for priority in PRIORITIES:
            group = [entry for entry in entries if entry.priority == priority]
            while group:
                run = self._fit(priority, group)
                if not self._write(priority, run, delivered):
                    unsaved += run
                group = group[len(run) :]
        unsaved += self._settle()
        unsaved.sort(key=lambda entry: entry.seq)
        gone = self._index.publish([*self._rolled, *self.parts.values()], unsaved, entries[-1].seq)
        self._rolled.clear()
        if not unsaved:
            self.trouble.over()
        return unsaved, gone

    def sync(self) -> None:
        """Bring everything written to the disk."""
        for part in list(self.parts.values()):
            if part.dirty and not self._attempt_sync(part):
                # The kernel forgets what it could not write: go on in another file.
                self._close(self.parts.pop(part.segment.priority))

    def expire(self, now_ms: int, delivered: int) -> None:
        """Remove what is older than ttl_s, and put aside damaged segments that every sink is through with."""
        segments, before_ms = self._index.all(), now_ms - self._config.ttl_s * 1000
        for stranger in expired(self.strangers, before_ms):
            self._give_up(stranger, Loss.AGE)
        gone = expired(segments, before_ms)
        gone += [one for one in segments if one.damaged and one.last <= delivered and one not in gone]
        for segment in gone:
            self._drop(segment, delivered, Loss.AGE)

    def put_aside(self, path: Path) -> None:
        """Keep a damaged file in corrupt/, and there only the newest few.

        Raises:
            OSError: it stays where it is.
        """
        folder = self._root / CORRUPT
        self._disk.make_folder(folder)
        with suppress(FileNotFoundError):
            self._disk.move(path, folder / f"{path.name}.{path.parent.name}")
        kept = kept_aside(self._root)
        for old in kept[: max(0, len(kept) - KEEP_ASIDE)]:
            self._remove(old, old.stat().st_size)

    def close(self) -> None:
        """Bring everything to the disk and close the files."""
        self.sync()
        for part in self.parts.values():
            self._close(part)
        self.parts.clear()

    def _fit(self, priority: str, group: list[Entry]) -> list[Entry]:
        """Return the first entries of `group`, as many as go into one segment; roll to a new one if none does."""
        part = self.parts.get(priority)
        if part is not None and self._is_done(part, group[0]):
            self._rolled.append(self.parts.pop(priority))
            part = None
        room = self._config.segment_bytes - (part.end if part else HEADER_BYTES)
        count = 0
        for entry in group:
            room -= len(pack(entry))
            if room < 0:
                break
            count += 1
        return group[: max(count, 1)]

    def _is_done(self, part: Part, entry: Entry) -> bool:
        full = part.end + len(pack(entry)) > self._config.segment_bytes
        return full or entry.clock_ms - part.segment.begun_ms > self._config.ttl_s * 1000 / _SEGMENT_AGES

    def _write(self, priority: str, run: list[Entry], delivered: int) -> bool:
        data = b"".join(map(pack, run))
        if HEADER_BYTES + len(data) > self._config.max_bytes:
            return False
        while self.bytes + HEADER_BYTES + len(data) > self._config.max_bytes:
            if not self._make_room(priority, delivered, Loss.CAP):
                return False
        for _ in range(_TRIES):
            try:
                self._append(priority, run, data)
                return True
            except OSError as exc:
                self.trouble.failed(exc)
                if exc.errno not in _FULL or not self._make_room(priority, delivered, Loss.FULL):
                    return False
        return False

    def _append(self, priority: str, run: list[Entry], data: bytes) -> None:
        """Write records, all of them or, after an OSError, none."""
        part = self.parts.get(priority)
        if part is None:
            part = self.parts[priority] = Part.begin(self._disk, self._root, run[0])
        try:
            count = part.append(run, data)
        except OSError:
            self._cut(part, part.end)
            raise
        self._counters.written(count)
        self.bytes += count

    def _cut(self, part: Part, end: int) -> None:
        """Go back to the record that ends at `end`, or let the file be where that cannot be done."""
        if end and self.trouble.attempt(lambda: self._disk.cut(part.fd, end)):
            self.bytes -= part.end - end
            part.end = end
            return
        if self.parts.get(part.segment.priority) is part:
            self._rolled.append(self.parts.pop(part.segment.priority))
        if end == 0 and self.trouble.attempt(lambda: self._disk.remove(part.segment.path)):
            self.bytes -= part.end

    def _settle(self) -> list[Entry]:
        """End a batch: sync as the policy says; return what may not be on the disk for that."""
        unsaved: list[Entry] = []
        for part in [*self._rolled, *self.parts.values()]:
            if not part.dirty or not (part in self._rolled or self._config.fsync == "event"):
                continue
            if not self._attempt_sync(part):
                unsaved += part.fresh
                part.fresh = []
                self._cut(part, part.segment.size)
                if self.parts.get(part.segment.priority) is part:
                    self._rolled.append(self.parts.pop(part.segment.priority))
        for part in self._rolled:
            self._close(part)
        return unsaved

    def _make_room(self, priority: str, delivered: int, cause: Loss) -> bool:
        """Remove one file; False when there is none that may go, or the disk refuses."""
        if kept := kept_aside(self._root):
            return self.trouble.attempt(lambda: self._remove(kept[0], kept[0].stat().st_size))
        if sum(one.size for one in self.strangers) > self._config.max_bytes * _STRANGE_PART:
            # Of any priority: otherwise the less important ones would never come to the disk again.
            return self._give_up(victim(self.strangers, -1, PRIORITIES[0]), cause)
        busy = [part.segment for part in [*self._rolled, *self.parts.values()] if part.fresh]
        chosen = victim((one for one in self._index.all() if one not in busy), delivered, priority)
        if chosen is not None:
            return self._drop(chosen, delivered, cause)
        return self._give_up(victim(self.strangers, -1, priority), cause)

    def _give_up(self, stranger: Segment | None, cause: Loss) -> bool:
        """Remove a segment that nobody here can read, and so nobody has delivered; False when that cannot be done."""
        if stranger is None or not self.trouble.attempt(partial(self._remove, stranger.path, stranger.size)):
            return False
        self.strangers.remove(stranger)
        self._counters.dropped(stranger.priority, cause, 1)
        log.warning("spool: %s, of another program's format, was removed (%s)", stranger.path, cause.value)
        return True

    def _drop(self, segment: Segment, delivered: int, cause: Loss) -> bool:
        """Take a segment out of the log; what is lost by that is counted. False when the disk refuses."""
        lost = count_after(segment, delivered) if segment.last > delivered else 0
        part = self.parts.get(segment.priority)
        if part is not None and part.segment is segment:
            self._close(self.parts.pop(segment.priority))
        aside = segment.damaged and cause is Loss.AGE
        out = partial(self.put_aside, segment.path) if aside else partial(self._remove, segment.path, segment.size)
        if not self.trouble.attempt(out):
            return False
        self._index.forget(segment)
        if lost:
            self._counters.dropped(segment.priority, cause, lost)
        return True

    def _remove(self, path: Path, size: int) -> None:
        with suppress(FileNotFoundError):
            self._disk.remove(path)
        self.bytes -= size

    def _attempt_sync(self, part: Part) -> bool:
        return self.trouble.attempt(partial(part.sync, self._counters))

    def _close(self, part: Part) -> None:
        self.trouble.attempt(partial(self._disk.close, part.fd))
