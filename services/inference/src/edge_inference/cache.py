"""The graph as optimised on this very machine, kept between starts.

ONNX Runtime's full optimisation takes half of the load time and memory, and its result is tied to the CPU. A
missing, foreign or broken entry only costs that time again.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import onnxruntime as ort

from edge_common.ortoptions import ENTRIES

log = logging.getLogger(__name__)

# Entries kept of one model: the current one and its predecessor's, for a rollback.
KEEP = 2
_ASIDE = ".saving-"
# What a killed process left aside is older than this; saving a graph takes seconds.
STALE_S = 3600


class GraphCache:
    """One entry in `directory`, keyed by model, runtime, options and CPU. Models may share a directory."""

    def __init__(self, directory: Path, name: str, sha256: str, threads: int, cpu: str | None = None) -> None:
        facts = [sha256, ort.__version__, f"all threads={threads > 1} {ENTRIES}", cpu_flags() if cpu is None else cpu]
        key = f"{name}-" + hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]
        self._directory, self._name = directory, name
        self._entry = directory / f"{key}.onnx"
        self._digest = directory / f"{key}.sha256"

    def find(self) -> Path | None:
        """Return the entry when it is there and whole."""
        try:
            whole = self._digest.read_text() == _sha256(self._entry)
            if whole:
                self._entry.touch()
        except (OSError, UnicodeDecodeError):
            return None
        if not whole:
            log.warning("optimised graph is damaged, made anew", extra={"reason": self._entry.name})
        return self._entry if whole else None

    def fill(self, write: Callable[[Path], object]) -> None:
        """Let `write` save the optimised graph aside, then rename it into place; failing is only logged."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._sweep()
            with tempfile.TemporaryDirectory(dir=self._directory, prefix=_ASIDE) as aside:
                graph = Path(aside) / "graph.onnx"
                write(graph)
                digest = Path(aside) / "digest"
                digest.write_text(_sha256(graph))
                graph.replace(self._entry)
                digest.replace(self._digest)
            self._prune()
        except OSError as exc:
            log.warning("optimised graph not kept", extra={"reason": str(exc)})

    def _sweep(self) -> None:
        """Remove what processes that were killed while saving have left: a restart loop must not fill the flash."""
        for aside in self._directory.glob(f"{_ASIDE}*"):
            if time.time() - aside.stat().st_mtime > STALE_S:
                shutil.rmtree(aside, ignore_errors=True)

    def _prune(self) -> None:
        mine = [path for path in self._directory.glob("*.onnx") if path.stem.rpartition("-")[0] == self._name]
        entries = sorted(mine, key=lambda p: p.stat().st_mtime, reverse=True)
        for old in entries[KEEP:]:
            old.unlink(missing_ok=True)
            old.with_suffix(".sha256").unlink(missing_ok=True)


def cpu_flags() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    # `flags` on x86, `Features` on Arm.
    return next((line for line in lines if line.lower().startswith(("flags", "features"))), "")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
