"""What a spool's folder holds at the start: read, nothing changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from edge_camera.spool.cursorfile import read_cursors
from edge_camera.spool.format import HEADER_BYTES, PRIORITIES, Entry, Header, UnknownVersion, read_header
from edge_camera.spool.segment import Segment, list_files, read_pieces

CORRUPT = "corrupt"


@dataclass(slots=True)
class Tail:
    """How the newest segment of a priority ends: its last good record stops at `end`."""

    end: int = HEADER_BYTES
    torn: bool = False
    damaged: bool = False
    last: Entry | None = None


@dataclass(slots=True)
class Survey:
    """Everything found. `stubs` were torn before their header was whole; in `ruined` files nothing is readable.

    `strangers` are of a format that this program does not know; their `newest_ms` is when the file was last written,
    by the wall clock.

    `cursors` are positions by sink, None where the file is damaged; `last` is the highest number that may have
    been given away, `newest` the latest times that anything tells.
    """

    segments: dict[str, list[Segment]] = field(default_factory=dict)
    tails: dict[str, Tail] = field(default_factory=dict)
    strangers: list[Segment] = field(default_factory=list)
    ruined: list[Path] = field(default_factory=list)
    stubs: list[Path] = field(default_factory=list)
    cursors: dict[str, int | None] = field(default_factory=dict)
    last: int = 0
    newest: Header | None = None
    other_bytes: int = 0


def survey(root: Path) -> Survey:
    """Look through a spool's folder.

    Raises:
        OSError: a folder cannot be read.
    """
    found = Survey(cursors=read_cursors(root))
    for priority in PRIORITIES:
        _look(found, root / priority, priority)
    found.last = max([found.last, *(position or 0 for position in found.cursors.values())])
    found.other_bytes += sum(path.stat().st_size for path in kept_aside(root))
    return found


def kept_aside(root: Path) -> list[Path]:
    """Return the damaged segments that were kept, oldest first."""
    folder = root / CORRUPT
    try:
        return sorted((path for path in folder.iterdir() if path.is_file()), key=lambda path: path.name)
    except OSError:
        return []


def _look(found: Survey, folder: Path, priority: str) -> None:
    segments = found.segments[priority] = []
    for first, path in list_files(folder):
        segment = _open(found, path, priority, first)
        if segment is None:
            continue
        if segments:
            # The one before ended before this one began, in numbers and in time.
            segments[-1].last, segments[-1].newest_ms = first - 1, segment.newest_ms
        segments.append(segment)
    if segments:
        _tail(found, priority, segments[-1])


def _open(found: Survey, path: Path, priority: str, first: int) -> Segment | None:
    """Return the segment in `path`, its newest time that of its beginning; None when it is none."""
    size, written_ms, unreadable = 0, 0, False
    try:
        size, written_ms = path.stat().st_size, path.stat().st_mtime_ns // 1_000_000
        with path.open("rb") as file:
            header = read_header(file.read(HEADER_BYTES))
        whole = header is not None
        if header is None and size >= HEADER_BYTES:
            header = _from_records(path, size)
    except UnknownVersion:
        # Whoever wrote it gave away fewer numbers than it has bytes.
        last = first + size
        found.strangers.append(Segment(path, priority, first, size, last, written_ms, written_ms))
        found.other_bytes += size
        found.last = max(found.last, last)
        return None
    except OSError:
        header, whole, unreadable = None, False, True
    if header is None:
        (found.ruined if unreadable or size >= HEADER_BYTES else found.stubs).append(path)
        found.last = max(found.last, first + size)
        return None
    _newer(found, header)
    found.last = max(found.last, first - 1)
    return Segment(path, priority, first, size, first - 1, header.clock_ms, header.clock_ms, damaged=not whole)


def _from_records(path: Path, size: int) -> Header | None:
    """Return what the header would have said, from the first record that is whole."""
    for _, parsed in read_pieces(path, 0, size):
        for entry in parsed.entries:
            return Header(entry.clock_ms, entry.wall_ms)
    return None


def _tail(found: Survey, priority: str, segment: Segment) -> None:
    """Read the newest segment of a priority to its end."""
    try:
        tail = _read_tail(segment)
    except OSError:
        tail = Tail(end=segment.size, damaged=True)
    found.tails[priority] = tail
    segment.damaged = segment.damaged or tail.damaged
    segment.size = tail.end
    if tail.last is not None:
        segment.last, segment.newest_ms = tail.last.seq, tail.last.clock_ms
        found.last = max(found.last, tail.last.seq)
        _newer(found, Header(tail.last.clock_ms, tail.last.wall_ms))


def _newer(found: Survey, times: Header) -> None:
    if found.newest is None or times.clock_ms > found.newest.clock_ms:
        found.newest = times


def _read_tail(segment: Segment) -> Tail:
    tail = Tail()
    for offset, parsed in read_pieces(segment.path, HEADER_BYTES, segment.size):
        # What was torn in one piece and followed by a good record in the next is damage.
        tail.damaged = tail.damaged or parsed.damaged
        tail.torn = parsed.torn
        if parsed.entries:
            tail.end, tail.last = offset + parsed.end, parsed.entries[-1]
    return tail
