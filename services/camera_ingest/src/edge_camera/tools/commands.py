"""Which commands there are, and how each begins and ends."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence

from edge_common.errors import StartError
from edge_common.tomlfile import one_line

# Name -> what `edge-camera --help` says. Each is a module of this package with `run(argv) -> exit code`.
COMMANDS = {
    "check": "read settings and a config file, and say whether they will do",
    "discover": "find ONVIF cameras on the network and V4L2 cameras of this machine",
    "replay": "print the events of a spool, or those that match",
    "analyse": "count what is in a spool by camera, class and hour; scores, gaps and plots",
}
BAD_INPUT = 2
INTERRUPTED = 130


def run_command(name: str, argv: Sequence[str]) -> int:
    """Run one command and return its exit code; its faults are one line on stderr.

    A reader that has seen enough (`| head`) is no fault.
    """
    try:
        return _run(name, argv)
    except KeyboardInterrupt:
        # Outside of all other handlers: Ctrl-C ends the reader of a pipe too, and may come while that is handled.
        _drop_stdout()
        return INTERRUPTED


def _run(name: str, argv: Sequence[str]) -> int:
    try:
        # Imported here: no command waits for another's libraries.
        code: int = importlib.import_module(f"edge_camera.tools.{name}").run(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
        return 0
    except StartError as exc:
        return _fault(name, str(exc))
    except OSError as exc:
        return _fault(name, reason(exc))
    return code


def mistyped(word: str) -> str:
    """Return what is wrong with `word` when it is no flag, path or file, but perhaps a command; "" otherwise."""
    if not word or word.startswith("-") or set(word) & {"/", "."} or os.path.lexists(word):
        return ""
    return f"{one_line(word)}: no such file or directory; commands are {', '.join(COMMANDS)}"


def reason(exc: OSError) -> str:
    """Return `exc` for a person: the file, and what was wrong with it."""
    if exc.strerror is None:
        return str(exc)
    where = f"{exc.filename}: " if exc.filename is not None else ""
    return where + exc.strerror.lower()


def _fault(name: str, text: str) -> int:
    _drop_stdout()
    with contextlib.suppress(OSError):
        print(f"edge-camera {name}: {one_line(text)}", file=sys.stderr)
    return BAD_INPUT


def _drop_stdout() -> None:
    """What is still buffered goes where it hurts nobody: Python would try again, and complain, as it ends."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
