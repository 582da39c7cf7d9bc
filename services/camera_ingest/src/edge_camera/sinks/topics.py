"""Topics made from a template and an event's own values."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

FIELDS = frozenset({"gateway", "camera", "kind"})

_FIELD = re.compile(r"\{([^{}]*)\}")
# What MQTT forbids in a topic that is published to, and control characters, with which brokers differ.
_LEVEL = re.compile(r"[^/+#\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
_TEMPLATE = re.compile(r"[^$+#\x00-\x1f\x7f-\x9f\ud800-\udfff][^+#\x00-\x1f\x7f-\x9f\ud800-\udfff]{0,499}")


class Head(msgspec.Struct, frozen=True):
    """What of an event decides where it goes."""

    gateway: str
    camera: str
    kind: str


def template_fault(template: str, fields: frozenset[str] = FIELDS) -> str | None:
    """Return what is wrong with a template, None when nothing is."""
    unknown = [name for name in _FIELD.findall(template) if name not in fields]
    if unknown:
        return f"unknown field {{{unknown[0]}}}"
    if "{" in (rest := _FIELD.sub("x", template)) or "}" in rest:
        return "a brace without its other half"
    return None if _TEMPLATE.fullmatch(rest) else "not a topic to publish to"


def is_level(text: str) -> bool:
    """Return True when `text` can stand between two slashes of a topic."""
    return bool(_LEVEL.fullmatch(text))


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return the template with its fields filled.

    Raises:
        ValueError: a value cannot be a level of a topic.
    """
    for name, value in values.items():
        if not is_level(value):
            raise ValueError(f"{name} cannot be a level of a topic: {value[:100]!r}")
    return _FIELD.sub(lambda found: values[found[1]], template)
