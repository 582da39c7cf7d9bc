"""When the process is to end: told by a signal, or by a thread that died."""

from __future__ import annotations

import logging
import os
import signal
import threading
from queue import Empty, SimpleQueue
from types import FrameType

log = logging.getLogger(__name__)


class Stop:
    """The first SIGTERM or SIGINT stops in order, a second one at once.

    A handler runs between two steps of the main thread, perhaps in the middle of its `wait`: a queue that may
    be put to from there wakes it, where Event.set could wait for ever for a lock that this thread holds.
    """

    def __init__(self) -> None:
        self.broken = False
        self._signals = 0
        self._told: SimpleQueue[None] = SimpleQueue()

    def listen(self) -> None:
        """Handle signals and the death of threads from now on; for the main thread."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        threading.excepthook = self._on_thread_error

    def wait(self, timeout_s: float) -> bool:
        """Return True once told to stop, False when the time is up; for any thread."""
        try:
            self._told.get(timeout=timeout_s)
        except Empty:
            return False
        # Back again: others wait, too.
        self._told.put(None)
        return True

    def tell(self) -> None:
        """Stop in order."""
        self._told.put(None)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signals += 1
        if self._signals > 1:
            os._exit(128 + number)
        self.tell()

    def _on_thread_error(self, args: threading.ExceptHookArgs) -> None:
        """A thread that dies of a bug ends the process with exit code 1: better a restart than a blind pod."""
        name = args.thread.name if args.thread else "?"
        value = args.exc_value or args.exc_type()
        log.error("thread %s died", name, exc_info=(args.exc_type, value, args.exc_traceback))
        self.broken = True
        self.tell()
