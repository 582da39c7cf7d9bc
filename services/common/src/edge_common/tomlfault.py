"""From msgspec's error text to words: which key, what was wanted, what was found."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import msgspec.inspect as kinds

_WORDS = {
    "`str`": "a string",
    "`int`": "a whole number",
    "`float`": "a number",
    "`bool`": "true or false",
    "`array`": "a list",
    "`object`": "a table",
}
# A value is shown to be recognised, not to be read in full.
_SHOWN = 60
# A slip of the pen is this alike; 'deadline_ms' for 'keepalive_s' is not.
_ALIKE = 0.7


def explain(text: str, document: Any, type_: Any) -> str:
    """Return msgspec's `text` about `document`, which did not fit `type_`, as "key: want ..., found ..."."""
    message, found_path, path = text.rpartition(" - at `$")
    if not found_path:
        message, path = text, ""
    key = _named(path.rstrip("`").removeprefix("."), document, type_)
    info = _type_at(type_, key)
    if match := re.fullmatch(r"Object contains unknown field `(.*)`", message, re.DOTALL):
        hint = difflib.get_close_matches(match[1], _keys(info), 1, _ALIKE)
        known = ", ".join(_keys(info))
        return f"{_join(key, match[1])}: unknown key; " + (f"did you mean '{hint[0]}'?" if hint else f"want {known}")
    if match := re.fullmatch(r"Object missing required field `(.*)`", message):
        return f"{_join(key, match[1])}: required, but not there"
    if not message.startswith(("Expected ", "Invalid enum value", "Number out of range")):
        # A Struct's own check: it says everything itself.
        return _join(key, message)
    return f"{key or 'file'}: want {_wanted(message, info)}, found {repr(_value_at(document, key))[:_SHOWN]}"


def _named(key: str, document: Any, type_: Any) -> str:
    """Return `key` with the entry's name where msgspec only has [...], as in alert[...].class."""
    head, dots, rest = key.partition("[...]")
    table = document.get(head) if isinstance(document, dict) else None
    if not dots or not isinstance(table, dict):
        return key
    for name, value in table.items():
        try:
            msgspec.convert({**document, head: {name: value}}, type_)
        except msgspec.ValidationError:
            return f"{head}.{name}{rest}"
    return key


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _wanted(message: str, info: kinds.Type) -> str:
    """A type's own description (msgspec.Meta) is better than the pattern it explains."""
    for option in _options(info):
        if isinstance(option, kinds.LiteralType):
            return " or ".join(map(repr, option.values))
        if isinstance(option, kinds.Metadata) and "description" in (option.extra_json_schema or {}):
            return str((option.extra_json_schema or {})["description"])
    wanted = message.removeprefix("Expected ").rpartition(", got")[0] or message.removeprefix("Expected ")
    wanted = wanted.replace(" | null", "")
    for shown, word in _WORDS.items():
        wanted = wanted.replace(shown, word)
    return wanted


def _steps(key: str) -> Iterator[str]:
    """a.b[0].c[...] -> a, b, [0], c, [...]."""
    return (match[0] for match in re.finditer(r"[^.\[\]]+|\[[^\]]*\]", key))


def _value_at(document: Any, key: str) -> Any:
    value = document
    for step in _steps(key):
        try:
            value = value[int(step[1:-1])] if step.startswith("[") else value[step]
        except (KeyError, IndexError, TypeError, ValueError):
            return value
    return value


def _options(info: kinds.Type) -> Iterator[kinds.Type]:
    """The type itself and what it wraps: metadata, and the sides of `X | None`."""
    yield info
    if isinstance(info, kinds.Metadata):
        yield from _options(info.type)
    elif isinstance(info, kinds.UnionType):
        for side in info.types:
            yield from _options(side)


def _type_at(type_: Any, key: str) -> kinds.Type:
    info = kinds.type_info(type_)
    for step in _steps(key):
        info = next(_inner(info, step), kinds.AnyType())
    return info


def _inner(info: kinds.Type, step: str) -> Iterator[kinds.Type]:
    for option in _options(info):
        if isinstance(option, kinds.StructType):
            yield from (field.type for field in option.fields if field.encode_name == step)
        elif isinstance(option, kinds.ListType | kinds.VarTupleType):
            yield option.item_type
        elif isinstance(option, kinds.DictType):
            yield option.value_type


def _keys(info: kinds.Type) -> list[str]:
    structs = [option for option in _options(info) if isinstance(option, kinds.StructType)]
    return [field.encode_name for struct in structs for field in struct.fields]
