"""Look into a spool from outside, while its program runs or not; nothing is changed or locked."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path

from edge_camera.spool.format import HEADER_BYTES, PRIORITIES, Entry, UnknownVersion, read_header
from edge_camera.spool.segment import list_files, read_pieces


def read_all(path: Path) -> Iterator[Entry]:
    """Yield every event that a spool holds, delivered or not, in the order of the log.

    What is damaged, half written, of another format or removed meanwhile is left out.

    Raises:
        OSError: `path` is no spool, or cannot be read.
    """
    if not any((path / priority).is_dir() for priority in PRIORITIES):
        raise FileNotFoundError(f"{path}: want the folder of a spool (with {', '.join(PRIORITIES)} in it)")
    streams = [_read(list_files(path / priority)) for priority in PRIORITIES]
    return heapq.merge(*streams, key=lambda entry: entry.seq)


def _read(files: list[tuple[int, Path]]) -> Iterator[Entry]:
    last = -1
    for _, path in files:
        for entry in _entries(path):
            # Numbers rise within a priority; what does not is no part of this log.
            if entry.seq > last:
                last = entry.seq
                yield entry


def _entries(path: Path) -> Iterator[Entry]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            read_header(file.read(HEADER_BYTES))
        for _, parsed in read_pieces(path, HEADER_BYTES, size):
            yield from parsed.entries
    except (OSError, UnknownVersion):
        return
