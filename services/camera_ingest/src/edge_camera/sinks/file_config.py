"""The keys of `[sinks.file]` and their bounds."""

from __future__ import annotations

from pathlib import Path

import msgspec

from edge_camera.sinks.secrets import Fault

_LEAST_BYTES, _MOST_BYTES = 65_536, 1 << 40


class FileConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which file, how large it grows before it becomes `PATH.1`, and how many such older files stay.

    Disk in use is at most `max_bytes` times `keep` + 1. With `fsync` a power cut costs nothing that was delivered.
    """

    path: str
    max_bytes: int = 67_108_864
    keep: int = 4
    fsync: bool = False

    def faults(self, key: str) -> list[Fault]:
        """Return (key, wanted, found) for everything wrong; `key` is the table's own, as in `sinks.file`."""
        checks: list[tuple[bool, str, str, object]] = [
            (_is_file_path(self.path), "path", "a file in a folder that exists", self.path[:300]),
            (_LEAST_BYTES <= self.max_bytes <= _MOST_BYTES, "max_bytes", f"{_LEAST_BYTES} to 2^40", self.max_bytes),
            (0 <= self.keep <= 1000, "keep", "0 to 1000 older files", self.keep),
        ]
        return [(f"{key}.{name}", wanted, found) for good, name, wanted, found in checks if not good]


def _is_file_path(text: str) -> bool:
    if not text or text.endswith("/") or not text.isprintable():
        return False
    path = Path(text)
    try:
        return path.parent.is_dir() and (not path.exists() or path.is_file())
    except OSError:
        # A name that is too long, for one.
        return False
