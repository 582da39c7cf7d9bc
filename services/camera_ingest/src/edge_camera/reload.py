"""A changed config file, or SIGHUP: apply the difference, or refuse it in one line and go on as before."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from pathlib import Path

from edge_camera.config import Config, read_config
from edge_camera.ingest import Difference
from edge_camera.metrics import Reloaded
from edge_common.errors import StartError

log = logging.getLogger(__name__)

# How often the file is looked at, in seconds; a ConfigMap takes about a minute to reach the pod anyhow.
LOOK_S = 1.0
Stamp = tuple[int, int, int, int]


class Reloader:
    """Watch one config file; `look` is called now and then by the main thread."""

    def __init__(
        self, path: Path, apply: Callable[[Config], Difference], tell: Callable[[Reloaded, str], None], now: float
    ) -> None:
        self._path, self._apply, self._tell = path, apply, tell
        self._seen = _stamp(path)
        self._looked = now
        self._asked = False

    def listen(self) -> None:
        """Take SIGHUP as a wish to read the file again."""
        signal.signal(signal.SIGHUP, self._on_signal)

    def _on_signal(self, *_: object) -> None:
        self._asked = True

    def look(self, now: float) -> None:
        """Apply the file when it has changed since, or when a signal asked for it."""
        if not self._asked and now - self._looked < LOOK_S:
            return
        self._looked = now
        stamp = _stamp(self._path)
        if not self._asked and (stamp is None or stamp == self._seen):
            return
        self._asked, self._seen = False, stamp
        try:
            difference = self._apply(read_config(self._path))
        except StartError as exc:
            log.error("new config refused, the old one goes on: %s", exc)
            self._tell(Reloaded.REFUSED, str(exc))
            return
        words = [f"{what} {', '.join(names)}" for what, names in difference._asdict().items() if names]
        detail = "; ".join(words) or "no camera differs"
        log.info("new config applied: %s", detail)
        self._tell(Reloaded.APPLIED, detail)


def _stamp(path: Path) -> Stamp | None:
    """What tells one content from another. Links are followed: a ConfigMap changes by turning a link over."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
