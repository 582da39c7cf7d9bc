"""What readers may see of the log at one moment; the one lock between the writer and the readers."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from edge_camera.spool.counters import Fault, Loss, SpoolCounters
from edge_camera.spool.format import PRIORITIES, Entry
from edge_camera.spool.held import Held
from edge_camera.spool.part import Part
from edge_camera.spool.segment import Segment

# A segment and how much of it counts.
Piece = tuple[Segment, int]


@dataclass(frozen=True, slots=True)
class View:
    """The log at one moment: every event up to number `last` that is still kept is in here."""

    last: int
    pieces: dict[str, list[Piece]]
    held: list[Entry]


@dataclass(slots=True)
class Index:
    """Segments by priority, oldest first, and what memory holds. Everything is changed with `changed` taken.

    Every reader was given what is numbered up to `handed`.
    """

    counters: SpoolCounters
    last: int = 0
    handed: int = 0
    closed: bool = False
    hurried: bool = False
    segments: dict[str, list[Segment]] = field(default_factory=lambda: {priority: [] for priority in PRIORITIES})
    held: Held = field(default_factory=Held)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, after: int, timeout_s: float) -> bool:
        """Return True as soon as there is a number above `after`; False when the time is up or the spool closed."""
        with self.changed:
            self.changed.wait_for(lambda: self.closed or self.hurried or self.last > after, timeout_s)
            return not self.closed and self.last > after

    def hurry(self) -> None:
        """From now on nobody waits for what is not there."""
        with self.changed:
            self.hurried = True
            self.changed.notify_all()

    def view(self, after: int) -> View:
        """Return what can be read now; of what memory holds, the numbers above `after`."""
        with self.changed:
            pieces = {name: [(one, one.size) for one in segments] for name, segments in self.segments.items()}
            return View(self.last, pieces, self.held.after(after))

    def publish(self, parts: list[Part], unsaved: list[Entry], last: int) -> list[Entry]:
        """Show readers everything up to number `last` at once; return what memory has no room for."""
        with self.changed:
            for part in parts:
                if part.publish():
                    self.segments[part.segment.priority].append(part.segment)
            gone = self.held.add(unsaved, self.handed)
            self.last = max(self.last, last)
            self.changed.notify_all()
        return gone

    def forget(self, segment: Segment) -> None:
        """The segment is no longer there."""
        with self.changed:
            self.segments[segment.priority].remove(segment)

    def damaged(self, segment: Segment) -> None:
        """A reader found bad bytes; counted once a segment, as at least one event."""
        with self.changed:
            known, segment.damaged = segment.damaged, True
        if not known:
            self.count_damage(segment)

    def count_damage(self, segment: Segment) -> None:
        """Count a damaged segment."""
        self.counters.fault(Fault.CORRUPT)
        self.counters.dropped(segment.priority, Loss.CORRUPT, 1)

    def all(self) -> list[Segment]:
        """Return every segment, with `changed` taken or by the writer, who alone changes the lists."""
        return [segment for segments in self.segments.values() for segment in segments]
