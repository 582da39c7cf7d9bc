"""Events on standard output, one JSON object a line."""

from __future__ import annotations

import os

STDOUT = 1


class StdoutSink:
    """Write straight to the file descriptor: a stalled reader then holds no lock that Python's exit needs."""

    name = "stdout"

    def __init__(self, descriptor: int = STDOUT) -> None:
        self._descriptor = descriptor

    def send(self, line: bytes) -> None:
        """Write one line; blocks while the pipe's reader is behind.

        Raises:
            OSError: nobody reads any more.
        """
        rest = memoryview(line + b"\n")
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
