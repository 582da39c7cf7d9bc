"""Pictures of alerts: masked, with boxes, bounded in size; saved in a bounded folder, sent in the event, or both."""

from __future__ import annotations

import base64
import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from edge_camera.client import Reply
from edge_camera.draw import encode
from edge_camera.events import Event
from edge_camera.frame import Frame
from edge_camera.metrics import Saved

log = logging.getLogger(__name__)

# Pictures between the cameras and the disk. Alerts are rare: a longer queue only means that the disk hangs.
QUEUE = 16
# Tried one after the other until the picture is small enough; then with half the side.
_QUALITIES = (80, 60, 40)
_MIN_SIDE = 32


class SnapshotConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`path`: a folder for files, of `max_bytes` together. `send`: in the event itself, as base64."""

    path: str | None = None
    send: bool = False
    max_side: int = 640
    max_jpeg_bytes: int = 65_536
    max_bytes: int = 67_108_864

    def faults(self, key: str) -> list[tuple[str, str, object]]:
        """Return (key, wanted, found) for everything wrong; `key` is the table's own."""
        checks = [
            (bool(self.path) or self.send, "path", "a folder, or send = true", self.path),
            (_MIN_SIDE <= self.max_side <= 4096, "max_side", f"{_MIN_SIDE} to 4096 pixels", self.max_side),
            # An event with its picture has to fit into the spool's longest line (256 KiB), as base64.
            (4096 <= self.max_jpeg_bytes <= 131_072, "max_jpeg_bytes", "4096 to 131072", self.max_jpeg_bytes),
            (self.max_bytes >= 4 * self.max_jpeg_bytes, "max_bytes", "at least 4 max_jpeg_bytes", self.max_bytes),
        ]
        return [(f"{key}.{name}", wanted, found) for good, name, wanted, found in checks if not good]


class Snapshots:
    """Take pictures of alerts; files are written in a thread of its own, so that no disk holds a camera up."""

    def __init__(self, config: SnapshotConfig, count: Callable[[Saved], None]) -> None:
        self._config, self._count = config, count
        self._folder = None if config.path is None else Path(config.path)
        self._queue: queue.Queue[tuple[str, bytes] | None] = queue.Queue(QUEUE)
        # Of this run, in the order they were written: no clock says more.
        self._written: list[str] = []
        self._thread = threading.Thread(target=self._run, name="snapshots", daemon=True)

    def start(self) -> None:
        """Begin to write files."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Write what is queued, for at most `timeout_s`; the rest is counted."""
        end = time.monotonic() + timeout_s
        with suppress(queue.Full):
            self._queue.put(None, timeout=max(0.0, timeout_s))
        self._thread.join(max(0.0, end - time.monotonic()))
        with suppress(queue.Empty):
            while True:
                if self._queue.get_nowait() is not None:
                    self._count(Saved.DROPPED)

    def take(self, event: Event, frame: Frame, reply: Reply) -> Event:
        """Return the alert with its picture: `frame`, which is masked already, with the reply's boxes."""
        if isinstance(event.alert, msgspec.UnsetType):
            return event
        jpeg = self._encode(frame, reply)
        alert = event.alert
        if self._folder is not None and self._save(f"{event.id}.jpg", jpeg):
            alert = msgspec.structs.replace(alert, snapshot=f"{event.id}.jpg")
        if self._config.send:
            alert = msgspec.structs.replace(alert, jpeg=base64.b64encode(jpeg).decode("ascii"))
        return msgspec.structs.replace(event, alert=alert)

    def _encode(self, frame: Frame, reply: Reply) -> bytes:
        side = self._config.max_side
        while True:
            for quality in _QUALITIES:
                jpeg = encode(frame, reply, quality, side)
                if len(jpeg) <= self._config.max_jpeg_bytes or side <= _MIN_SIDE:
                    return jpeg
            side //= 2

    def _save(self, name: str, jpeg: bytes) -> bool:
        try:
            self._queue.put_nowait((name, jpeg))
        except queue.Full:
            self._count(Saved.DROPPED)
            return False
        return True

    def _run(self) -> None:
        failing = False
        while (item := self._queue.get()) is not None:
            try:
                self._write(*item)
            except OSError as exc:
                self._count(Saved.FAILED)
                if not failing:
                    log.warning("snapshots: %s", exc)
                failing = True
            else:
                self._count(Saved.SAVED)
                failing = False

    def _write(self, name: str, jpeg: bytes) -> None:
        assert self._folder is not None
        self._folder.mkdir(parents=True, exist_ok=True)
        self._make_room(self._folder, len(jpeg))
        aside = self._folder / f"{name}.part"
        aside.write_bytes(jpeg)
        aside.replace(self._folder / name)
        self._written.append(name)

    def _make_room(self, folder: Path, size: int) -> None:
        """Remove the oldest files: of earlier runs first, whose names begin with the time, then those of this run.

        So the newest stay, however wrong the clock is or was. Other people's files are left alone.
        """
        found = {path.name: path for path in folder.glob("*.jpg*") if _is_ours(path)}
        self._written = [name for name in self._written if name in found]
        order = [*sorted(found.keys() - set(self._written)), *self._written]
        sizes = {name: found[name].stat().st_size for name in order}
        total = size + sum(sizes.values())
        for name in order:
            if total <= self._config.max_bytes:
                return
            found[name].unlink(missing_ok=True)
            total -= sizes[name]


def _is_ours(path: Path) -> bool:
    return len(path.name.split(".")[0]) == 36 and path.suffix in {".jpg", ".part"}
