"""Where frames come from. This version reads files; every source yields stamped frames."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Protocol

import cv2
import numpy as np

from edge_camera.clocksync import clock_synced
from edge_camera.frame import Frame, Stamp
from edge_common.clock import Clock
from edge_common.errors import StartError

log = logging.getLogger(__name__)

# Taken when a file does not tell its frame rate.
FALLBACK_FPS = 25.0
# Further behind than this, a natural-speed reader starts its schedule anew instead of racing to catch up.
LATE_S = 1.0


class Source(Protocol):
    """A camera, as the reader thread sees it. Pictures that never become a frame it tells to whoever made it."""

    @property
    def waits(self) -> bool:
        """True when the source may be held until its last frame was taken, as no camera may."""
        ...

    def frames(self, stop: Event) -> Iterator[Frame]:
        """Yield frames until the source ends or `stop` is set."""
        ...


@dataclass(slots=True, kw_only=True)
class FileSource:
    """A video file at its own speed (`fast=False`), or as fast as frames are taken (`fast=True`).

    `on_undecodable(n)` is called when n more pictures could not be decoded.
    """

    camera: str
    path: Path
    clock: Clock
    on_undecodable: Callable[[int], None]
    loop: bool = False
    fast: bool = False

    @property
    def waits(self) -> bool:
        return self.fast

    def frames(self, stop: Event) -> Iterator[Frame]:
        """Yield the file's frames, once or for ever; `seq` counts on over the seams of a loop.

        Raises:
            StartError: the file cannot be opened as a video.
        """
        seq = 0
        while not stop.is_set():
            began = seq
            for frame in self._once(stop, seq):
                yield frame
                seq = frame.seq + 1
            if not self.loop or seq == began:
                return

    def _once(self, stop: Event, first: int) -> Iterator[Frame]:
        capture, fps = open_video(self.path)
        pace = _Pace(self.clock, fps, enabled=not self.fast)
        try:
            for index in itertools.count():
                if pace.wait(index, stop) or not capture.grab():
                    return
                stamp = Stamp(monotonic=self.clock.monotonic(), wall=self.clock.time(), clock_synced=clock_synced())
                good, pixels = capture.retrieve()
                if not good:
                    self.on_undecodable(1)
                    continue
                yield Frame(
                    camera=self.camera,
                    seq=first + index,
                    pixels=np.asarray(pixels, dtype=np.uint8),
                    stamp=stamp,
                    position_s=(first + index) / fps,
                )
        finally:
            capture.release()


class _Pace:
    """Hold frame `index` back until it is due."""

    def __init__(self, clock: Clock, fps: float, *, enabled: bool) -> None:
        self._clock, self._fps, self._enabled = clock, fps, enabled
        self._start = clock.monotonic()

    def wait(self, index: int, stop: Event) -> bool:
        """Wait until frame `index` is due; return True when `stop` was set."""
        if not self._enabled:
            return stop.is_set()
        ahead = self._start + index / self._fps - self._clock.monotonic()
        if ahead < -LATE_S:
            self._start -= ahead
        return stop.wait(max(0.0, ahead))


def open_video(path: Path) -> tuple[cv2.VideoCapture, float]:
    """Open a video file; return the capture and its frames per second.

    Raises:
        StartError: there is no such file, or OpenCV reads no video in it.
    """
    # What was meant as a URL may hold a password.
    shown = "a path with @" if "@" in str(path) else str(path)
    if not _is_file(path, shown):
        raise StartError(f"{shown}: no such video file; give the path of an existing one")
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise StartError(f"{shown}: not a video that OpenCV can read; try it with ffprobe")
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    if not 0.1 <= fps <= 1000.0:
        log.warning("%s does not tell its frame rate; taking %g", path.name, FALLBACK_FPS)
        fps = FALLBACK_FPS
    return capture, fps


def _is_file(path: Path, shown: str) -> bool:
    try:
        return path.is_file()
    except OSError as exc:
        raise StartError(f"{shown}: {(exc.strerror or type(exc).__name__).lower()}") from None
