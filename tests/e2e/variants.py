"""Versions of the sample models that differ in one thing: what an upgrade has to take, or to refuse."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import numpy as np
import tomli_w

MODELS = Path(__file__).parents[2] / "models"
KEEP = ("model.onnx", "labels.txt", "README.md")


def variant(name: str, version: str, target: Path, *, wrong_golden: bool = False, p95_ms: float | None = None) -> Path:
    """Write the bundle of sample model `name` as `version`; its golden samples wrong, or its budget changed."""
    source = MODELS / name
    shutil.rmtree(target, ignore_errors=True)
    (target / "golden").mkdir(parents=True)
    for file in KEEP:
        shutil.copy(source / file, target / file)
    manifest = tomllib.loads((source / "model.toml").read_text())
    manifest["version"] = version
    if p95_ms is not None:
        manifest["budget"]["p95_ms"] = p95_ms
    for file in manifest["golden"]["files"]:
        shutil.copy(source / file, target / file)
        if wrong_golden:
            _spoil(target / file)
    (target / "model.toml").write_bytes(tomli_w.dumps(manifest).encode())
    return target


def _spoil(path: Path) -> None:
    """Record other outputs than the graph gives, as a model that was converted wrongly has."""
    with np.load(path) as arrays:
        kept = dict(arrays)
    for key, array in kept.items():
        if key.startswith("out.") and array.dtype.kind == "f":
            kept[key] = array + array.dtype.type(5)
    np.savez_compressed(path, **kept)
