"""Which event ends the connection each time it is sent, so that it does not hold up all others for ever."""

from __future__ import annotations

# Connections that the same event may end. Each time the broker had taken the login and the status before, and there
# was a pause between, so that a network that comes and goes is no explanation.
_STRIKES = 5


class Suspect:
    """Some brokers answer what is too large for them by hanging up, without having named their limit."""

    def __init__(self) -> None:
        self._line: bytes | None = None
        self._strikes = 0

    def is_it(self, line: bytes) -> bool:
        """Return True for an event that is better sent alone, so that no other can be to blame."""
        return line == self._line

    def convicted(self, line: bytes) -> bool:
        """Note that the connection ended while `line` was the first without an acknowledgement; True at the last."""
        self._strikes = self._strikes + 1 if self.is_it(line) else 1
        self._line = line
        if self._strikes < _STRIKES:
            return False
        self.cleared()
        return True

    def cleared(self) -> None:
        """The event was taken, or was given up."""
        self._line, self._strikes = None, 0
