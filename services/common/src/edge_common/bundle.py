"""The model bundle: one directory, one version of one model. docs/bundle.md is its contract."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_common.answers import MAX_CLASSES
from edge_common.errors import StartError
from edge_common.externaldata import external_data
from edge_common.manifest import (
    SCHEMA,
    Answer,
    Budget,
    GoldenSpec,
    Image,
    Manifest,
    Reference,
    Source,
    Target,
    manifest_dict,
)
from edge_common.tensors import TensorSpec
from edge_common.tomlfile import ConfigError, read_bytes, read_document, typed

__all__ = [
    "MANIFEST",
    "Answer",
    "Budget",
    "Bundle",
    "BundleError",
    "GoldenSpec",
    "Image",
    "Manifest",
    "Reference",
    "Source",
    "Target",
    "check_graph",
    "manifest_dict",
    "read_bundle",
    "refuse_external_data",
    "sha256_of",
]

MANIFEST = "model.toml"
# model.toml is written by hand or by a tool, never near this size.
MAX_MANIFEST_BYTES = 64 * 1024
# ImageNet-21k's names take half of this.
MAX_LABELS_BYTES = 1024 * 1024


class BundleError(StartError):
    """A bundle that must not be served; one line naming file, key, wanted and found."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle on disk: `name` and `version` are also the protocol's model name and version."""

    directory: Path
    name: str
    version: str
    task: str
    model_path: Path
    sha256: str | None
    description: str
    image: Image | None
    answer: Answer
    labels: tuple[str, ...]
    golden_files: tuple[Path, ...]
    golden: GoldenSpec
    budget: Budget
    source: Source
    reference: Reference | None = None
    target: Target | None = None

    def check_hash(self) -> str:
        """Return the model file's SHA-256.

        Raises:
            BundleError: it is not the manifest's, or the file leaves weights to others, for which no hash vouches.
                A bare graph has no manifest, and nothing to hold it to.
        """
        found = sha256_of(self.model_path)
        if self.sha256 is None:
            return found
        if found != self.sha256:
            raise BundleError(
                f"{self.directory / MANIFEST}: file.sha256: want {self.sha256}, found {found} in {self.model_path.name}"
            )
        refuse_external_data(self.model_path)
        return found


def read_bundle(path: Path) -> Bundle:
    """Read a bundle directory, or a bare .onnx file (name = file stem, version "1", no samples).

    Raises:
        BundleError: anything that docs/bundle.md forbids.
    """
    try:
        if path.is_dir():
            return _read_directory(path)
        if path.suffix == ".onnx" and path.is_file():
            return _bare(path)
        kind = "another kind of file" if path.exists() else "nothing there"
    except ConfigError as exc:
        raise BundleError(str(exc)) from None
    except (OSError, ValueError, RuntimeError) as exc:
        # RuntimeError is what pathlib makes of a symlink that leads to itself.
        raise BundleError(f"{path}: want a bundle directory or an .onnx file, found: {_reason(exc)}") from None
    raise BundleError(f"{path}: want a bundle directory or an .onnx file, found {kind}")


def _bare(path: Path) -> Bundle:
    name = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")[:63].strip("-")
    if not name:
        raise BundleError(f"{path}: want a file name with a letter or digit, found {path.name!r}")
    return Bundle(
        path.parent, name, "1", "tensor", path, None, "", None, Answer(), (), (), GoldenSpec(), Budget(), Source()
    )


def _read_directory(directory: Path) -> Bundle:
    manifest = _manifest(directory)
    file = manifest.answer.labels
    labels = _labels(_inside(directory, "answer.labels", file)) if file else ()
    if manifest.reference is not None:
        _check_reference(directory / MANIFEST, manifest.reference, labels)
    return Bundle(
        directory=directory,
        name=manifest.name,
        version=manifest.version,
        task=manifest.task,
        model_path=_inside(directory, "file.path", manifest.file.path),
        sha256=manifest.file.sha256,
        description=manifest.description,
        image=manifest.image,
        answer=manifest.answer,
        labels=labels,
        golden_files=tuple(
            _inside(directory, f"golden.files[{i}]", name) for i, name in enumerate(manifest.golden.files)
        ),
        golden=manifest.golden,
        budget=manifest.budget,
        source=manifest.source,
        reference=manifest.reference,
        target=manifest.file.target,
    )


def _manifest(directory: Path) -> Manifest:
    file = directory / MANIFEST
    if not file.is_file():
        raise BundleError(f"{directory}: want a bundle with a file {MANIFEST}, found none")
    document = read_document(file, MAX_MANIFEST_BYTES)
    # First of all: the keys of another schema would only be called unknown.
    schema = document.get("schema", SCHEMA)
    if schema != SCHEMA:
        raise BundleError(f"{file}: schema: want {SCHEMA}, found {schema!r:.60}; another version of the tools wrote it")
    return typed(file, document, Manifest)


def _inside(directory: Path, key: str, name: str) -> Path:
    """Return the file `name` of the bundle; symlinks are followed, and must not lead out of it."""
    file = directory / MANIFEST
    path = directory / name
    try:
        within = not Path(name).is_absolute() and path.resolve().is_relative_to(directory.resolve())
        there = path.is_file()
    except (OSError, ValueError, RuntimeError) as exc:
        raise BundleError(f"{file}: {key}: want a file of the bundle, found {name!r:.60}: {_reason(exc)}") from None
    if not within:
        raise BundleError(f"{file}: {key}: want a relative path that stays inside the bundle, found {name!r:.200}")
    if not there:
        raise BundleError(f"{file}: {key}: want a file, found no {name!r:.200} in {directory}")
    return path


def _reason(exc: Exception) -> str:
    return ((exc.strerror if isinstance(exc, OSError) else None) or str(exc)).lower()


def _labels(path: Path) -> tuple[str, ...]:
    """One label a line; the line's number (from 0) is the class, so no line may be empty or come twice."""
    try:
        text = read_bytes(path, MAX_LABELS_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BundleError(f"{path}: want UTF-8 text, found other bytes") from None
    labels = tuple(line.strip() for line in text.removesuffix("\n").split("\n"))
    seen: set[str] = set()
    for number, label in enumerate(labels, 1):
        if not label or not label.isprintable():
            raise BundleError(f"{path}: line {number}: want a label, found {label!r:.60}")
        if label in seen:
            raise BundleError(f"{path}: line {number}: want each label once, found {label!r:.60} twice")
        seen.add(label)
    return labels


def _check_reference(file: Path, reference: Reference, labels: Sequence[str]) -> None:
    """Raise BundleError unless the reference's classes are labels, and all of them where there are few enough."""
    known, found = labels[:MAX_CLASSES], sum(reference.classes.values())
    for label in reference.classes:
        if label not in known:
            where = f"the first {MAX_CLASSES} of labels.txt" if len(labels) > MAX_CLASSES else "labels.txt"
            raise BundleError(f"{file}: reference.classes: want labels of {where}, found {label!r:.60}")
    if reference.classes and len(known) == len(labels) and found != reference.predictions:
        raise BundleError(
            f"{file}: reference.classes: want {reference.predictions} in all as reference.predictions says, "
            f"found {found}"
        )


def check_graph(bundle: Bundle, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
    """Raise BundleError for the first thing model.toml says of the graph that is not so."""
    file = bundle.directory / MANIFEST
    names = [spec.name for spec in outputs]
    for key, output in bundle.answer.outputs().items():
        if output not in names:
            raise BundleError(f"{file}: answer.{key}: want an output of the graph {names}, found {output!r}")
    if bundle.image is not None:
        _check_image(file, bundle.image, inputs)
    check_labels(f"{file}: answer.labels", bundle.answer, bundle.labels, outputs)


def check_labels(where: str, answer: Answer, labels: Sequence[str], outputs: Sequence[TensorSpec]) -> None:
    """Raise BundleError, which names `where` the labels are said, unless they are as many as columns of shares."""
    shares = next((spec for spec in outputs if spec.name == answer.probabilities), None)
    if labels and shares and shares.shape and shares.shape[-1] not in (-1, len(labels)):
        raise BundleError(
            f"{where}: want {shares.shape[-1]} labels as '{shares.name}' has columns, found {len(labels)}"
        )


def _check_image(file: Path, image: Image, inputs: Sequence[TensorSpec]) -> None:
    spec = next((spec for spec in inputs if spec.name == image.input), None)
    if spec is None:
        names = [spec.name for spec in inputs]
        raise BundleError(f"{file}: image.input: want an input of the graph {names}, found {image.input!r}")
    if spec.datatype != "UINT8" or len(spec.shape) != 4 or spec.shape[3] not in (-1, 3):
        raise BundleError(
            f"{file}: image.input: want UINT8 [N, H, W, 3], found {spec.datatype} {list(spec.shape)} in the graph"
        )


def sha256_of(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal; raise BundleError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise BundleError(f"{path}: {_reason(exc)}") from None


def refuse_external_data(path: Path) -> None:
    """Raise BundleError when weights of the ONNX file `path` lie in another file, which its hash says nothing of."""
    try:
        place = external_data(path)
    except OSError as exc:
        raise BundleError(f"{path}: {_reason(exc)}") from None
    if place is not None:
        raise BundleError(
            f"{path}: want all weights in this file, which one hash vouches for, found some in {place!r:.200}; "
            "save it as one file: onnx.save(model, path, save_as_external_data=False)"
        )
