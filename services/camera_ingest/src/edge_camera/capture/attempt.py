"""One attempt to read a camera: one child, watched from its start to its end."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from edge_camera.capture.messages import Failed, Finished, Job, Message, NewRing, Opened, Reason, Tick
from edge_camera.capture.process import Child, Gone
from edge_camera.capture.ring import RingError, RingReader, Taken
from edge_camera.capture.watchdog import Limits, Watchdog
from edge_common.clock import Clock

# How late a stop is seen while no frames come.
_TICK_S = 0.2
# How often a child's memory is looked at.
_WEIGH_S = 0.5
# Pictures between two of a child's notices; a count beyond it comes from memory that a decoder overwrote.
_MAX_SPOILT = 1_000_000
_WORDS = {
    Reason.OPEN_TIMEOUT: "not open after {0.open_timeout_s:g} s",
    Reason.READ_TIMEOUT: "no frame for {0.read_timeout_s:g} s",
    Reason.MEMORY: "its reader grew to {mb:.0f} MiB, over {0.max_child_mb} MiB",
}


@dataclass(frozen=True, slots=True)
class End:
    """Why an attempt is over, in words that hold no secret."""

    reason: Reason
    detail: str
    had_frames: bool


class Attempt:
    """Made running; `step` until `end` or `finished` says that it is over, then `close`.

    `on_undecodable(n)`: n more pictures could not be decoded; called from `step`, whether a frame came or not.
    """

    def __init__(self, job: Job, limits: Limits, clock: Clock, on_undecodable: Callable[[int], None]) -> None:
        self._clock, self._limits, self._on_undecodable = clock, limits, on_undecodable
        self._watchdog = Watchdog(limits, clock.monotonic())
        self._child = Child(job)
        self._ring: RingReader | None = None
        self._resident_mb, self._weighed = 0.0, float("-inf")
        self._had_frames = False
        self._last_words: Failed | None = None
        self._closed = False
        self.end: End | None = None
        self.finished = False
        self._undecodable = 0

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    @property
    def stalled(self) -> bool:
        """True when the stream is open and has been silent for too long."""
        return self._watchdog.stalled(self._clock.monotonic())

    def step(self) -> Taken | None:
        """Wait a moment for a frame. None: none came; `end` and `finished` tell whether one still may."""
        if self.end is not None or self._closed:
            return None
        try:
            # Before any verdict: what came while the caller was busy counts.
            ticked = self._listen(0.0) or self._listen(self._watchdog.due(self._clock.monotonic(), _TICK_S))
        except Gone:
            return self._last_frame()
        taken = self._take() if ticked else None
        self._judge()
        return taken

    def resume(self) -> None:
        """The frame was taken and the caller is back: only from now on can the next one be late."""
        self._watchdog.frame(self._clock.monotonic())
        self._child.taken()

    def close(self) -> None:
        """Kill the child, if it still runs, and give all memory back."""
        if not self._closed:
            self._closed = True
            self._child.end()
            if self._ring is not None:
                self._ring.close()

    def _listen(self, timeout_s: float) -> bool:
        """Receive all there is; return True when there was a frame's notice."""
        ticked = False
        received = self._child.receive(timeout_s)
        while received is not None:
            message, fds = received
            ticked |= isinstance(message, Tick)
            self._handle(message, fds)
            received = None if self.end else self._child.receive(0.0)
        return ticked

    def _handle(self, message: Message | None, fds: list[int]) -> None:
        match message:
            case NewRing(width, height) if fds:
                self._change_ring(fds.pop(), width, height)
            case Opened():
                self._watchdog.open(self._clock.monotonic())
            case Tick(undecodable):
                self._spoilt(undecodable)
            case Failed():
                self._last_words = message
            case Finished():
                self.finished = True
            case _:
                self._over(Reason.CRASHED, "sent a message that is none")
        for fd in fds:
            os.close(fd)

    def _spoilt(self, counted: int) -> None:
        more, self._undecodable = counted - self._undecodable, counted
        if not 0 <= more <= _MAX_SPOILT:
            self._over(Reason.CRASHED, "sent a count that is none")
        elif more:
            self._on_undecodable(more)

    def _change_ring(self, fd: int, width: int, height: int) -> None:
        if self._ring is not None:
            self._ring.close()
            self._ring = None
        try:
            self._ring = RingReader(fd, width, height, self._limits.max_child_mb * 2**20)
        except RingError as exc:
            self._over(Reason.TOO_LARGE, str(exc))

    def _take(self) -> Taken | None:
        taken = None if self._ring is None else self._ring.take()
        if taken is not None:
            self._had_frames = True
            self._watchdog.frame(self._clock.monotonic())
        return taken

    def _last_frame(self) -> Taken | None:
        """The child has ended: return the frame it may have left, then say how it ended."""
        taken = self._take()
        if taken is None and not self.finished:
            words = self._last_words or Failed(Reason.CRASHED, self._child.end(grace_s=1.0))
            self._over(words.reason, words.detail)
        return taken

    def _judge(self) -> None:
        now = self._clock.monotonic()
        if now - self._weighed >= _WEIGH_S:
            self._weighed, self._resident_mb = now, self._child.resident_mb()
        verdict = self._watchdog.verdict(now, self._resident_mb)
        if verdict is not None:
            self._over(verdict, _WORDS[verdict].format(self._limits, mb=self._resident_mb))

    def _over(self, reason: Reason, detail: str) -> None:
        if self.end is None:
            self.end = End(reason, detail, self._had_frames)
