"""The process that measures: one ONNX Runtime session of its own, driven by lines of JSON on stdin.

It answers each line with one: {"load": {...}} -> {"load_ms", "pss"}, {"run": {...}} -> {"ns"}, {"profile": {}} ->
{"trace"}; {"error"} says in one line why not. It ends when stdin does, and in the middle of a run when the process that
started it is killed. `edgectl.model.costproc` is the other side.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edge_common.ortoptions import share

# Runs of one turn that are kept: a graph of 5 us gives fewer in five seconds, and their list stays under 8 MB.
MAX_RUNS = 1_000_000
# The first runs allocate the arena and are slow; they are of no turn.
_WARM_UP_RUNS, _WARM_UP_S = 3, 2.0
# The feed was written by the process that started this one; read_npz still wants a bound.
_MAX_FEED_BYTES = 2**31
# linux/prctl.h
_PR_SET_PDEATHSIG = 1
LEVELS = {
    "none": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "layout": "ORT_ENABLE_LAYOUT",
    "all": "ORT_ENABLE_ALL",
}


class Child:
    """ONNX Runtime and, once loaded, one session of it with its feed."""

    def __init__(self) -> None:
        """Import what takes long, so that `load` does not pay for it."""
        import onnxruntime as ort
        from onnxruntime.capi import onnxruntime_pybind11_state as state

        from edge_common.npz import read_npz
        from edge_common.ortreason import ort_faults, ort_reason

        # ValueError and TypeError are what its Python part makes of a feed that does not fit.
        self.faults: tuple[type[Exception], ...] = (*ort_faults(state), ValueError, TypeError)
        self.reason = ort_reason
        self._ort, self._read = ort, read_npz

    def load(self, model: str, feed: str, threads: int, level: str, trace: str) -> dict[str, Any]:
        """Open the session and warm it up.

        `load_ms` is the time of opening alone; `pss` the bytes of the session, warm, beyond import and feed.
        """
        self._feed = self._read(Path(feed), _MAX_FEED_BYTES)
        _into_page_cache(Path(model))
        options = self._options(threads, level, trace)
        before = _memory_now()
        start = time.perf_counter_ns()
        self._session = self._ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        load_ms = (time.perf_counter_ns() - start) / 1e6
        if not trace:  # a profile tells its first run from the others itself
            list(self._times(_WARM_UP_S, 1, _WARM_UP_RUNS))
        return {"load_ms": load_ms, "pss": max(0, _memory_now() - before)}

    def _options(self, threads: int, level: str, trace: str) -> Any:
        options = self._ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.graph_optimization_level = getattr(self._ort.GraphOptimizationLevel, LEVELS[level])
        share(options)
        options.enable_profiling = bool(trace)
        if trace:
            options.profile_file_prefix = trace
        return options

    def run(self, seconds: float, least: int, most: int) -> dict[str, Any]:
        """Run for `seconds`, at least `least` and at most `most` times; return each run's nanoseconds."""
        return {"ns": list(self._times(seconds, least, min(most, MAX_RUNS)))}

    def _times(self, seconds: float, least: int, most: int) -> Iterator[int]:
        session, feed = self._session, self._feed
        end = time.perf_counter_ns() + int(seconds * 1e9)
        for done in range(1, most + 1):
            start = time.perf_counter_ns()
            session.run(None, feed)
            now = time.perf_counter_ns()
            yield now - start
            if now >= end and done >= least:
                return

    def profile(self) -> dict[str, Any]:
        """End ONNX Runtime's profile; return the path of its trace."""
        return {"trace": self._session.end_profiling()}


def memory(rollup: str) -> int:
    """Return the PSS in bytes that `rollup` (smaps_rollup) tells, pages of files counted in full.

    A library's pages are shared with every other process that uses it: their part of the PSS would fall while another
    one starts, and the growth be wrong by all of it.
    """
    found = {name: int(kib) * 1024 for name, kib in re.findall(r"^(\w+): +(\d+) kB$", rollup, re.MULTILINE)}
    anonymous = found.get("Pss_Anon", found.get("Anonymous", 0))
    return anonymous + found["Rss"] - found["Anonymous"]


def _memory_now() -> int:
    return memory(Path("/proc/self/smaps_rollup").read_text())


def _into_page_cache(path: Path) -> None:
    """Read the file once, or the first load would measure the disk and the second would not."""
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass


def _answer(child: Child, order: Mapping[str, Any]) -> dict[str, Any]:
    (name, given), *_ = order.items()
    try:
        answer: dict[str, Any] = getattr(child, name)(**given)
    except child.faults as exc:
        return {"error": child.reason(exc)}
    except MemoryError:
        return {"error": "not enough memory"}
    except OSError as exc:
        return {"error": (exc.strerror or str(exc)).lower()}
    return answer


def _die_with_parent() -> None:
    """Have the kernel end this process with the one that started it: a run of minutes would go on for nobody.

    One that has ended before this call has closed stdin too.
    """
    import ctypes
    import signal

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Answer line by line until stdin ends."""
    _die_with_parent()
    # Before the import: it would report its use to its maker.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    child = Child()
    for line in sys.stdin:
        print(json.dumps(_answer(child, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
