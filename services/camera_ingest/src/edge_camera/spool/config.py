"""The keys of `[sinks.spool]` and their bounds."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Literal

import msgspec

MIN_SEGMENT_BYTES = 1024
MAX_SEGMENT_BYTES = 64 * 1024 * 1024


class SpoolConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the spool is, how much it may hold and how safe each event is.

    `fsync` is "event" (on the disk before it goes on) or the longest time in seconds that a power cut may cost.
    """

    path: str
    max_bytes: int = 268_435_456
    ttl_s: float = 604_800.0
    segment_bytes: int = 1_048_576
    fsync: Literal["event"] | float = 5.0


def _may_be_folder(path: str) -> bool:
    """Not there yet, or not to be looked at yet, is no fault: the spool goes on trying."""
    if not path or "\0" in path:
        return False
    try:
        return stat.S_ISDIR(Path(path).stat().st_mode)
    except OSError:
        return True


def spool_faults(config: SpoolConfig) -> list[tuple[str, str, object]]:
    """Return what is wrong with a config: key within the table, what was wanted, what was found."""
    fsync = config.fsync
    checks = [
        (_may_be_folder(config.path), "path", "a directory", config.path),
        (
            MIN_SEGMENT_BYTES <= config.segment_bytes <= MAX_SEGMENT_BYTES,
            "segment_bytes",
            f"{MIN_SEGMENT_BYTES} to {MAX_SEGMENT_BYTES}",
            config.segment_bytes,
        ),
        # One segment of each priority, and one that can go.
        (
            config.max_bytes >= 4 * config.segment_bytes,
            "max_bytes",
            f"at least 4 segments of {config.segment_bytes} bytes",
            config.max_bytes,
        ),
        (60 <= config.ttl_s <= 366 * 86_400, "ttl_s", "60 to 31622400 seconds", config.ttl_s),
        (fsync == "event" or 0.1 <= fsync <= 3600, "fsync", '"event" or 0.1 to 3600 seconds', fsync),
    ]
    return [(key, wanted, found) for good, key, wanted, found in checks if not good]
