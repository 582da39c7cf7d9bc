"""What the bundle of a converted graph says of where it is from, and what its answers are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge_common.bundle import MANIFEST, Answer, Source, sha256_of
from edge_common.manifest import SCHEMA, Manifest
from edge_common.tomlfile import typed
from edgectl.bundle.create import refuse_used
from edgectl.model.convert.names import versions

if TYPE_CHECKING:
    from edge_common.manifest import Task
    from edge_common.tensors import TensorSpec
    from edgectl.bundle.create import Facts
    from edgectl.model.convert.source import Original


def source_of(source: str, original: Original) -> Source:
    """Return [source]: framework, hash of the original, versions of what made the graph."""
    tools: Mapping[str, str] = dict(original.tools) | versions(["onnxruntime"])
    return Source(framework=original.framework, original_sha256=sha256_of_original(source), tools=dict(tools))


def sha256_of_original(source: str) -> str | None:
    """Return the hash of a file, or of a directory's list as `sha256sum` prints it; None for a function."""
    path = Path(source)
    if path.is_file():
        return sha256_of(path)
    if not path.is_dir():
        return None
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = [f"{sha256_of(file)}  {file.relative_to(path).as_posix()}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def answer_of(given: Answer, task: Task, outputs: Sequence[TensorSpec], named: bool = False) -> Answer:
    """Return what --answer says; without it, what outputs are called where the task has classes and the graph has them.

    `label` is taken where the model names its classes in it (`named`).
    """
    names = [spec.name for spec in outputs]
    if given.outputs() or task not in ("classification", "tabular"):
        return given
    return Answer(
        probabilities="probabilities" if "probabilities" in names else None,
        label="label" if named and "label" in names else None,
    )


def check_ahead(out: Path, facts: Facts, force: bool) -> None:
    """Raise a StartError before the long work, as writing the bundle would after it."""
    said = {key: value for key, value in facts.items() if value is not None}
    file = {"path": "model.onnx", "sha256": "0" * 64}
    typed(out / MANIFEST, msgspec.to_builtins({**said, "schema": SCHEMA, "file": file}), Manifest)
    refuse_used(out, force)
