"""A TOML file as a typed msgspec Struct; every fault is one line naming file, key, wanted and found."""

from __future__ import annotations

import difflib
import re
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


def read_toml(path: Path, type_: type[T], max_bytes: int = 1024 * 1024) -> T:
    """Return the file as `type_`, whose Structs should forbid unknown fields.

    Raises:
        ConfigError: unreadable, not TOML, an unknown key, or a value of the wrong kind or out of range.
    """
    try:
        document = tomllib.loads(read_bytes(path, max_bytes).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path}: not valid TOML: {exc}") from None
    try:
        return msgspec.convert(document, type_)
    except msgspec.ValidationError as exc:
        raise ConfigError(f"{path}: {_explain(str(exc), document, type_)}") from None


def _explain(text: str, document: Any, type_: Any) -> str:
    message, _, where = text.partition(" - at `")
    key = where.rstrip("`").removeprefix("$").removeprefix(".")
    unknown = re.search(r"unknown field `(.+)`", message)
    if unknown:
        name = unknown[1]
        hint = difflib.get_close_matches(name, _known_keys(type_), 1)
        full = f"{key}.{name}" if key else name
        return f"{full}: unknown key" + (f"; did you mean '{hint[0]}'?" if hint else "")
    missing = re.search(r"missing required field `(.+)`", message)
    if missing:
        return f"{f'{key}.' if key else ''}{missing[1]}: required, but not there"
    found = _value_at(document, key)
    wanted = message.removeprefix("Expected ").partition(", got")[0]
    return f"{key or 'file'}: want {wanted}, found {str(found)[:60]!r}"


def _value_at(document: Any, key: str) -> Any:
    value = document
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", key):
        try:
            value = value[int(index)] if index else value[name]
        except (KeyError, IndexError, TypeError):
            return value
    return value


def _known_keys(type_: Any) -> list[str]:
    """Every field name reachable from `type_`; good enough for a hint."""
    keys: list[str] = []
    pending, seen = [msgspec.inspect.type_info(type_)], set()
    while pending:
        info = pending.pop()
        if isinstance(info, msgspec.inspect.StructType):
            if info.cls in seen:
                continue
            seen.add(info.cls)
            keys += [field.encode_name for field in info.fields]
            pending += [field.type for field in info.fields]
        else:
            for attribute in ("item_type", "value_type"):
                if hasattr(info, attribute):
                    pending.append(getattr(info, attribute))
            pending += list(getattr(info, "types", ()))
    return keys
