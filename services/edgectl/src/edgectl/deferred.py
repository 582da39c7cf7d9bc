"""A few renames that belong together: Ctrl-C, SIGTERM and SIGHUP wait until they are done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def deferred() -> Iterator[None]:
    """Let a signal that would stop the program do so only at the end; for steps of milliseconds.

    Handlers stand in, not a mask: a library's thread would take a masked signal, and Python's handler run all the
    same. Outside the main thread, where Python allows no handler and runs none, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []
    # What is ignored, as SIGHUP under nohup, stays so.
    stops = [number for number in _STOPS if signal.getsignal(number) is not signal.SIG_IGN]
    usual = {number: signal.signal(number, lambda found, _: caught.append(found)) for number in stops}
    try:
        yield
    finally:
        for number, handler in usual.items():
            # None is a handler that Python did not set, and cannot set again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for stop in caught[:1]:
            signal.raise_signal(stop)
