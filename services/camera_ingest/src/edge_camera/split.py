"""A candidate version that answers a share of the frames, and the main version behind it when it does not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from edge_camera.candidate import Asker, Share
from edge_camera.client import Reply, State
from edge_camera.frame import Frame
from edge_camera.metrics import Fallback
from edge_common.clock import Clock

log = logging.getLogger(__name__)

# After the first failure, and doubled with each one more: a candidate that is back is noticed within ten seconds.
REST_FIRST_S, REST_LONGEST_S = 0.5, 10.0


@dataclass(slots=True, kw_only=True)
class Split:
    """Ask the candidate instead of the main version about a share of the frames; its answers count.

    A frame that the candidate does not answer goes to the main version, in what is left of its deadline; then the
    candidate is left alone for a while, so that one that is down costs no frame its time. For use by one thread.
    """

    main: Asker
    candidate: Asker
    share: Share
    clock: Clock
    count: Callable[[Fallback], None]
    _failures: int = 0
    _rests_until: float = field(default=float("-inf"))

    def prepare(self) -> None:
        self.main.prepare()
        self.candidate.prepare()

    def ask(self, frame: Frame) -> Reply:
        if not self.share.pick():
            return self.main.ask(frame)
        if self.clock.monotonic() < self._rests_until:
            self.count(Fallback.RESTING)
            return self.main.ask(frame)
        reply = replace(self.candidate.ask(frame), track="candidate")
        if reply.state is State.OK:
            self._answered(frame)
        # A frame that was too old before it could be sent says nothing about the candidate.
        elif reply.state is not State.STALE:
            self._failed(frame, reply)
            return self._instead(frame, reply)
        return reply

    def close(self) -> None:
        self.main.close()
        self.candidate.close()

    def _instead(self, frame: Frame, failed: Reply) -> Reply:
        reply = self.main.ask(frame)
        if reply.state is State.STALE:
            # The candidate took all the time there was: that is what became of the frame.
            return failed
        self.count(Fallback.FAILED)
        return reply

    def _answered(self, frame: Frame) -> None:
        if self._failures:
            log.warning("the candidate answers again", extra={"camera": frame.camera})
        self._failures = 0

    def _failed(self, frame: Frame, reply: Reply) -> None:
        if not self._failures:
            log.warning(
                "the candidate is %s: %s; its frames go to the main version", reply.state, reply.detail,
                extra={"camera": frame.camera},
            )  # fmt: skip
        rest_s = min(REST_LONGEST_S, REST_FIRST_S * 2.0 ** min(self._failures, 16))
        self._rests_until = self.clock.monotonic() + rest_s
        self._failures += 1
