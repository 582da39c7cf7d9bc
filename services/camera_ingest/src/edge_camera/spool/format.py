"""The bytes of a segment: one header, then records, every number little-endian (table in docs/adr/0007-spool.md).

A record begins with a mark that no UTF-8 text holds, so that a reader finds the next good record after damage.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

PRIORITIES = ("high", "normal", "low")
VERSION = 1
# The longest event; a longer one is refused. It bounds what one read takes.
MAX_LINE = 256 * 1024

_MAGIC = b"EDGESPL"
_MARK = b"\xfeREC"
_HEADER = struct.Struct("<7sBQqI")
_RECORD = struct.Struct("<4sIIBQQq")
# The checksum covers everything after itself.
_CHECKED_FROM = 8

HEADER_BYTES = _HEADER.size
RECORD_BYTES = _RECORD.size
# A read of this much holds at least one whole record.
CHUNK = RECORD_BYTES + MAX_LINE


@dataclass(frozen=True, slots=True)
class Entry:
    """One event: its number over all priorities, the spool's own time and the wall's (ms), and the event itself."""

    seq: int
    priority: str
    line: bytes
    clock_ms: int
    wall_ms: int


@dataclass(frozen=True, slots=True)
class Header:
    """When a segment was begun, in the spool's own time and the wall's."""

    clock_ms: int
    wall_ms: int


class UnknownVersion(Exception):
    """A segment of a format that this program does not know."""


@dataclass(slots=True)
class Parsed:
    """What some bytes held. `consumed` bytes are done with; the last good record ended at `end`.

    `damaged`: bad bytes stood before a good record. `torn`: they stood after the last one.
    """

    entries: list[Entry] = field(default_factory=list)
    consumed: int = 0
    end: int = 0
    damaged: bool = False
    torn: bool = False


def pack_header(header: Header) -> bytes:
    """Return a segment's first bytes."""
    body = _HEADER.pack(_MAGIC, VERSION, header.clock_ms, header.wall_ms, 0)[:-4]
    return body + zlib.crc32(body).to_bytes(4, "little")


def read_header(data: bytes) -> Header | None:
    """Return the header at the start of `data`; None when it is damaged or not whole.

    Raises:
        UnknownVersion: another program's format.
    """
    known = data[:7] == _MAGIC
    if known and len(data) > 7 and data[7] != VERSION:
        raise UnknownVersion(f"format version {data[7]}")
    if not known or len(data) < HEADER_BYTES:
        return None
    _, _, clock_ms, wall_ms, crc = _HEADER.unpack_from(data)
    return Header(clock_ms, wall_ms) if crc == zlib.crc32(data[: HEADER_BYTES - 4]) else None


def pack(entry: Entry) -> bytes:
    """Return `entry` as a record."""
    rank = PRIORITIES.index(entry.priority)
    head = _RECORD.pack(_MARK, 0, len(entry.line), rank, entry.seq, entry.clock_ms, entry.wall_ms)
    crc = zlib.crc32(entry.line, zlib.crc32(head[_CHECKED_FROM:]))
    return b"".join((head[:4], crc.to_bytes(4, "little"), head[_CHECKED_FROM:], entry.line))


def parse(data: bytes, *, last: bool) -> Parsed:
    """Read the records in `data`; unless this is the `last` of them, a record that is not whole is left for later."""
    parsed = Parsed()
    at = 0
    while at < len(data):
        entry, end = _record(data, at)
        if entry is not None:
            parsed.damaged, parsed.torn = parsed.damaged or parsed.torn, False
            parsed.entries.append(entry)
            at = parsed.end = end
        elif end > len(data) and not last:
            break
        else:
            parsed.torn = True
            at = _next_mark(data, at + 1, last)
    # Damage at the end of what is not the file's end is no torn tail: there is more behind it.
    if parsed.torn and not last:
        parsed.damaged, parsed.torn = True, False
    parsed.consumed = at
    return parsed


def _next_mark(data: bytes, start: int, last: bool) -> int:
    found = data.find(_MARK, start)
    if found >= 0:
        return found
    # A mark can stand across the end of what was read.
    return len(data) if last else max(start, len(data) - len(_MARK) + 1)


def _record(data: bytes, at: int) -> tuple[Entry | None, int]:
    """Return the record at `at` and where it ends; without a record, 0 (bad) or an end past `data` (not whole)."""
    if len(data) - at < RECORD_BYTES:
        return None, len(data) + 1 if data.startswith(_MARK[: len(data) - at], at) else 0
    mark, crc, length, rank, seq, clock_ms, wall_ms = _RECORD.unpack_from(data, at)
    end: int = at + RECORD_BYTES + length
    if mark != _MARK or length > MAX_LINE or rank >= len(PRIORITIES):
        return None, 0
    if end > len(data):
        return None, end
    if zlib.crc32(memoryview(data)[at + _CHECKED_FROM : end]) != crc:
        return None, 0
    return Entry(seq, PRIORITIES[rank], data[at + RECORD_BYTES : end], clock_ms, wall_ms), end
