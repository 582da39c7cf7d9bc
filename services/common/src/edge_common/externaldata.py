"""Weights that lie outside of an ONNX file, found in its bytes: whoever serves needs no onnx library for that."""

from __future__ import annotations

import os
import re
from pathlib import Path

# How protobuf writes the entry {key: "location", value: ...}; all its writers keep the order of the field numbers.
_KEY = b"\x0a\x08location\x12"
# The same as an element of field 13. In a TensorProto that is external_data; in a GraphProto it is value_info, which
# looks alike for a tensor named "location", so that what follows decides.
_ENTRY = re.compile(rb"\x6a[\x80-\xff]{0,2}[\x00-\x7f]\x0a\x08location\x12")
_EXTERNAL_DATA = 0x6A
# TensorProto.data_location = EXTERNAL, which follows the entries at once. ONNX Runtime asks for nothing else.
_IS_EXTERNAL = b"\x70\x01"

_BLOCK = 256 * 1024
# No entry is found in two halves: the longest match takes 15 bytes.
_OVERLAP = 32
# All entries of one tensor: Linux opens no path over 4096 bytes, and offset, length and checksum are short.
_ENTRIES = 8192


def external_data(path: Path) -> str | None:
    """Return the path that a tensor of the ONNX file gives for its data, or None when all data are in the file.

    Costs about 40 ms for 100 MB in the page cache, on one core of the two-core machine of the README.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        start, tail = 0, b""
        while chunk := file.read(_BLOCK):
            block = tail + chunk
            if _KEY in block:
                for entry in _ENTRY.finditer(block):
                    place = _place(os.pread(file.fileno(), _ENTRIES, start + entry.start()))
                    if place is not None:
                        return place
            tail = block[-_OVERLAP:]
            start += len(block) - len(tail)
    return None


def _place(raw: bytes) -> str | None:
    """Return the location in the entries that `raw` begins with, or None when they are not external data."""
    try:
        at, place = 0, ""
        while raw[at] == _EXTERNAL_DATA:
            size, start = _varint(raw, at + 1)
            at = start + size
            if raw.startswith(_KEY, start):
                length, begin = _varint(raw, start + len(_KEY))
                place = raw[begin : begin + length].decode(errors="replace")
        return place if raw.startswith(_IS_EXTERNAL, at) else None
    except IndexError:
        return None


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """Return the number at `at`, and where it ends."""
    number = shift = 0
    while raw[at] & 0x80:
        number |= (raw[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return number | raw[at] << shift, at + 1
