"""How far a sink has come, as one small file of text per sink."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

CURSORS = "cursors"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_LINE = re.compile(rb"edge-spool-cursor 1 ([0-9]{1,18}) ([0-9a-f]{8})\n")
# A cursor is one short line; what is longer is none.
_MAX_BYTES = 128


def cursor_path(root: Path, sink: str) -> Path:
    """Return where the cursor of `sink` is kept.

    Raises:
        ValueError: the name cannot be a file's.
    """
    if not _NAME.fullmatch(sink):
        raise ValueError(f"sink {sink!r}: want a-z, 0-9, - and _, at most 63 of them")
    return root / CURSORS / sink


def cursor_bytes(position: int) -> bytes:
    """Return the content of a cursor file; every event up to number `position` was delivered."""
    number = str(position).encode()
    return b"edge-spool-cursor 1 %s %08x\n" % (number, zlib.crc32(number))


def read_cursors(root: Path) -> dict[str, int | None]:
    """Return every sink's position; None for a file that does not hold one.

    Raises:
        OSError: the folder is there and cannot be read.
    """
    folder = root / CURSORS
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return {}
    return {name: _read(folder / name) for name in names if _NAME.fullmatch(name)}


def _read(path: Path) -> int | None:
    try:
        with path.open("rb") as file:
            match = _LINE.fullmatch(file.read(_MAX_BYTES))
    except OSError:
        return None
    if match is None or zlib.crc32(match[1]) != int(match[2], 16):
        return None
    return int(match[1])
