"""What a sink is."""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    """A way out of the process; `name` is a metric label."""

    name: str

    def send(self, line: bytes) -> None:
        """Deliver one event (a JSON object without a newline).

        Raises:
            OSError: it could not be delivered.
        """
        ...
