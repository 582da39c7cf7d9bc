"""One file of the log, and how it is read: in pieces, past damage, never past what was published."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_camera.spool.format import CHUNK, HEADER_BYTES, PRIORITIES, Parsed, parse

_NAME = re.compile(r"([0-9]{20})\.seg")
# Numbers fit a signed 64-bit field, whatever a file is called.
MAX_SEQ = 2**62


@dataclass(slots=True, eq=False)
class Segment:
    """`first` is the number in its name; `last` and `newest_ms` are never below those of its last record.

    Readers read the first `size` bytes. It was begun at `begun_ms`; like `newest_ms` in the spool's own time.
    """

    path: Path
    priority: str
    first: int
    size: int
    last: int
    newest_ms: int
    begun_ms: int
    damaged: bool = False


def file_name(first: int) -> str:
    """Return the name of the segment that begins with record `first`."""
    return f"{first:020d}.seg"


def list_files(folder: Path) -> list[tuple[int, Path]]:
    """Return a priority's segment files and their first numbers, in order.

    Raises:
        OSError: the folder is there and cannot be read.
    """
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return []
    numbers = ((_NAME.fullmatch(name), name) for name in names)
    found = [(int(match[1]), folder / name) for match, name in numbers if match]
    return [(first, path) for first, path in found if first <= MAX_SEQ]


def read_piece(path: Path, offset: int, size: int) -> tuple[Parsed, int]:
    """Return the records at `offset` of a file whose first `size` bytes count, and where to go on.

    Raises:
        OSError: it cannot be read.
    """
    wanted = min(CHUNK, size - offset)
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(wanted)
    last = len(data) < wanted or offset + len(data) >= size
    parsed = parse(data, last=last)
    if not last and parsed.consumed == 0:
        # Cannot be for a whole record fits; but no file may make a reader stand still.
        parsed, last = parse(data, last=True), False
    return parsed, size if last else offset + parsed.consumed


def read_pieces(path: Path, offset: int, size: int) -> Iterator[tuple[int, Parsed]]:
    """Yield every piece from `offset` on, with the piece's own offset.

    Raises:
        OSError: it cannot be read.
    """
    while offset < size:
        parsed, after = read_piece(path, offset, size)
        yield offset, parsed
        offset = after


def rank(priority: str) -> int:
    """Return 0 for the most important priority."""
    return PRIORITIES.index(priority)


def count_after(segment: Segment, seq: int) -> int:
    """Return how many of the segment's records have a number above `seq`; 1 when it cannot be read."""
    try:
        pieces = read_pieces(segment.path, HEADER_BYTES, segment.size)
        return sum(entry.seq > seq for _, parsed in pieces for entry in parsed.entries)
    except OSError:
        return 1
