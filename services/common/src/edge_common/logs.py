"""JSON logs: one object a line on stderr, never a payload."""

from __future__ import annotations

import logging
import sys
from typing import Any

import orjson

_FIELDS = (
    "request_id",
    "status",
    "method",
    "path",
    "bytes_in",
    "bytes_out",
    "duration_ms",
    "model",
    "version",
    "camera",
    "reason",
)


class JsonFormatter(logging.Formatter):
    """Render a record as one JSON object; only the fields named above join it from `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({name: vars(record)[name] for name in _FIELDS if name in vars(record)})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def configure(level: str = "info") -> None:
    """Send every logger's records to stderr as JSON, times in UTC."""
    import time

    formatter = JsonFormatter()
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
