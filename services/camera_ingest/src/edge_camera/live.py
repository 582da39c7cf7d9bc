"""What the page shows: each camera's last asked frame, encoded once for all who look, and the last events."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from edge_camera.client import Reply
from edge_camera.draw import encode
from edge_camera.events import Event
from edge_camera.frame import Frame
from edge_camera.record import Record

# Events kept for the page, of high priority and of any other: detections must not push out an alert.
RECENT_EVENTS = 20


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame and what was answered."""

    frame: Frame
    reply: Reply


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame with its boxes as JPEG; `number` counts a screen's frames from 1, `tag` is its HTTP entity tag."""

    number: int
    tag: str
    jpeg: bytes


@dataclass(slots=True, kw_only=True)
class Screen:
    """One camera's picture. Nothing is drawn or encoded while nobody looks."""

    record: Record
    quality: int
    model: str = ""
    encoded: int = 0
    _shown: Shown | None = None
    _number: int = 0
    _picture: Picture | None = None
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

    @property
    def tag(self) -> str:
        """The entity tag of the current picture; empty before the first."""
        with self._cond:
            return "" if self._shown is None else _tag(self._shown, self._number)

    def picture(self) -> Picture | None:
        """Return the current picture, encoded at the first call for all who ask; None before the first."""
        with self._encoding:
            with self._cond:
                shown, number = self._shown, self._number
            if shown is None:
                return None
            if self._picture is None or number != self._picture.number:
                jpeg = encode(shown.frame, shown.reply, self.quality)
                self._picture = Picture(number, _tag(shown, number), jpeg)
                self.encoded += 1
            return self._picture


def _tag(shown: Shown, number: int) -> str:
    # The time of the frame, too: numbers begin anew when the process or the camera's config does.
    return f"{number}-{shown.frame.stamp.wall:.3f}"


class Gallery:
    """Every camera's screen, the last events, and the places for live viewers."""

    def __init__(self, viewers: int, stream_fps: float) -> None:
        self.screens: dict[str, Screen] = {}
        self.closing = threading.Event()
        self._interval_s = 1.0 / stream_fps
        self._places = threading.BoundedSemaphore(viewers)
        self._noted = 0
        self._common: deque[tuple[int, Event]] = deque(maxlen=RECENT_EVENTS)
        self._urgent: deque[tuple[int, Event]] = deque(maxlen=RECENT_EVENTS)
        self._noting = threading.Lock()

    def note(self, event: Event) -> None:
        """Remember an event for the page, without an alert's picture: the page is asked for once a second."""
        if event.alert is not msgspec.UNSET:
            event = msgspec.structs.replace(event, alert=msgspec.structs.replace(event.alert, jpeg=msgspec.UNSET))
        with self._noting:
            self._noted += 1
            (self._urgent if event.priority == "high" else self._common).append((self._noted, event))

    def events(self) -> list[Event]:
        """Return the last events of high priority and the last others together, newest first."""
        with self._noting:
            noted = [*self._common, *self._urgent]
        return [event for _, event in sorted(noted, key=lambda each: each[0], reverse=True)]

    def watch(self, camera: str) -> Iterator[bytes] | None:
        """Return a stream of JPEGs; None when every place is taken. Close it to free the place."""
        if not self._places.acquire(blocking=False):
            return None
        return _Stream(self, camera, self._interval_s)

    def leave(self) -> None:
        """Free a viewer's place."""
        self._places.release()


class _Stream(Iterator[bytes]):
    """Pictures for one viewer, each when it is new. An object and not a generator, so that `close` frees the
    place even when the viewer went away before the first picture."""

    def __init__(self, gallery: Gallery, camera: str, interval_s: float) -> None:
        self._gallery, self._camera, self._interval_s = gallery, camera, interval_s
        self._screen: Screen | None = None
        self._number = 0
        self._open = True

    def __next__(self) -> bytes:
        if self._number and self._gallery.closing.wait(self._interval_s):
            raise StopIteration
        while not self._gallery.closing.is_set():
            screen = self._current()
            number = screen.wait(self._number, timeout_s=0.5)
            if number > self._number and (picture := screen.picture()) is not None:
                self._number = picture.number
                return picture.jpeg
        raise StopIteration

    def _current(self) -> Screen:
        """Return the camera's screen: a new config may have given it another, or taken the camera away."""
        screen = self._gallery.screens.get(self._camera)
        if screen is None:
            raise StopIteration
        if screen is not self._screen:
            self._screen, self._number = screen, 0
        return screen

    def close(self) -> None:
        if self._open:
            self._open = False
            self._gallery.leave()
