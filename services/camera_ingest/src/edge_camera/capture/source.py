"""What the pipeline sees of a camera that is read in a child: frames, for ever, over every reconnect."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from edge_camera.capture.attempt import Attempt, End
from edge_camera.capture.backoff import Backoff
from edge_camera.capture.credentials import CredentialsError, read_credentials
from edge_camera.capture.messages import Job, Kind, Reason
from edge_camera.capture.ring import Taken
from edge_camera.capture.spec import Capture, target_of
from edge_camera.capture.watchdog import Limits, Reception, Report
from edge_camera.frame import Frame
from edge_common.clock import Clock

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class CaptureSource:
    """A Source over RTSP, MJPEG, V4L2 or images. `frames` belongs to one thread: children die with it.

    `on_state(state, reason)` is called on each change, `on_reconnect(reason)` whenever an attempt is over and another
    one follows, `on_undecodable(n)` when n more pictures could not be decoded, and `on_resized()` when a frame has
    another size than the one before. Images end, unless they `loop`; no other camera does.
    """

    camera: str
    url: str
    kind: Kind
    clock: Clock
    on_state: Callable[[Reception, Reason | None], None]
    on_reconnect: Callable[[Reason], None]
    on_undecodable: Callable[[int], None]
    on_resized: Callable[[], None]
    settings: Capture = Capture()
    credentials: Path | None = None
    loop: bool = False
    fast: bool = False
    random: Callable[[], float] = random.random
    child_pid: int | None = None
    _report: Report = field(default_factory=Report)
    _told: Reception | None = None
    _seq: int = 0
    _why: str = ""
    _size: tuple[int, int] | None = None

    @property
    def waits(self) -> bool:
        """Only images read as fast as they are taken."""
        return self.fast and self.kind is Kind.IMAGES

    def frames(self, stop: Event) -> Iterator[Frame]:
        """Yield frames until `stop` is set or images are at their end; a lost camera is tried again for ever."""
        backoff = Backoff(self.random)
        self._tell(self._report.state, None)
        while not stop.is_set():
            end = yield from self._attempt(stop, backoff)
            if end is None:
                return
            self._lost(end)
            stop.wait(backoff.delay(self.clock.monotonic()))

    def _attempt(self, stop: Event, backoff: Backoff) -> Generator[Frame, None, End | None]:
        """Run one child; return how it ended, None when nothing more is to come."""
        try:
            attempt = Attempt(self._job(), self._limits(), self.clock, self.on_undecodable)
        except CredentialsError as exc:
            return End(Reason.CREDENTIALS, str(exc), had_frames=False)
        except OSError as exc:
            return End(Reason.CRASHED, f"its reader cannot start: {exc.strerror}", had_frames=False)
        self.child_pid = attempt.pid
        base = self._seq
        try:
            while not stop.is_set():
                taken = attempt.step()
                if taken is not None:
                    backoff.good(self.clock.monotonic())
                    self._tell(self._report.frame(), None)
                    yield self._frame(taken, base)
                    attempt.resume()
                elif attempt.end is not None:
                    return attempt.end
                elif attempt.finished:
                    return None
                elif attempt.stalled:
                    self._tell(self._report.silent(), None)
            return None
        finally:
            self.child_pid = None
            attempt.close()

    def _frame(self, taken: Taken, base: int) -> Frame:
        seq = base + taken.seq
        self._seq = seq + 1
        at = seq / self.settings.image_fps if self.kind is Kind.IMAGES else taken.stamp.monotonic
        frame = Frame(camera=self.camera, seq=seq, pixels=taken.pixels, stamp=taken.stamp, position_s=at)
        if self._size not in {None, frame.size}:
            self.on_resized()
        self._size = frame.size
        return frame

    def _lost(self, end: End) -> None:
        state = self._report.ended(had_frames=end.had_frames)
        self._tell(state, end.reason)
        self.on_reconnect(end.reason)
        why = f"{end.reason}: {end.detail}"
        # A camera that is gone for a week says so once.
        if why != self._why or end.had_frames:
            log.warning("camera %s: %s; trying again", self.camera, why, extra={"camera": self.camera})
        self._why = why

    def _tell(self, state: Reception, reason: Reason | None) -> None:
        if state is not self._told:
            self._told = state
            self.on_state(state, reason)

    def _limits(self) -> Limits:
        # Slow images are not a stall.
        pause_s = 1.0 / self.settings.image_fps if self.kind is Kind.IMAGES else 0.0
        return Limits(
            open_timeout_s=self.settings.open_timeout_s,
            read_timeout_s=self.settings.read_timeout_s + pause_s,
            stalled_after_s=self.settings.stalled_after_s + pause_s,
            max_child_mb=self.settings.max_child_mb,
        )

    def _job(self) -> Job:
        """Return the next child's job, with the credentials as the file has them now.

        Raises:
            CredentialsError: the file cannot be used.
        """
        user, password = (None, "") if self.credentials is None else read_credentials(self.credentials)
        return Job(
            kind=self.kind,
            target=target_of(self.url, self.kind),
            parent=os.getpid(),
            transport=self.settings.transport,
            ca=self.settings.ca,
            fps=self.settings.image_fps,
            loop=self.loop,
            fast=self.fast,
            user=user,
            password=password,
        )
