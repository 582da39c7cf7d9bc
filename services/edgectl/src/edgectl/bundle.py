"""Make a bundle: record golden outputs, write model.toml, all or nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import tomli_w
from edge_common.bundle import (
    MANIFEST,
    Answer,
    Budget,
    Bundle,
    BundleError,
    File,
    GoldenSpec,
    Image,
    Source,
    read_bundle,
    sha256_of,
)
from edge_common.tensors import Array

from edgectl.runtime import Model

MODEL_FILE, LABELS_FILE, CARD_FILE = "model.onnx", "labels.txt", "README.md"


def create_bundle(
    model: Path,
    out: Path,
    *,
    name: str,
    version: str,
    task: str,
    samples: Sequence[Mapping[str, Array]],
    description: str = "",
    labels: Sequence[str] = (),
    answer: Answer | None = None,
    image: Image | None = None,
    budget: Budget | None = None,
    source: Source | None = None,
    rtol: float = 1e-3,
    atol: float = 1e-4,
    card: str = "",
    keep: Sequence[str] = (),
    force: bool = False,
) -> Bundle:
    """Write the bundle `out` for `model` and return it as read back.

    `samples` are input arrays by name; the outputs that ONNX Runtime gives for them here become golden. The
    bundle is written aside and renamed into place; files of an older one named in `keep` are carried over.

    Raises:
        BundleError: `out` exists without `force`, or a name, version or key that docs/bundle.md forbids.
    """
    if out.exists() and not force:
        raise BundleError(f"{out}: already there; remove it or pass --force")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as aside:
        target = Path(aside) / "bundle"
        golden = _fill(target, model, samples, labels, card)
        manifest = {
            "schema": 1,
            "name": name,
            "version": version,
            "task": task,
            "description": description,
            "file": msgspec.to_builtins(File(path=MODEL_FILE, sha256=sha256_of(target / MODEL_FILE))),
            "image": image,
            "answer": _with_labels(answer or Answer(), labels),
            "golden": GoldenSpec(files=golden, rtol=rtol, atol=atol),
            "budget": budget or Budget(),
            "source": source or Source(),
        }
        _write_manifest(target / MANIFEST, manifest)
        read_bundle(target)
        for file in keep:
            if (out / file).exists():
                shutil.copy2(out / file, target / file)
        _replace(target, out, Path(aside) / "old")
    return read_bundle(out)


def _fill(
    target: Path, model: Path, samples: Sequence[Mapping[str, Array]], labels: Sequence[str], card: str
) -> list[str]:
    (target / "golden").mkdir(parents=True)
    shutil.copyfile(model, target / MODEL_FILE)
    if labels:
        (target / LABELS_FILE).write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
    if card:
        (target / CARD_FILE).write_text(card, encoding="utf-8")
    session = Model(target / MODEL_FILE)
    names = []
    for index, inputs in enumerate(samples):
        arrays = {f"in.{key}": _plain(value) for key, value in inputs.items()}
        arrays |= {f"out.{key}": _plain(value) for key, value in session.run(inputs).items()}
        file = f"golden/{index:03d}.npz"
        np.savez_compressed(target / file, allow_pickle=False, **arrays)
        names.append(file)
    if not names:
        (target / "golden").rmdir()
    return names


def _plain(array: Array) -> Array:
    """Strings as numpy's own text type: an object array would need pickle."""
    return array.astype(np.str_) if array.dtype.kind == "O" else array


def _with_labels(answer: Answer, labels: Sequence[str]) -> Answer:
    return msgspec.structs.replace(answer, labels=LABELS_FILE) if labels else answer


def _write_manifest(path: Path, parts: Mapping[str, Any]) -> None:
    plain = {key: msgspec.to_builtins(value) for key, value in parts.items() if value is not None}
    # Checked by reading it back: one set of rules, whoever writes.
    path.write_text(tomli_w.dumps(_without_unset(plain)), encoding="utf-8")


def _without_unset(value: Any) -> Any:
    """TOML has no null; empty tables and lists say nothing either."""
    if isinstance(value, dict):
        cleaned = {key: _without_unset(item) for key, item in value.items()}
        return {key: item for key, item in cleaned.items() if item is not None and item not in ({}, [], "")}
    return value


def _replace(new: Path, out: Path, old: Path) -> None:
    if out.exists():
        os.rename(out, old)
    os.rename(new, out)


