"""Which directories, and which files in them, edgectl writes: only those are ever replaced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

# The file that tells a directory of ours -> patterns of all that edgectl writes into such a one.
WORST = "worst.json"
_OURS: Mapping[str, tuple[str, ...]] = {
    "model.toml": ("model.toml", "model.onnx", "labels.txt", "golden/*.npz"),
    "bench.json": ("bench.json", "bench.png"),
    WORST: (WORST, "[0-9]-*.npz", "[0-9]-*.png"),
    "oci-layout": ("oci-layout", "index.json", "blobs/sha256/*"),
}


def is_ours(directory: Path) -> bool:
    """Return whether edgectl wrote `directory`, or nothing is in it."""
    return not any(directory.iterdir()) or bool(_patterns(directory))


def foreign(directory: Path) -> Iterator[Path]:
    """Yield, relative to `directory`, what is in it that is no pattern's; directories before what is in them."""
    patterns = _patterns(directory)
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory)
        if not any(_fits(name, pattern) for pattern in patterns):
            yield name


def _fits(name: Path, pattern: str) -> bool:
    """Whether `name` is of the pattern, or a directory on the way to it."""
    parts = pattern.split("/")
    return len(name.parts) <= len(parts) and all(map(fnmatchcase, name.parts, parts))


def _patterns(directory: Path) -> tuple[str, ...]:
    return next((patterns for marker, patterns in _OURS.items() if (directory / marker).is_file()), ())
