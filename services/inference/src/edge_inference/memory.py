"""The C library's heap, kept small: it is a good part of what a small model's container holds."""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path

from edge_inference.cgroup import groups, read, unified

# v1 writes "no limit" as the largest number of whole pages that fits.
_NO_LIMIT = 2**62
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


def memory_limit(root: Path = Path("/")) -> int:
    """Return the least memory limit of the control groups on the way to the root, in bytes; 0 where there is none.

    `root` is the file system's root (a fake tree in tests).
    """
    texts = [read(group / "memory.max") for group in unified(root)]
    texts += [read(group / "memory.limit_in_bytes") for group in groups(root, "memory")]
    return min((limit for limit in map(int, filter(str.isdigit, texts)) if limit < _NO_LIMIT), default=0)
