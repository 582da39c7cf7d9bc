"""Admission: a bounded number of inferences at once, a short bounded queue, then a refusal."""

from __future__ import annotations

import threading
import time
from collections import deque

from edge_common.errors import DeadlinePassed, Overloaded


class Gate:
    """Admit at most `limit` callers; at most `queue` more wait, first come first served, up to `wait_s`.

    A bounded refusal is cheaper than a long queue: by the time a queued frame reaches the model, the camera
    has produced newer ones.
    """

    def __init__(self, limit: int, queue: int, wait_s: float) -> None:
        self.limit = limit
        self.in_flight = 0
        self._queue = queue
        self._wait_s = wait_s
        self._waiting: deque[threading.Lock] = deque()
        self._lock = threading.Lock()

    @property
    def queue_length(self) -> int:
        return len(self._waiting)

    def enter(self, deadline: float | None = None) -> None:
        """Take a slot; every `enter` that returns needs its `leave`. `deadline` is in time.monotonic().

        Raises:
            Overloaded: every slot and the queue are taken, or none came free in time.
            DeadlinePassed: the request's deadline passed first.
        """
        if deadline is not None and time.monotonic() >= deadline:
            raise DeadlinePassed("the request's deadline passed before it ran")
        with self._lock:
            if self.in_flight < self.limit:
                self.in_flight += 1
                return
            if len(self._waiting) >= self._queue:
                raise Overloaded(f"all {self.limit} slots and {self._queue} queue places are taken")
            ticket = threading.Lock()
            ticket.acquire()
            self._waiting.append(ticket)
        self._wait(ticket, deadline)

    def _wait(self, ticket: threading.Lock, deadline: float | None) -> None:
        wait_s = self._wait_s
        if deadline is not None:
            wait_s = min(wait_s, max(0.0, deadline - time.monotonic()))
        if ticket.acquire(timeout=wait_s):
            return
        with self._lock:
            if ticket not in self._waiting:
                return  # a slot was handed over at the last moment
            self._waiting.remove(ticket)
        if deadline is not None and time.monotonic() >= deadline:
            raise DeadlinePassed("the request's deadline passed while it waited for a slot")
        raise Overloaded(f"no slot came free within {self._wait_s:g} s")

    def leave(self) -> None:
        """Give the slot to the first in the queue, or back."""
        with self._lock:
            if self._waiting and self.in_flight <= self.limit:
                self._waiting.popleft().release()
            else:
                self.in_flight -= 1
