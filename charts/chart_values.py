"""A chart's values.yaml as a list of documented values: key, comment, default and schema.

`# -- text` documents the key below it; `# @schema {...}` (YAML, flow style) says what its default cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


class DocsError(Exception):
    """Something in a values.yaml that cannot be documented; the text names file, line and key."""


@dataclass(frozen=True, slots=True)
class Value:
    """One key of values.yaml. `closed` maps have children, and no others are allowed."""

    path: str
    default: Any
    comment: str
    tags: Schema
    children: tuple[Value, ...] = field(default=())

    @property
    def key(self) -> str:
        return self.path.rpartition("\n")[2]

    @property
    def dotted(self) -> str:
        return self.path.replace("\n", ".")

    def walk(self) -> Iterator[Value]:
        """This value and all below it, in the file's order."""
        yield self
        for child in self.children:
            yield from child.walk()


def read_values(file: Path) -> list[Value]:
    """Return the top-level values of a values.yaml.

    Raises:
        DocsError: a key without a comment, or an empty map, list or null without a schema.
    """
    text = file.read_text(encoding="utf-8")
    root = yaml.compose(text)
    if not isinstance(root, yaml.MappingNode):
        raise DocsError(f"{file}: want a map")
    return _children(file, text.splitlines(), root, "")


def _children(file: Path, lines: list[str], node: yaml.MappingNode, parent: str) -> list[Value]:
    found = []
    for key, value in node.value:
        path = f"{parent}\n{key.value}" if parent else key.value
        comment, tags = _comment(lines, key.start_mark.line)
        default = yaml.safe_load(yaml.serialize(value))
        inside: list[Value] = []
        # A default of a map of the user's own names, or of something that Kubernetes documents.
        opaque = bool(tags.get("additionalProperties")) and not _documented(lines, value)
        if isinstance(value, yaml.MappingNode) and value.value and not opaque:
            inside = _children(file, lines, value, path)
        named = Value(path, default, comment, tags, tuple(inside))
        _complain(file, key.start_mark.line + 1, named)
        found.append(named)
    return found


def _documented(lines: list[str], node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode) and any(_comment(lines, k.start_mark.line)[0] for k, _ in node.value)


def _comment(lines: list[str], at: int) -> tuple[str, Schema]:
    """The comment right above line `at`, and its schema."""
    words: list[str] = []
    tags: Schema = {}
    for line in reversed(lines[:at]):
        text = line.strip()
        if text.startswith("# @schema "):
            tags = yaml.safe_load(text.removeprefix("# @schema "))
        elif text.startswith("# -- "):
            words.insert(0, text.removeprefix("# -- "))
            return " ".join(words), tags
        elif text.startswith("# "):
            words.insert(0, text.removeprefix("# "))
        else:
            break
    return "", tags


def _complain(file: Path, line: int, value: Value) -> None:
    bare = not value.comment and not value.children
    # The four numbers of a probe are Kubernetes' own, and told where the probe is.
    if bare and not value.dotted.startswith("probes."):
        raise DocsError(f"{file}:{line}: {value.dotted}: want a comment `# -- ...` above it")
    if value.default in ({}, [], None) and not value.tags:
        raise DocsError(f"{file}:{line}: {value.dotted}: want a `# @schema {{...}}`: its default says nothing")


def schema_of(values: list[Value], generated: Mapping[str, Callable[[], Schema]]) -> Schema:
    """Return the JSON schema (draft 7) of a whole values.yaml; nothing but what it names is allowed."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": False,
        "properties": {value.key: _schema(value, generated) for value in values},
    }


def _schema(value: Value, generated: Mapping[str, Callable[[], Schema]]) -> Schema:
    tags = dict(value.tags)
    name = tags.pop("generated", None)
    schema: Schema = {"description": value.comment} if value.comment else {}
    if isinstance(value.default, dict):
        schema |= {"type": "object", "additionalProperties": False}
    elif isinstance(value.default, list):
        schema |= {"type": "array"}
    elif value.default is not None:
        schema |= {"type": _TYPES[type(value.default)]}
    if name is not None:
        schema |= generated[name]()
    schema |= tags
    own = {child.key: _schema(child, generated) for child in value.children}
    if own:
        schema["properties"] = schema.get("properties", {}) | own
    return schema
