"""Which events of a spool are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec

from edge_camera.spool.format import Entry
from edge_camera.spool.tools import read_all

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Head(msgspec.Struct, frozen=True):
    """What of an event decides whether it is wanted."""

    camera: str
    kind: str
    captured_at: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an event has to be; None is anything. `since` counts, `until` does not. Times are those of the frames."""

    camera: str | None = None
    kind: str | None = None
    priority: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, head: Head) -> bool:
        """Return True for an event that is wanted, but for its priority."""
        return (
            self.camera in {None, head.camera}
            and self.kind in {None, head.kind}
            and (self.since is None or head.captured_at >= self.since)
            and (self.until is None or head.captured_at < self.until)
        )


class Chosen:
    """The events of a spool that are wanted, delivered or not; `unreadable` counts those that are no events.

    The spool's owner may run meanwhile.

    Raises:
        OSError: it is no spool, or cannot be read.
    """

    def __init__(self, spool: Path, wanted: Wanted) -> None:
        self._entries, self._wanted = read_all(spool), wanted
        self._decoder = msgspec.json.Decoder(Head)
        self.unreadable = 0

    def __iter__(self) -> Iterator[Entry]:
        """Yield them in the order of the spool."""
        for entry in self._entries:
            if self._wanted.priority in {None, entry.priority} and self._takes(entry.line):
                yield entry

    def _takes(self, line: bytes) -> bool:
        try:
            return self._wanted.takes(self._decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.unreadable += 1
            return False
