"""One sink's way through the log: in the order of the numbers, over all priorities and what memory holds."""

from __future__ import annotations

import threading
from collections import deque

from edge_camera.spool.format import HEADER_BYTES, PRIORITIES, Entry
from edge_camera.spool.index import Index, Piece
from edge_camera.spool.segment import Segment, read_piece


class Cursor:
    """Read by one thread. What `next` returned stays owed to the sink until it is acknowledged."""

    def __init__(self, sink: str, index: Index, position: int) -> None:
        self.sink = sink
        self._index = index
        self._lock = threading.Lock()
        self._start(position)

    @property
    def position(self) -> int:
        """Every event up to this number was delivered, or is gone."""
        return self._position

    @property
    def read(self) -> int:
        """Every event up to this number was handed out, or is gone."""
        return self._read

    @property
    def owed(self) -> int:
        """How many events were handed out and not acknowledged."""
        with self._lock:
            return len(self._owed)

    @property
    def closed(self) -> bool:
        """The spool is closed: there will be no more."""
        return self._index.closed

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest event that was handed out and not acknowledged came, in the spool's own time."""
        with self._lock:
            return self._owed[0].clock_ms if self._owed else None

    def next(self, max_count: int, timeout_s: float = 0.0) -> list[Entry]:
        """Return the next events, at most `max_count`; wait for the first up to `timeout_s`."""
        if not self._index.wait(self._read, timeout_s):
            return []
        with self._lock:
            return self._take(max_count)

    def ack(self, seq: int) -> None:
        """Everything that was handed out up to `seq` is delivered."""
        with self._lock:
            while self._owed and self._owed[0].seq <= seq:
                self._position = self._owed.popleft().seq

    def restart(self, position: int) -> None:
        """Go to another place: the log could not be read before."""
        with self._lock:
            self._start(position)

    def _start(self, position: int) -> None:
        self._position = self._read = position
        self._owed: deque[Entry] = deque()
        self._streams = [_Stream(priority, self._index) for priority in PRIORITIES]

    def _take(self, max_count: int) -> list[Entry]:
        view = self._index.view(self._read)
        held = deque(view.held)
        # Within one view a stream that is at its end stays there.
        heads = {one: head for one in self._streams if (head := one.head(view.pieces[one.priority], self._read))}
        taken: list[Entry] = []
        while len(taken) < max_count:
            stream = min(heads, key=lambda one: heads[one].seq, default=None)
            if held and (stream is None or held[0].seq < heads[stream].seq):
                best, stream = held.popleft(), None
            elif stream is not None:
                best = heads.pop(stream)
            else:
                self._finish(view.last)
                break
            if best.seq > self._read:
                self._read = best.seq
                self._owed.append(best)
                taken.append(best)
            if stream is not None and (head := stream.head(view.pieces[stream.priority], self._read)):
                heads[stream] = head
        return taken

    def _finish(self, last: int) -> None:
        """There is nothing more up to `last`: what is missing of it was dropped."""
        self._read = max(self._read, last)
        if not self._owed:
            self._position = self._read


class _Stream:
    """One priority's records, a piece at a time."""

    def __init__(self, priority: str, index: Index) -> None:
        self.priority = priority
        self._index = index
        self._buffer: deque[Entry] = deque()
        self._segment: Segment | None = None
        self._offset = 0

    def head(self, pieces: list[Piece], after: int) -> Entry | None:
        """Return the first record with a number above `after` among `pieces`; None when there is none."""
        while True:
            while self._buffer and self._buffer[0].seq <= after:
                self._buffer.popleft()
            if self._buffer:
                return self._buffer[0]
            place = self._place(pieces, after)
            if place is None:
                return None
            self._load(*place)

    def _place(self, pieces: list[Piece], after: int) -> Piece | None:
        """Return the piece to read on in, after moving to it."""
        current = self._segment
        if current is None:
            # Numbers rise from file to file: what begins past the next number does not hold it.
            early = [piece for piece in pieces if piece[0].first <= after + 1]
            candidates = pieces[max(len(early) - 1, 0) :]
        else:
            candidates = [piece for piece in pieces if piece[0].first >= current.first]
        for segment, size in candidates:
            if segment is not self._segment:
                self._segment, self._offset = segment, HEADER_BYTES
            if self._offset < size:
                return segment, size
        return None

    def _load(self, segment: Segment, size: int) -> None:
        try:
            parsed, self._offset = read_piece(segment.path, self._offset, size)
        except FileNotFoundError:
            # It had to make room meanwhile, and was counted then.
            self._offset = size
            return
        except OSError:
            self._index.damaged(segment)
            self._offset = size
            return
        if parsed.damaged or parsed.torn:
            self._index.damaged(segment)
        self._buffer += parsed.entries
