"""Failed changes: counted each, told once until something works again."""

from __future__ import annotations

import logging
from collections.abc import Callable

from edge_camera.spool.counters import Fault, SpoolCounters

log = logging.getLogger(__name__)


class Trouble:
    """Try changes of the file system."""

    def __init__(self, counters: SpoolCounters) -> None:
        self._counters = counters
        self._told: int | None = None

    def attempt(self, change: Callable[[], object]) -> bool:
        """Return True when `change` worked; an OSError is counted."""
        try:
            change()
        except OSError as exc:
            self.failed(exc)
            return False
        return True

    def failed(self, exc: OSError) -> None:
        """A change failed."""
        self._counters.fault(Fault.WRITE)
        if exc.errno != self._told:
            log.warning("spool: %s; what does not fit on the disk is kept in memory while there is room", exc)
        self._told = exc.errno or 0

    def over(self) -> None:
        """Events go to the disk (again)."""
        if self._told is not None:
            log.warning("spool: events go to the disk again")
        self._told = None
