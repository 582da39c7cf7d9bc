"""The C library's heap, kept small: it is a good part of what a small model's container holds."""

from __future__ import annotations

import contextlib
import ctypes

_M_ARENA_MAX = -8  # <malloc.h>


def one_heap() -> None:
    """Let all threads share one heap; call it before there are any.

    By default each thread gets one of its own, up to eight a core, and what one has freed no other uses. The
    interpreter's lock keeps all but ONNX Runtime's threads apart anyhow, and those take from its own pool.
    """
    # musl has no such setting, and a single heap already.
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Return freed memory to the system: loading a model leaves about as much as the model itself behind."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
