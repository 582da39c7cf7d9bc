"""What the spool tells whoever counts: losses by cause, faults by kind, and what it costs the flash."""

from __future__ import annotations

import threading
from collections import Counter
from enum import StrEnum
from typing import Protocol


class Loss(StrEnum):
    """Why an event will not reach every sink.

    `cap`: the byte cap; `age`: ttl_s; `full`: the disk is full; `memory`: the disk takes nothing and the few kept in
    memory are too many, or the program ended; `queue`: the disk is slower than the cameras, or the event came at the
    end; `size`: too long; `corrupt`: at least one event of a damaged segment. A segment of an unknown format that had
    to go counts as one event.
    """

    CAP = "cap"
    AGE = "age"
    FULL = "full"
    MEMORY = "memory"
    QUEUE = "queue"
    SIZE = "size"
    CORRUPT = "corrupt"


class Fault(StrEnum):
    """What was found wrong, or went wrong, on the disk.

    `torn`: the end of a segment, as a kill or a power cut leaves it, was cut; `corrupt`: a segment is damaged;
    `cursor`: a cursor file is, and its sink begins anew; `version`: a segment of a format this program does not
    know is kept for that program; `write`: a write, sync or removal failed.
    """

    TORN = "torn"
    CORRUPT = "corrupt"
    CURSOR = "cursor"
    VERSION = "version"
    WRITE = "write"


class SpoolCounters(Protocol):
    """Called from any thread."""

    def dropped(self, priority: str, cause: Loss, count: int) -> None: ...

    def fault(self, kind: Fault) -> None: ...

    def written(self, count: int) -> None:
        """`count` bytes were given to the file system."""
        ...

    def synced(self) -> None:
        """A file was brought to the disk: whole pages of it, and the file system's own books."""
        ...


class Tally:
    """Count in the process itself, for tools and tests."""

    def __init__(self) -> None:
        self.drops: Counter[tuple[str, Loss]] = Counter()
        self.faults: Counter[Fault] = Counter()
        self.bytes = 0
        self.syncs = 0
        self._lock = threading.Lock()

    def dropped(self, priority: str, cause: Loss, count: int) -> None:
        """See SpoolCounters."""
        with self._lock:
            self.drops[priority, cause] += count

    def fault(self, kind: Fault) -> None:
        """See SpoolCounters."""
        with self._lock:
            self.faults[kind] += 1

    def written(self, count: int) -> None:
        """See SpoolCounters."""
        with self._lock:
            self.bytes += count

    def synced(self) -> None:
        """See SpoolCounters."""
        with self._lock:
            self.syncs += 1
