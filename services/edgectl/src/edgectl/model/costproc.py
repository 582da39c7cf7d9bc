"""A child process that holds one session: started, asked with a deadline, always ended."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from edgectl.model.costchild import LEVELS, MAX_RUNS
from edgectl.model.errors import ModelError
from edgectl.model.scratch import filling_scratch, scratch

if TYPE_CHECKING:
    from edge_common.tensors import Array

# Loading a graph of 2 GiB with all optimisations from a slow card ends within this.
LOAD_LIMIT_S = 300.0
# What a turn may take beyond its seconds: one run that had just begun, of the slowest model one would deploy.
RUN_LIMIT_S = 120.0
MAX_THREADS = 256


class Measured:
    """One model in a process of its own, loaded; `load_ms` is how long that took, `pss` the bytes it needs warm."""

    def __init__(self, process: subprocess.Popen[bytes], model: Path, errors: IO[bytes], limit_s: float) -> None:
        self._process, self._model, self._errors, self._limit_s = process, model, errors, limit_s
        self.load_ms, self.pss = 0.0, 0

    @property
    def pid(self) -> int:
        """The process, for a limit to be set on it."""
        return self._process.pid

    def load(self, feed: Path, threads: int, level: str, trace: str = "") -> None:
        """Open the session; `trace` begins the name of the profile to write, if any."""
        order = {"model": str(self._model), "feed": str(feed), "threads": threads, "level": level, "trace": trace}
        answer = self._ask("load", order, LOAD_LIMIT_S)
        self.load_ms, self.pss = answer["load_ms"], answer["pss"]

    def run(self, seconds: float, least: int = 1, most: int = MAX_RUNS) -> Sequence[int]:
        """Return the nanoseconds of each run of a turn of `seconds`."""
        order = {"seconds": seconds, "least": least, "most": most}
        found: list[int] = self._ask("run", order, seconds + self._limit_s)["ns"]
        return found

    def profile(self) -> Path:
        """Return the file of ONNX Runtime's profile of all runs."""
        return Path(self._ask("profile", {}, self._limit_s)["trace"])

    def _ask(self, name: str, order: Mapping[str, Any], limit_s: float) -> Mapping[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({name: order}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        answer: dict[str, Any] = json.loads(self._line(limit_s))
        if "error" in answer:
            raise ModelError(f"{self._model}: ONNX Runtime refuses: {answer['error']}")
        return answer

    def _line(self, limit_s: float) -> bytes:
        """Return one line of the child; the pipe is unbuffered here, so `select` sees all there is."""
        assert self._process.stdout is not None
        end, line = time.monotonic() + limit_s, b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise ModelError(f"{self._model}: want an answer within {limit_s:g} s, found none; too slow a model?")
            piece = self._process.stdout.read(1 << 16)
            if not piece:
                raise self._ended()
            line += piece
        return line

    def _ended(self) -> ModelError:
        code = self._process.wait()
        if code == -signal.SIGKILL:
            how = "was killed (SIGKILL): most likely it needs more memory than there is"
        elif code < 0:
            how = f"died of {signal.Signals(-code).name}: ONNX Runtime does not survive this graph"
        else:
            self._errors.seek(0)
            words = self._errors.read().decode(errors="replace").strip().splitlines()
            how = f"ended with exit code {code}{': ' + words[-1][:300] if words else ''}"
        return ModelError(f"{self._model}: the process that ran it {how}")


@contextmanager
def process(model: Path, limit_s: float = RUN_LIMIT_S) -> Iterator[Measured]:
    """Start a process for the graph in the file `model`, not yet loaded; end it whatever happens.

    A turn that takes `limit_s` longer than it should is given up.

    A session of its own keeps the terminal's Ctrl-C away from it; `with` ends it then too.
    """
    command = [sys.executable, "-P", "-m", "edgectl.model.costchild"]
    with filling_scratch():
        said = tempfile.TemporaryFile()  # noqa: SIM115 - closed below; what follows is not about temporary files
    with said as errors:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, bufsize=0, start_new_session=True
        )
        try:
            yield Measured(child, model, errors, limit_s)
        finally:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                assert pipe is not None
                pipe.close()


@contextmanager
def feed_file(feed: Mapping[str, Array]) -> Iterator[Path]:
    """Yield an .npz of the feed that the children read; ModelError where there is no room for it."""
    import numpy as np

    plain = {name: array.astype(np.str_) if array.dtype.kind == "O" else array for name, array in feed.items()}
    with scratch() as folder:
        path = folder / "feed.npz"
        with filling_scratch():
            np.savez(path, allow_pickle=False, **plain)
        yield path


def checked(model: Path, threads: int, seconds: float, level: str) -> None:
    """Raise ModelError unless a measurement of `model` with these options makes sense."""
    if not model.is_file():
        raise ModelError(f"{model}: want an .onnx file, found {'a directory' if model.is_dir() else 'nothing there'}")
    if not 1 <= threads <= MAX_THREADS:
        raise ModelError(f"threads: want 1 to {MAX_THREADS}, found {threads}")
    if not 0 < seconds <= 600:
        raise ModelError(f"seconds: want more than 0, at most 600, found {seconds:g}")
    if level not in LEVELS:
        raise ModelError(f"level: want one of {', '.join(LEVELS)}, found {level!r}")
