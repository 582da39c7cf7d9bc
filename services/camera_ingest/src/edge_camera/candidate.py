"""A candidate version beside the one that counts: asked in its shadow and compared (split.py gives it a share)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge_camera.agreement import Agreement
from edge_camera.answer import Answer
from edge_camera.client import Reply, State
from edge_camera.frame import Frame
from edge_camera.mailbox import Mailbox

log = logging.getLogger(__name__)

# Two boxes of the same label that overlap this much are the same thing.
SAME_IOU = 0.5
_TICK_S = 0.5


class Asker(Protocol):
    """Ask about a frame; what `client.InferenceClient` does."""

    def prepare(self) -> None: ...

    def ask(self, frame: Frame) -> Reply: ...

    def close(self) -> None: ...


class Share:
    """Pick a share (0..1) of the frames, evenly: of 0.25, every fourth."""

    def __init__(self, share: float) -> None:
        self._share, self._sum = share, 0.0

    def pick(self) -> bool:
        """Return True for the frames that belong to the share."""
        self._sum += self._share
        if self._sum < 1.0 - 1e-9:
            return False
        self._sum -= 1.0
        return True


@dataclass(slots=True, kw_only=True)
class Shadow:
    """Ask the candidate about frames the main version has answered, in a thread of its own, and compare.

    The camera's worker only puts a frame into a slot of one: a slow candidate is skipped, never waited for.
    """

    candidate: Asker
    share: Share
    count: Callable[[Agreement, int], None]
    took: Callable[[float], None]
    _slot: Mailbox[tuple[Frame, Reply]] = field(default_factory=Mailbox)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to compare."""
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
        self._thread.start()

    def show(self, frame: Frame, reply: Reply) -> None:
        """Take an answered frame in; returns at once."""
        if reply.state is State.OK and self.share.pick() and self._slot.put((frame, reply)):
            self.count(Agreement.SKIPPED, 1)

    def stop(self, timeout_s: float) -> None:
        """Compare what is in the slot, and end."""
        self._slot.close()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        self.candidate.prepare()
        while not self._slot.ended:
            item = self._slot.take(_TICK_S)
            if item is not None:
                self._compare(*item)
        self.candidate.close()

    def _compare(self, frame: Frame, main: Reply) -> None:
        reply = self.candidate.ask(frame)
        if reply.state is not State.OK:
            self.count(Agreement.FAILED, 1)
            return
        self.took(reply.inference_s)
        both = agreed(main.answers, reply.answers)
        self.count(Agreement.BOTH, both)
        self.count(Agreement.MAIN_ONLY, len(main.answers) - both)
        self.count(Agreement.CANDIDATE_ONLY, len(reply.answers) - both)


def agreed(one: Sequence[Answer], other: Sequence[Answer]) -> int:
    """Return how many answers both have: same label, and boxes that overlap by SAME_IOU; each counts once."""
    left = list(other)
    for answer in one:
        match = max(
            (candidate for candidate in left if candidate.label == answer.label),
            key=lambda candidate: overlap(answer.box, candidate.box),
            default=None,
        )
        if match is not None and overlap(answer.box, match.box) >= SAME_IOU:
            left.remove(match)
    return len(other) - len(left)


Box = tuple[float, float, float, float]


def overlap(one: Box | None, other: Box | None) -> float:
    """Return the intersection over union of two boxes; two answers about the whole frame overlap fully."""
    if one is None or other is None:
        return 1.0 if one is other else 0.0
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)
