"""A TOML file as a typed msgspec Struct; every fault is one line naming file, key, wanted and found."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from edge_common.errors import StartError

T = TypeVar("T")


class ConfigError(StartError):
    """A file that cannot be used as written."""


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """Return the file's content, or raise ConfigError when it cannot be read or is over `max_bytes`."""
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as exc:
        raise ConfigError(f"{path}: {(exc.strerror or str(exc)).lower()}") from None
    if len(content) > max_bytes:
        raise ConfigError(f"{path}: want at most {max_bytes} bytes, found more")
    return content


def read_document(path: Path, max_bytes: int = 1024 * 1024) -> dict[str, Any]:
    """Return the file as plain data; raise ConfigError when it is unreadable or not TOML."""
    return parse_document(path, read_bytes(path, max_bytes))


def parse_document(path: Path, content: bytes) -> dict[str, Any]:
    """Return `content`, read from `path`, as plain data; raise ConfigError when it is not TOML."""
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except RecursionError:
        raise ConfigError(f"{path}: not valid TOML: nested too deeply") from None
    except ValueError as exc:
        raise ConfigError(f"{path}: not valid TOML: {one_line(str(exc))}") from None


def typed(path: Path, document: dict[str, Any], type_: type[T]) -> T:
    """Return `document`, read from `path`, as `type_`; raise ConfigError for the first thing that does not fit."""
    try:
        return msgspec.convert(document, type_)
    except msgspec.ValidationError as exc:
        # Imported here: only a faulty file needs an explanation.
        from edge_common.tomlfault import explain

        raise ConfigError(f"{path}: {one_line(explain(str(exc), document, type_))}") from None


def read_toml(path: Path, type_: type[T], max_bytes: int = 1024 * 1024) -> T:
    """Return the file as `type_`, whose Structs should forbid unknown fields.

    Raises:
        ConfigError: unreadable, not TOML, an unknown key, or a value of the wrong kind or out of range.
    """
    return typed(path, read_document(path, max_bytes), type_)


def one_line(text: str) -> str:
    """Return `text` printable: keys and names in a file may hold line ends and terminal codes."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
