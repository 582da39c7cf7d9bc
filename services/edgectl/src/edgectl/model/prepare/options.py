"""From the command line to a declaration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgectl.model.errors import ModelError

_NUMBERS: Mapping[str, type[int] | type[float]] = {"size": int, "range": float, "mean": float, "std": float, "pad": int}


def document(options: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the declaration's tables that `options` (key of [input] -> text, and "classes") stand for.

    Raises:
        ModelError: a list of numbers is none.
    """
    given = {key: text for key, text in options.items() if text is not None}
    classes = given.pop("classes", None)
    tables: dict[str, Any] = {}
    if given:
        tables["input"] = {key: _value(key, text) for key, text in given.items()}
    if classes is not None:
        tables["output"] = {"classes": {"activation": classes}}
    return tables


def _value(key: str, text: str) -> object:
    number = _NUMBERS.get(key)
    if number is None:
        return text
    try:
        return [number(part) for part in text.split("x" if key == "size" else ",")]
    except ValueError:
        form = "WIDTHxHEIGHT, such as 224x224" if key == "size" else "numbers with commas between"
        raise ModelError(f"--{key}: want {form}, found {text!r:.60}") from None
