"""Frameworks talk much and raise anything: here they work in silence, and a failure becomes one line."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from edgectl.model.errors import ModelError

# What a framework wrote before it failed: its own error is among the last lines.
_LAST_LINES = 5
_LONGEST = 300
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@contextmanager
def framework(doing: str) -> Iterator[None]:
    """Run a framework with stdout and stderr kept back, whether Python or C++ writes there.

    When it fails, the last lines are shown on stderr, and ModelError says in one line what failed `doing`
    ("model.h5: keras cannot read it").
    """
    with tempfile.TemporaryFile() as kept:
        try:
            with _redirected(kept), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except ModelError:
            raise
        # The one broad handler: converters raise whatever came to hand, down to NameError and bare Exception.
        except Exception as exc:
            _show_last(kept)
            raise ModelError(f"{doing}: {reason(exc)}") from exc


def silence() -> None:
    """Tell TensorFlow, before it is imported, to log nothing and to leave GPUs alone: parity is measured on the CPU."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    # Other roundings than those of the plain kernels, chosen by CPU.
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"


def reason(exc: BaseException) -> str:
    """Return the telling line of an exception's text: the last of those that name an error, else the first."""
    lines = [line.strip() for line in _COLOUR.sub("", str(exc)).splitlines() if line.strip()]
    told = [line for line in lines if re.match(r"(<class ')?[\w.]*(Error|Exception)\b", line)]
    text = (told[-1] if told else lines[0] if lines else "") or type(exc).__name__
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


@contextmanager
def _redirected(kept: IO[bytes]) -> Iterator[None]:
    """At the level of file descriptors: C++ libraries do not know Python's sys.stderr."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = {fd: os.dup(fd) for fd in (1, 2)}
    try:
        for fd in saved:
            os.dup2(kept.fileno(), fd)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for fd, copy in saved.items():
            os.dup2(copy, fd)
            os.close(copy)


def _show_last(kept: IO[bytes]) -> None:
    kept.seek(0)
    lines = kept.read().decode(errors="replace").splitlines()
    for line in lines[-_LAST_LINES:]:
        print(f"  | {line[:_LONGEST]}", file=sys.stderr)
