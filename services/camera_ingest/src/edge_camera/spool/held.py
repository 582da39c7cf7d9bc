"""The few events that the disk did not take: kept in memory, so that live ones still flow."""

from __future__ import annotations

from collections.abc import Iterable

from edge_camera.spool.format import Entry
from edge_camera.spool.segment import rank

# Minutes of a busy gateway; with events of about 1 kB the count is reached first.
MAX_EVENTS = 2000
MAX_BYTES = 4 * 1024 * 1024


class Held:
    """Entries in order of their numbers, bounded in count and bytes. Not thread-safe."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entries: Iterable[Entry]) -> list[Entry]:
        """Keep `entries`, which are newer than all before; return what had to go: the oldest of the lowest priority."""
        self._entries += entries
        self._bytes = sum(len(entry.line) for entry in self._entries)
        gone = []
        while len(self._entries) > MAX_EVENTS or self._bytes > MAX_BYTES:
            # min() and max() return the first of equals, which is the oldest.
            victim = max(self._entries, key=lambda entry: rank(entry.priority))
            self._entries.remove(victim)
            self._bytes -= len(victim.line)
            gone.append(victim)
        return gone

    def after(self, seq: int) -> list[Entry]:
        """Return the entries with a number above `seq`."""
        return [entry for entry in self._entries if entry.seq > seq]

    def forget(self, seq: int) -> None:
        """Every sink has what is numbered up to `seq`."""
        self._entries = self.after(seq)

    def take(self) -> list[Entry]:
        """Return all of it and keep nothing."""
        entries, self._entries = self._entries, []
        return entries
