"""From a folder to a log that can go on: lock, look, mend what a kill or a power cut left."""

from __future__ import annotations

import errno
import logging
from functools import partial
from pathlib import Path

from edge_camera.spool.config import SpoolConfig
from edge_camera.spool.counters import Fault, Loss, SpoolCounters
from edge_camera.spool.cursorfile import CURSORS
from edge_camera.spool.disk import Disk
from edge_camera.spool.format import PRIORITIES
from edge_camera.spool.index import Index
from edge_camera.spool.log import Log
from edge_camera.spool.part import Part
from edge_camera.spool.segment import Segment
from edge_camera.spool.survey import Survey, Tail, survey

log = logging.getLogger(__name__)

LOCK = "lock"


def lock_folder(root: Path, disk: Disk) -> int:
    """Make the spool's folders and keep other processes out; return the lock's descriptor.

    Raises:
        OSError: it cannot be written, or another process has it.
    """
    for name in (*PRIORITIES, CURSORS):
        disk.make_folder(root / name)
    disk.sync_folder(root)
    try:
        return disk.lock(root / LOCK)
    except BlockingIOError:
        raise OSError(errno.EWOULDBLOCK, "another process uses this spool", str(root)) from None


def open_log(root: Path, config: SpoolConfig, disk: Disk, counters: SpoolCounters, index: Index) -> tuple[Log, Survey]:
    """Return the log of a locked folder, and what was found there; `index` has its segments.

    Raises:
        OSError: a folder cannot be read.
    """
    found = survey(root)
    opened = Log(root, config, disk, counters, index)
    _clear(found, opened, disk, counters)
    for priority, tail in found.tails.items():
        part = _mend(found.segments[priority][-1], tail, opened, disk, counters)
        if part is not None:
            opened.parts[priority] = part
    segments = [one for many in found.segments.values() for one in many]
    for segment in segments:
        if segment.damaged:
            index.count_damage(segment)
    opened.bytes = found.other_bytes + sum(one.path.stat().st_size for one in segments)
    with index.changed:
        index.segments.update(found.segments)
    return opened, found


def _clear(found: Survey, opened: Log, disk: Disk, counters: SpoolCounters) -> None:
    """Take out of the way what holds no event, and tell of what was found."""
    for path in found.stubs:
        counters.fault(Fault.TORN)
        opened.trouble.attempt(partial(disk.remove, path))
    for path in found.ruined:
        counters.fault(Fault.CORRUPT)
        counters.dropped(path.parent.name, Loss.CORRUPT, 1)
        opened.trouble.attempt(partial(opened.put_aside, path))
    for stranger in found.strangers:
        counters.fault(Fault.VERSION)
        log.warning("spool: %s is of another program's format; it is kept for that program", stranger.path)
    for sink, position in found.cursors.items():
        if position is None:
            counters.fault(Fault.CURSOR)
            log.warning("spool: the cursor of %s is damaged; it begins with the oldest event held", sink)


def _mend(segment: Segment, tail: Tail, opened: Log, disk: Disk, counters: SpoolCounters) -> Part | None:
    """Cut a torn tail; return the segment ready to be written on, None where it is better left."""
    if tail.torn:
        counters.fault(Fault.TORN)
        log.warning("spool: %s ended in a torn record, which was cut", segment.path)
    if segment.damaged:
        return None
    try:
        fd = disk.reopen(segment.path)
    except OSError as exc:
        opened.trouble.failed(exc)
        return None
    if tail.torn and not opened.trouble.attempt(partial(disk.cut, fd, tail.end)):
        disk.close(fd)
        return None
    return Part(disk, fd, segment, tail.end)
