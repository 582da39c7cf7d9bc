"""What the page shows: each camera's last asked frame, encoded once for all who look, and the last events."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from edge_camera.client import Reply
from edge_camera.draw import encode
from edge_camera.events import Event
from edge_camera.frame import Frame
from edge_camera.record import Record

# Events kept for the page.
RECENT_EVENTS = 30


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame and what was answered."""

    frame: Frame
    reply: Reply


@dataclass(slots=True, kw_only=True)
class Screen:
    """One camera's picture. Nothing is drawn or encoded while nobody looks."""

    record: Record
    quality: int
    encoded: int = 0
    _shown: Shown | None = None
    _number: int = 0
    _jpeg: bytes = b""
    _jpeg_number: int = 0
    _cond: threading.Condition = field(default_factory=threading.Condition)
    _encoding: threading.Lock = field(default_factory=threading.Lock)

    def show(self, frame: Frame, reply: Reply) -> None:
        """Make this frame the current picture."""
        with self._cond:
            self._shown, self._number = Shown(frame, reply), self._number + 1
            self._cond.notify_all()

    @property
    def shown(self) -> Shown | None:
        """The current picture; None before the first."""
        with self._cond:
            return self._shown

    def wait(self, after: int, timeout_s: float) -> int:
        """Return the current picture's number once it is past `after`, or when the time is up."""
        with self._cond:
            self._cond.wait_for(lambda: self._number > after, timeout_s)
            return self._number

    def jpeg(self) -> bytes | None:
        """Return the current picture as JPEG with its boxes drawn; None before the first."""
        with self._encoding:
            with self._cond:
                shown, number = self._shown, self._number
            if shown is None:
                return None
            if number != self._jpeg_number:
                self._jpeg = encode(shown.frame, shown.reply, self.quality)
                self._jpeg_number = number
                self.encoded += 1
            return self._jpeg


class Gallery:
    """Every camera's screen, the last events, and the places for live viewers."""

    def __init__(self, viewers: int, stream_fps: float) -> None:
        self.screens: dict[str, Screen] = {}
        self.closing = threading.Event()
        self._interval_s = 1.0 / stream_fps
        self._places = threading.BoundedSemaphore(viewers)
        self._events: deque[Event] = deque(maxlen=RECENT_EVENTS)

    def note(self, event: Event) -> None:
        """Remember an event for the page."""
        self._events.append(event)

    def events(self) -> list[Event]:
        """Return the last events, newest first."""
        return list(self._events.copy())[::-1]

    def watch(self, camera: str) -> Iterator[bytes] | None:
        """Return a stream of JPEGs; None when every place is taken. Close it to free the place."""
        if not self._places.acquire(blocking=False):
            return None
        return _Stream(self, self.screens[camera], self._interval_s)

    def leave(self) -> None:
        """Free a viewer's place."""
        self._places.release()


class _Stream(Iterator[bytes]):
    """Pictures for one viewer, each when it is new. An object and not a generator, so that `close` frees the
    place even when the viewer went away before the first picture."""

    def __init__(self, gallery: Gallery, screen: Screen, interval_s: float) -> None:
        self._gallery, self._screen, self._interval_s = gallery, screen, interval_s
        self._number = 0
        self._open = True

    def __next__(self) -> bytes:
        if self._number and self._gallery.closing.wait(self._interval_s):
            raise StopIteration
        while not self._gallery.closing.is_set():
            number = self._screen.wait(self._number, timeout_s=0.5)
            if number > self._number and (jpeg := self._screen.jpeg()) is not None:
                self._number = number
                return jpeg
        raise StopIteration

    def close(self) -> None:
        if self._open:
            self._open = False
            self._gallery.leave()
