"""What one camera's frames go through before the question, and its answers after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from edge_camera.adaptive import AdaptiveRate
from edge_camera.alerts import Alert, Fired, Rules
from edge_camera.client import Reply, State
from edge_camera.config import Camera
from edge_camera.frame import Frame
from edge_camera.health import PictureHealth
from edge_camera.mask import Mask
from edge_camera.metrics import CameraState
from edge_camera.motion import LINGER_S, MotionGate
from edge_camera.record import Record
from edge_camera.sampler import RateLimit
from edge_camera.tracker import MAX_AGE_S, Tracker


class Sight:
    """Look, mask, gate and thin out frames; follow what was answered. For use by the camera's worker alone.

    `adapts` is False for files read as fast as they are answered: they skip nothing, however slow the model.
    """

    def __init__(self, camera: Camera, alerts: Mapping[str, Alert], record: Record, *, adapts: bool) -> None:
        self._record = record
        self._health = PictureHealth(camera.health)
        self._mask = Mask(camera.mask)
        motion = camera.motion
        self._gate = MotionGate(motion.min_area, motion.keepalive_s) if motion.enabled else None
        self._limit = RateLimit(camera.fps)
        self._rate = AdaptiveRate(camera.fps) if adapts and camera.adaptive else None
        self._tracker = Tracker()
        self._rules = Rules(alerts)
        # What the last question showed, and still is there while nothing moves; None while that is not known.
        self.seen: Reply | None = None
        self._pace(camera.fps)

    def judge_by(self, alerts: Mapping[str, Alert]) -> None:
        """Other alert rules from now on; may be called by another thread."""
        self._rules.change(alerts)

    def _pace(self, fps: float) -> None:
        """A slow camera's things stay the same, and its sights unbroken, over frames that are further apart."""
        self._tracker.max_age_s = max(MAX_AGE_S, 3.0 / fps)
        self._rules.pace(1.0 / fps)
        if self._gate is not None:
            # What moved is asked about, however far apart the questions are.
            self._gate.linger_s = max(LINGER_S, 2.0 / fps)

    def admit(self, frame: Frame, now: float) -> tuple[Frame | None, list[Fired]]:
        """Return the masked frame when it is worth a question, and what time alone set off while nothing moved.

        That rests on `seen`: after a failed question nothing is known, and time sets off nothing.
        Health looks at the whole picture, of which only two numbers leave; everything else sees it masked.
        """
        health = self._health.look(frame.pixels, now)
        self._record.looked(CameraState(health.state.value), health.luminance, health.sharpness)
        masked = self.mask(frame)
        if self._gate is not None and not self._gate.admit(masked.pixels, now):
            self._record.motionless()
            if self.seen is None:
                return None, []
            self._tracker.still(frame.stamp.monotonic)
            return None, self._rules.still(frame.stamp.monotonic, frame.stamp.wall)
        if not self._limit.admit(frame.position_s):
            self._record.skipped()
            return None, []
        return masked, []

    def mask(self, frame: Frame) -> Frame:
        """Return the frame with its mask blacked out."""
        pixels = self._mask.apply(frame.pixels)
        return frame if pixels is frame.pixels else replace(frame, pixels=pixels)

    def follow(self, frame: Frame, reply: Reply, now: float) -> tuple[Reply, list[Fired]]:
        """Return the reply with an id at each box, and the alerts it sets off; adapt the rate."""
        if self._rate is not None:
            self._limit.change(self._rate.note(reply.state, now))
            self._record.rate(self._rate.fps)
            self._pace(self._rate.fps)
        if reply.state is not State.OK:
            self.seen = None
            return reply, []
        taken = frame.stamp.monotonic
        ids = self._tracker.update(reply.answers, taken)
        answers = tuple(
            answer if name is None else msgspec.structs.replace(answer, track=name)
            for answer, name in zip(reply.answers, ids, strict=True)
        )
        self.seen = replace(reply, answers=answers)
        return self.seen, self._rules.update(answers, taken, frame.stamp.wall)
