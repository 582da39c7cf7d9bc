"""The one slot between a camera's reader and its worker: the newest frame wins."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Hold at most one item. A frame nobody has read yet is worth less than the one that follows it."""

    def __init__(self) -> None:
        self._cond = threading.Condition()
        self._item: T | None = None
        self._closed = False

    def put(self, item: T) -> bool:
        """Store `item`; return True when it replaced one that nobody had read."""
        with self._cond:
            replaced = self._item is not None
            self._item = item
            self._cond.notify_all()
        return replaced

    def take(self, timeout_s: float | None = None) -> T | None:
        """Return the item and free the slot; None when none came in time, or none will come any more."""
        with self._cond:
            self._cond.wait_for(lambda: self._item is not None or self._closed, timeout_s)
            item, self._item = self._item, None
            self._cond.notify_all()
        return item

    def wait_free(self) -> None:
        """Return once the slot is empty or the mailbox closed: for sources that may wait, unlike a camera."""
        with self._cond:
            self._cond.wait_for(lambda: self._item is None or self._closed)

    def close(self) -> None:
        """Wake every waiter. An item still in the slot can be taken; `ended` is True after that."""
        with self._cond:
            self._closed = True
            self._cond.notify_all()

    @property
    def ended(self) -> bool:
        """True when closed and empty."""
        with self._cond:
            return self._closed and self._item is None
