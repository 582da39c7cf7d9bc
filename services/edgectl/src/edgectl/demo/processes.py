"""Children that are watched, measured, and never left behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from edge_common.errors import StartError

# A child has this long to stop in order before it is killed.
STOP_S = 10.0
_LAST_LINES = 8
_PR_SET_PDEATHSIG = 1


class ChildFailed(Exception):
    """A child ended when it should not have; the text has its last words."""


@dataclass(slots=True)
class Child:
    """One running program; its stderr goes to `log`."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    started: float
    pss_mb: float = 0.0

    def check(self) -> None:
        """Raise ChildFailed when the program has ended."""
        code = self.process.poll()
        if code is not None:
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            raise ChildFailed(f"{self.name} {how}{self.last_words()}")

    def stop(self) -> str:
        """Stop the program if it runs; return "", or a line that says what was not in order."""
        if self.process.poll() is not None:
            return ""
        self.process.terminate()
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return f"{self.name} did not stop within {STOP_S:g} s and was killed"
        return f"{self.name} stopped with exit code {code}{self.last_words()}" if code else ""

    def last_words(self) -> str:
        """Return the end of its log, indented, on lines of their own."""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - 8192))
            lines = file.read().decode(errors="replace").splitlines()[-_LAST_LINES:]
        return "".join(f"\n    {line}" for line in lines)

    def measure(self) -> None:
        """Remember its proportional memory (PSS) in MB, the largest seen."""
        with contextlib.suppress(psutil.Error):
            self.pss_mb = max(self.pss_mb, psutil.Process(self.process.pid).memory_full_info().pss / 1e6)


class Children:
    """Start programs, and stop all of them in reverse order on `close`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._libc = ctypes.CDLL(None)
        self.all: list[Child] = []

    def start(self, name: str, command: Sequence[str], *, piped: bool = False) -> Child:
        """Start a program; call it in the main thread, whose end the kernel tells the child.

        A session of its own keeps the terminal's Ctrl-C away from it: this process stops it, in order.
        """
        log = self._folder / f"{name}.log"
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else stderr,
                stderr=stderr,
                env=child_environment(os.environ),
                start_new_session=True,
                preexec_fn=self._die_with_parent,
            )
        child = Child(name, process, log, time.monotonic())
        self.all.append(child)
        return child

    def _die_with_parent(self) -> None:
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    def close(self) -> list[str]:
        """Stop what still runs, the last started first; return a line for each that did not stop in order."""
        return [line for child in reversed(self.all) if (line := child.stop())]


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without EDGE_* variables: a setting of one service is an unknown one for another."""
    return {name: value for name, value in environment.items() if not name.startswith("EDGE_")}


def program(name: str) -> str:
    """Return the path of a console script of this installation.

    Raises:
        StartError: it is not installed.
    """
    path = Path(sys.executable).with_name(name)
    if not path.is_file():
        raise StartError(f"{path}: not installed; run `make setup`")
    return str(path)
