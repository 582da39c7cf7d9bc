"""The access log: a share of the calls, one line each, nothing of the payload."""

from __future__ import annotations

import logging
from typing import Any

from edge_inference.headers import request_id_of
from edge_inference.metrics import Timing

log = logging.getLogger(__name__)


class AccessLog:
    """Log the share `rate` (0..1) of all calls."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def note(self, environ: dict[str, Any], status: int, timing: Timing, seconds: float) -> None:
        # Imported here: by default no call is logged.
        import random

        if random.random() >= self.rate:
            return
        log.info(
            "call",
            extra={
                "request_id": request_id_of(environ),
                "method": environ["REQUEST_METHOD"],
                "path": environ["PATH_INFO"],
                "status": status,
                "bytes_in": timing.bytes_in,
                "bytes_out": timing.bytes_out,
                "duration_ms": round(seconds * 1000, 3),
            },
        )
