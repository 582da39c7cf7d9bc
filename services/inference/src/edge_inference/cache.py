"""The graph as optimised on this very machine, kept between starts.

ONNX Runtime's full optimisation takes half of the load time and memory, and its result is tied to the CPU. A
missing, foreign or broken entry only costs that time again.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

import onnxruntime as ort

log = logging.getLogger(__name__)

# Entries kept: this model's current one and its predecessor's, for a rollback.
KEEP = 2


class GraphCache:
    """One entry in `directory`, keyed by model, runtime, options and CPU."""

    def __init__(self, directory: Path, sha256: str, threads: int) -> None:
        facts = [sha256, ort.__version__, f"all threads={threads > 1}", _cpu_flags()]
        key = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]
        self._directory = directory
        self._entry = directory / f"{key}.onnx"
        self._digest = directory / f"{key}.sha256"

    def find(self) -> Path | None:
        """Return the entry when it is there and whole."""
        try:
            whole = self._digest.read_text() == _sha256(self._entry)
        except (OSError, UnicodeDecodeError):
            return None
        if not whole:
            log.warning("optimised graph is damaged, made anew", extra={"reason": self._entry.name})
        return self._entry if whole else None

    def fill(self, write: Callable[[Path], object]) -> None:
        """Let `write` save the optimised graph aside, then rename it into place; failing is only logged."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._directory) as aside:
                graph = Path(aside) / "graph.onnx"
                write(graph)
                digest = Path(aside) / "digest"
                digest.write_text(_sha256(graph))
                graph.replace(self._entry)
                digest.replace(self._digest)
            self._prune()
        except OSError as exc:
            log.warning("optimised graph not kept", extra={"reason": str(exc)})

    def _prune(self) -> None:
        entries = sorted(self._directory.glob("*.onnx"), key=lambda p: p.stat().st_mtime, reverse=True)
        for old in entries[KEEP:]:
            old.unlink(missing_ok=True)
            old.with_suffix(".sha256").unlink(missing_ok=True)


def _cpu_flags() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    # `flags` on x86, `Features` on Arm.
    return next((line for line in lines if line.lower().startswith(("flags", "features"))), "")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
