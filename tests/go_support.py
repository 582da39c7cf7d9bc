"""How the tests run the small programs written in Go: helm, kubectl, promtool, amtool."""

from __future__ import annotations

import os
from pathlib import Path

# They end before collecting their garbage pays: a fifth of their CPU. Past the limit, as when helm waits, they do it.
GO_ENV = {"GOGC": "off", "GOMEMLIMIT": "256MiB"}
_MEMORY = Path("/dev/shm")


def promtool_env() -> dict[str, str]:
    """What to lay over promtool's environment: it makes a database for each of our tests, and waits for the disk."""
    return GO_ENV | {"TMPDIR": str(_MEMORY)} if os.access(_MEMORY, os.W_OK) else GO_ENV
