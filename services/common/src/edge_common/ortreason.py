"""ONNX Runtime's exceptions, and their text without its own source's places: what a person can act on.

This package does not import ONNX Runtime; who does hands its module in.
"""

from __future__ import annotations

import re
from types import ModuleType

_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (Load model from .*? failed: ?)?")
# A file of ONNX Runtime's source, followed by the signature of the function that gave up.
_PLACE = re.compile(r"/onnxruntime_src/\S+:\d+ [^(]*")
# The longest of its sentences, about opsets, ends within this.
_LONGEST = 480


def ort_faults(state: ModuleType) -> tuple[type[Exception], ...]:
    """Return every exception of `onnxruntime.capi.onnxruntime_pybind11_state`.

    InvalidArgument, InvalidGraph, InvalidProtobuf, NoSuchFile, RuntimeException and their siblings share no base class
    but Exception.
    """
    kinds = vars(state).values()
    return tuple(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Exception))


def ort_reason(exc: BaseException) -> str:
    """Return the text of an ONNX Runtime exception as one printable line without code, path and C++ signature."""
    text = _CODE.sub("", " ".join(str(exc).split()))
    while place := _PLACE.search(text):
        text = text[: place.start()] + text[_after_brackets(text, place.end()) :].lstrip()
    return "".join(char for char in text if char.isprintable())[:_LONGEST] or type(exc).__name__


def _after_brackets(text: str, start: int) -> int:
    """Return where the bracket that opens at `start` has been closed, and `const` passed."""
    depth = 0
    for index in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[index], 0)
        if depth == 0:
            return index + len(re.match(r"\)?( const\b)?", text[index:])[0])  # type: ignore[index]
    return len(text)
