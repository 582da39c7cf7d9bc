"""A segment while it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from edge_camera.spool.counters import SpoolCounters
from edge_camera.spool.disk import Disk
from edge_camera.spool.format import Entry, Header, pack_header
from edge_camera.spool.segment import Segment, file_name


@dataclass(slots=True, eq=False)
class Part:
    """`end` bytes are written; readers see `segment.size` of them until `fresh`, the rest, is published."""

    disk: Disk
    fd: int
    segment: Segment
    end: int
    new: bool = False
    fresh: list[Entry] = field(default_factory=list)
    dirty: bool = False

    @classmethod
    def begin(cls, disk: Disk, root: Path, first: Entry) -> Part:
        """Make the file whose first record will be `first`.

        Raises:
            OSError: it cannot be made.
        """
        path = root / first.priority / file_name(first.seq)
        try:
            fd = disk.create(path)
        except FileNotFoundError:
            # Somebody removed the folder under us.
            disk.make_folder(path.parent)
            fd = disk.create(path)
        segment = Segment(path, first.priority, first.seq, 0, first.seq, first.clock_ms, first.clock_ms)
        return cls(disk, fd, segment, 0, new=True)

    def append(self, run: list[Entry], data: bytes) -> int:
        """Write the records `data`, which are `run`; return the bytes written.

        Raises:
            OSError: some of it may be in the file, past `end`.
        """
        if self.end == 0:
            data = pack_header(Header(run[0].clock_ms, run[0].wall_ms)) + data
        self.disk.write(self.fd, data)
        self.end += len(data)
        self.fresh += run
        self.dirty = True
        return len(data)

    def sync(self, counters: SpoolCounters) -> None:
        """Return when everything written is on the disk, the file's name too.

        Raises:
            OSError: nobody knows what is.
        """
        self.disk.sync(self.fd)
        counters.synced()
        if self.new:
            self.disk.sync_folder(self.segment.path.parent)
            self.new = False
        self.dirty = False

    def publish(self) -> bool:
        """Let readers see what was written; True for a segment they did not know. Called with the index locked."""
        if not self.fresh:
            return False
        segment, unknown = self.segment, self.segment.size == 0
        segment.size, segment.last, segment.newest_ms = self.end, self.fresh[-1].seq, self.fresh[-1].clock_ms
        self.fresh = []
        return unknown
