"""Bytes as people read them."""

from __future__ import annotations


def megabytes(size: int) -> str:
    """Return a size to the kilobyte: 105285 -> "0.105 MB"."""
    return f"{size / 1e6:.3f} MB"
