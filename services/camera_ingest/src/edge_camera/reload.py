"""A changed config file, or SIGHUP: apply the difference, or refuse it in one line and go on as before."""

from __future__ import annotations

import logging
import signal
import traceback
from pathlib import Path
from typing import Protocol

import msgspec

from edge_camera.config import Config, load_config
from edge_camera.ingest import Difference
from edge_camera.metrics import Reloaded
from edge_common.errors import StartError

log = logging.getLogger(__name__)

# How often the file is looked at, in seconds; a ConfigMap takes about a minute to reach the pod anyhow.
LOOK_S = 1.0
# A file that is being replaced is away for a moment; one that is away at so many looks was deleted.
MISSING_LOOKS = 3
# A refusal shows what it found, which may be long; an event has to fit into the spool.
MAX_DETAIL = 1000
Stamp = tuple[int, int, int, int]


class ConfigView(msgspec.Struct, frozen=True, kw_only=True):
    """What runs: the SHA-256 of the config file as it was applied. `refused`: why the file as it is now is not."""

    sha256: str = ""
    refused: str | None = None


class Reloadable(Protocol):
    """What runs by the config; what `ingest.Ingest` does."""

    def apply(self, config: Config) -> Difference:
        """Change over; StartError when it cannot be done and nothing has changed."""
        ...

    def tell_config(self, what: Reloaded, detail: str) -> None: ...


class Reloader:
    """Watch one config file; made before its first reading, so that no change is missed.

    `look` is called now and then by the main thread.
    """

    def __init__(self, path: Path, now: float) -> None:
        self._path = path
        self._seen = _stamp(path)
        self._looked = now
        self._asked = False
        self._missing = 0
        # One attribute, replaced as a whole: the page's threads read it.
        self._view = ConfigView()

    def first(self) -> Config:
        """Read the file for the start; StartError when it will not do."""
        config, sha256 = load_config(self._path)
        self._view = ConfigView(sha256=sha256)
        return config

    def view(self) -> ConfigView:
        """Return which config runs; from any thread."""
        return self._view

    def listen(self) -> None:
        """Take SIGHUP as a wish to read the file again."""
        signal.signal(signal.SIGHUP, self._on_signal)

    def _on_signal(self, *_: object) -> None:
        self._asked = True

    def look(self, now: float, running: Reloadable) -> None:
        """Apply the file when it has changed since, or when a signal asked for it."""
        if not self._asked and now - self._looked < LOOK_S:
            return
        self._looked = now
        stamp = _stamp(self._path)
        self._missing = self._missing + 1 if stamp is None else 0
        deleted = self._missing == MISSING_LOOKS
        if not (self._asked or deleted) and (stamp is None or stamp == self._seen):
            return
        self._asked, self._seen = False, stamp
        what, detail = self._change(running)
        if what is Reloaded.APPLIED:
            log.info("new config applied: %s", detail)
        else:
            log.error("new config refused, the old one goes on: %s", detail)
        running.tell_config(what, detail)

    def _change(self, running: Reloadable) -> tuple[Reloaded, str]:
        try:
            config, sha256 = load_config(self._path)
            difference = running.apply(config)
        except StartError as exc:
            return self._refused(str(exc)[:MAX_DETAIL])
        except Exception as exc:  # noqa: BLE001  # the one of this process: a config must not end what runs
            # Only where it was, never what it says: that may hold a secret of the config.
            where = traceback.extract_tb(exc.__traceback__)[-1]
            place = f"{type(exc).__name__} at {Path(where.filename).name}:{where.lineno}"
            return self._refused(f"{self._path}: a fault of edge-camera, please report it: {place}")
        self._view = ConfigView(sha256=sha256)
        words = [f"{what} {', '.join(names)}" for what, names in difference._asdict().items() if names]
        return Reloaded.APPLIED, "; ".join(words) or "no camera differs"

    def _refused(self, why: str) -> tuple[Reloaded, str]:
        self._view = msgspec.structs.replace(self._view, refused=why)
        return Reloaded.REFUSED, why


def _stamp(path: Path) -> Stamp | None:
    """What tells one content from another. Links are followed: a ConfigMap changes by turning a link over."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
