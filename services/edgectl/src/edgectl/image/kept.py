"""Addresses of uploads that were begun, so that a later run goes on with them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgectl.image.media import Descriptor
from edgectl.image.registry import Registry


@dataclass(frozen=True, slots=True)
class Kept:
    """One small file an upload in `folder`, gone with the upload's end. None is needed: they may be lost."""

    folder: Path

    def url(self, registry: Registry, blob: Descriptor) -> str:
        """Return where the upload of a blob was, "" when none is known."""
        try:
            return self._file(registry, blob).read_text()
        except (OSError, UnicodeDecodeError):
            return ""

    def keep(self, registry: Registry, blob: Descriptor, url: str) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file(registry, blob).write_text(url)
        except OSError:
            # Then a later run begins this blob again; the push itself needs none of it.
            return

    def forget(self, registry: Registry, blob: Descriptor) -> None:
        with suppress(OSError):
            self._file(registry, blob).unlink()

    def _file(self, registry: Registry, blob: Descriptor) -> Path:
        key = f"{registry.host}/{registry.repository}@{blob.digest}"
        return self.folder / hashlib.sha256(key.encode()).hexdigest()


def kept_uploads(env: Mapping[str, str] = os.environ) -> Kept:
    """Return those of this user."""
    cache = env.get("XDG_CACHE_HOME") or Path(env.get("HOME", "~")).expanduser() / ".cache"
    return Kept(Path(cache) / "edgectl" / "uploads")
