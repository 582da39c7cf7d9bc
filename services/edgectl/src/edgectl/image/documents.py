"""The JSON of images and registries, as far as it is used: what is of another type is one line, not a traceback."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from edgectl.model.errors import ModelError

T = TypeVar("T")
_FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Platform(msgspec.Struct, frozen=True):
    """For what an image in an index is."""

    os: str = ""
    architecture: str = ""


class Entry(msgspec.Struct, frozen=True, rename="camel"):
    """A descriptor as it is written: `digest` is not looked at yet."""

    digest: str
    size: int
    media_type: str | None = None
    annotations: dict[str, str] | None = None
    platform: Platform | None = None


class Index(msgspec.Struct, frozen=True):
    """An index of images: index.json too. Go writes an empty list as null."""

    manifests: tuple[Entry, ...] | None = None


class Manifest(msgspec.Struct, frozen=True):
    """The manifest of an image."""

    config: Entry
    layers: tuple[Entry, ...] | None = None


class Settings(msgspec.Struct, frozen=True):
    """How a container of an image is started."""

    env: tuple[str, ...] | None = msgspec.field(name="Env", default=None)
    labels: dict[str, str] | None = msgspec.field(name="Labels", default=None)


class RootFs(msgspec.Struct, frozen=True):
    """The digests of the unpacked layers, lowest first."""

    diff_ids: tuple[str, ...] | None = None


class Config(msgspec.Struct, frozen=True):
    """The configuration of an image."""

    os: str = ""
    architecture: str = ""
    config: Settings | None = None
    rootfs: RootFs | None = None
    history: tuple[dict[str, object], ...] | None = None


def decoded(where: str, what: str, document: bytes, kind: type[T]) -> T:
    """Return `document`, which came from `where` and should be `what`.

    Raises:
        ModelError: it is none.
    """
    try:
        return msgspec.json.decode(document, type=kind)
    except _FAULTS as exc:
        raise ModelError(f"{where}: want {what}: {str(exc)[:200]}") from None


def maybe(document: bytes, kind: type[T]) -> T | None:
    """Return `document`, None when it is none."""
    try:
        return msgspec.json.decode(document, type=kind)
    except _FAULTS:
        return None
