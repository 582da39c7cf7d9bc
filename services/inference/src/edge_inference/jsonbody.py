"""JSON bodies: strict first, with the tokens clients send beyond the standard, and bounded in what they become."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from itertools import chain
from typing import Any

import orjson

from edge_common.errors import BodyTooLarge, InvalidInput

MAX_DEPTH = 100
# Larger ones are read one at a time: as Python objects they take up to thirty times their size.
LARGE_BYTES = 64 * 1024
_BEYOND_STANDARD = re.compile(rb"NaN|Infinity")
_ALONE = contextlib.nullcontext()


class JsonReader:
    """Parse JSON of at most `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._turn = threading.Lock()

    def turn(self, size: int) -> contextlib.AbstractContextManager[object]:
        """Hold this from parsing until the objects are arrays; raise BodyTooLarge for more than `max_bytes`."""
        if size <= LARGE_BYTES:
            return _ALONE
        if size > self._max_bytes:
            raise BodyTooLarge(
                f"JSON of {size} bytes: at most {self._max_bytes} are accepted; large tensors go with binary_data_size"
            )
        return self._turn


def parse(raw: bytes) -> Any:
    """Return what `raw` says.

    Raises:
        InvalidInput: not JSON, nested too deep, or holding what no JSON text can.
    """
    try:
        message = orjson.loads(raw)
    except ValueError as exc:
        message = _lenient(raw, exc)
    # Only a message with that many brackets can nest that deep; small ones skip the walk.
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        _check_depth(message)
    return message


def _lenient(raw: bytes, strict: ValueError) -> Any:
    """Read what orjson refuses but clients send: NaN and Infinity tokens."""
    if not _BEYOND_STANDARD.search(raw):
        raise InvalidInput(f"body is not valid JSON: {strict}") from None
    try:
        message = json.loads(raw)
        # Python's parser lets lone surrogates and endless integers through, which nothing after it can carry.
        orjson.dumps(message)
    except (ValueError, RecursionError, TypeError) as exc:
        raise InvalidInput(f"body is not valid JSON: {str(exc)[:200]}") from None
    return message


def _check_depth(message: Any) -> None:
    level, depth = [message], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise InvalidInput(f"body: JSON nested deeper than {MAX_DEPTH}")
        level = [
            child
            for child in chain.from_iterable(item.values() if type(item) is dict else item for item in level)
            if type(child) is list or type(child) is dict
        ]


def kind(value: Any) -> str:
    """What `value` is, in JSON's words."""
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a bool", type(None): "nothing"}
    return kinds.get(type(value), "a number")
