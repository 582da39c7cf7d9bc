"""Which segment goes first; choices only, nothing is touched."""

from __future__ import annotations

from collections.abc import Iterable

from edge_camera.spool.segment import Segment, rank


def victim(segments: Iterable[Segment], delivered: int, incoming: str) -> Segment | None:
    """Return the segment that makes room for an event of priority `incoming`; None when none may go.

    What every sink has goes first, oldest first; then the oldest of the lowest priority, but nothing that is more
    important than what comes in.
    """
    candidates = list(segments)
    spent = [one for one in candidates if one.last <= delivered]
    if spent:
        return min(spent, key=lambda one: one.first)
    lower = [one for one in candidates if rank(one.priority) >= rank(incoming)]
    return min(lower, key=lambda one: (-rank(one.priority), one.first), default=None)


def expired(segments: Iterable[Segment], before_ms: float) -> list[Segment]:
    """Return the segments whose newest record came before `before_ms`, in the spool's own time."""
    return [one for one in segments if one.newest_ms < before_ms]
