"""What `discover` has found, and how it is told: a table, JSON, or TOML to paste."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from edge_camera.tools.table import table

# What a camera says of itself is cut off here.
MAX_TEXT = 80
# A camera's name in the config: an RFC 1123 label.
_MAX_NAME = 63


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A camera: `address` is a host or a device file, `service` the ONVIF device service, `note` what to know of it.

    `url` is for the config; of a network camera it lacks the path.
    """

    name: str
    address: str
    model: str
    kind: Literal["onvif", "v4l2"]
    url: str
    service: str = ""
    note: str = ""


def clean(text: str) -> str:
    """Return a text that came from outside on one line, without terminal codes, and not too long."""
    return "".join(char if char.isprintable() else "?" for char in text.strip())[:MAX_TEXT]


def as_table(devices: Sequence[Device]) -> str:
    """Return one line a camera."""
    rows = [(one.name, one.address, one.model, one.kind, one.note) for one in devices]
    return table(("name", "address", "model", "kind", "note"), rows)


def as_json(devices: Sequence[Device]) -> str:
    """Return an array of objects."""
    return msgspec.json.format(msgspec.json.encode(devices), indent=2).decode() + "\n"


def as_toml(devices: Sequence[Device]) -> str:
    """Return a `[[camera]]` block a camera, each with a name of its own."""
    taken: set[str] = set()
    return "\n".join(_block(device, _unique(device, taken)) for device in devices)


def _block(device: Device, name: str) -> str:
    # A JSON string of ASCII is a TOML string too: nothing a camera says can end it.
    lines = [
        f"# {clean(f'{device.name}, {device.model}')}",
        "[[camera]]",
        f"name = {json.dumps(name)}",
        f"url = {json.dumps(device.url)}",
    ]
    if device.kind == "onvif":
        lines[3] += "  # add the path of its stream: its manual or its own page tells"
        lines.append(f'# credentials = "/run/secrets/{name}"  # a file with user:password, when it wants a login')
    return "\n".join(lines) + "\n"


def _unique(device: Device, taken: set[str]) -> str:
    stem = _label(device.name) or _label(device.address) or "camera"
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem[: _MAX_NAME - 5].rstrip('-')}-{number}"
    taken.add(name)
    return name


def _label(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:_MAX_NAME].strip("-")
