"""How a person names an image: a directory, an archive, what podman or buildah hold, or a registry's reference."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from edgectl.image.image import Image, read_image
from edgectl.image.reference import reference
from edgectl.image.registry import Registry
from edgectl.image.remote import Remote
from edgectl.image.store import INDEX_FILE, Directory, Store, open_archive
from edgectl.model.errors import ModelError
from edgectl.model.scratch import scratch

SOURCES = "oci:DIR, oci-archive:FILE, containers-storage:NAME (what podman and buildah hold) or HOST/NAME:TAG"
_DIRECTORY, _ARCHIVE, _ENGINE = "oci:", "oci-archive:", "containers-storage:"
# An image of a gigabyte on a slow disk.
_SAVE_S = 600


@dataclass(frozen=True, slots=True)
class Sources:
    """Opens images; what they need meanwhile is freed when `stack` ends."""

    stack: ExitStack
    platform: str = ""
    plain_http: bool = False

    def image(self, text: str) -> Image:
        """Return the image that `text` names; see SOURCES.

        Raises:
            ModelError: it names none, or one that cannot be read.
        """
        if text.startswith(_ENGINE):
            return self._held(text.removeprefix(_ENGINE))
        path, tag = _path_and_tag(text)
        if path is None:
            return self._remote(text)
        return read_image(self._store(path), tag=tag, platform=self.platform)

    def _store(self, path: Path) -> Store:
        if path.is_dir():
            if not (path / INDEX_FILE).is_file():
                raise ModelError(f"{path}: want an OCI layout with {INDEX_FILE}, found none")
            return Directory(path)
        archive = open_archive(path)
        self.stack.callback(archive.tar.close)
        return archive

    def _remote(self, text: str) -> Image:
        asked = reference(text)
        if not asked.wanted:
            raise ModelError(f"{text}: want a tag or a digest after the name, such as {text}:1.0.0")
        registry = Registry(asked.host, asked.repository, self.plain_http)
        return read_image(Remote(registry, asked, self._folder()), platform=self.platform)

    def _held(self, name: str) -> Image:
        """Let buildah or podman write an image of theirs."""
        target = self._folder() / "image.tar"
        engine = next((each for each in ("buildah", "podman") if shutil.which(each)), None)
        if engine is None:
            raise ModelError(f"{_ENGINE}{name}: want buildah or podman on PATH, found neither")
        command = [engine, "push", "--quiet", name, f"oci-archive:{target}:{name}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SAVE_S)
        except subprocess.TimeoutExpired:
            raise ModelError(f"{engine} push {name}: not done within {_SAVE_S} s") from None
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
            full = f"; {target.parent} is full: name another directory in TMPDIR" * ("no space left" in said)
            raise ModelError(f"{_ENGINE}{name}: {engine}: {said[:300]}{full}")
        return read_image(self._store(target), platform=self.platform)

    def _folder(self) -> Path:
        return self.stack.enter_context(scratch())


def _path_and_tag(text: str) -> tuple[Path | None, str]:
    """Return the path that a text names, None for a registry's reference; and the tag behind it, "" without."""
    for start in (_DIRECTORY, _ARCHIVE):
        if text.startswith(start):
            rest = text.removeprefix(start)
            if Path(rest).exists():
                return Path(rest), ""
            path, _, tag = rest.partition(":")
            if Path(path).exists():
                return Path(path), tag
            raise ModelError(f"{start}{path}: nothing there; an image is {SOURCES}")
    if Path(text).exists():
        return Path(text), ""
    if text.startswith((".", "/")) or "/" not in text:
        raise ModelError(f"{text}: nothing there; an image is {SOURCES}")
    return None, ""
