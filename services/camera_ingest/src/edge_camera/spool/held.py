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

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entries: Iterable[Entry], handed: int = 0) -> list[Entry]:
        """Keep `entries`, which are newer than all before; return what had to go: the oldest of the lowest priority.

        What is numbered up to `handed` is in every sink's hands, one batch each: to drop it here would free nothing,
        and it may yet be delivered. It comes on top of the bounds.
        """
        self._entries += entries
        waiting = self.after(handed)
        size = sum(len(entry.line) for entry in waiting)
        gone = []
        while len(waiting) > MAX_EVENTS or size > MAX_BYTES:
            # max() returns the first of equals, which is the oldest.
            victim = max(waiting, key=lambda entry: rank(entry.priority))
            waiting.remove(victim)
            size -= len(victim.line)
            gone.append(victim)
        if gone:
            self._entries = [*(entry for entry in self._entries if entry.seq <= handed), *waiting]
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
