"""Temporary files: when their disk is the full one, the message says so, and not the output's."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgectl.model.errors import ModelError


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a new directory for temporary files, gone at the end; ModelError where there is no place for one."""
    with filling_scratch():
        folder = tempfile.TemporaryDirectory(prefix="edgectl-", ignore_cleanup_errors=True)
    with folder as name:
        yield Path(name)


@contextmanager
def filling_scratch() -> Iterator[None]:
    """Turn an OSError of what is done with temporary files, and with no others, into a ModelError that names TMPDIR."""
    try:
        yield
    except OSError as exc:
        where = tempfile.tempdir or os.environ.get("TMPDIR", "/tmp")
        raise ModelError(
            f"{where}: cannot be written: {(exc.strerror or str(exc)).lower()}; "
            "make room for temporary files, or name another directory in TMPDIR"
        ) from None
