"""The model bundle: one directory, one version of one model. docs/bundle.md is its contract."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from edge_common.errors import StartError
from edge_common.tomlfile import ConfigError, read_bytes, read_toml

MANIFEST = "model.toml"
# model.toml is written by hand or by a tool, never near this size.
MAX_MANIFEST_BYTES = 64 * 1024
MAX_LABELS_BYTES = 1024 * 1024

Task = Literal["classification", "detection", "segmentation", "tabular", "anomaly", "tensor"]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
Version = Annotated[
    str,
    Meta(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$"),
]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Positive = Annotated[float, Meta(gt=0)]
Tolerance = Annotated[float, Meta(ge=0)]
_FORMS = {
    "name": "an RFC 1123 label (lower-case letters, digits and '-', at most 63)",
    "version": "a semantic version such as 1.2.0",
    "file.sha256": "64 lower-case hexadecimal digits",
}


class BundleError(StartError):
    """A bundle that must not be served; one line naming file, key, wanted and found."""


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class File(_Part, frozen=True):
    path: str
    sha256: Sha256


class Image(_Part, frozen=True):
    """Only for models that take pixels: `input` is uint8 NHWC RGB; a client downscales to `max_side` first."""

    input: str
    max_side: Annotated[int, Meta(ge=16, le=16384)] = 1280


class Answer(_Part, frozen=True):
    """Which output means what: boxes, scores and classes of a detection; label and probabilities otherwise."""

    boxes: str | None = None
    scores: str | None = None
    classes: str | None = None
    label: str | None = None
    probabilities: str | None = None
    labels: str | None = None

    def outputs(self) -> dict[str, str]:
        """Return key -> output name, the labels file left out."""
        named = {k: getattr(self, k) for k in ("boxes", "scores", "classes", "label", "probabilities")}
        return {key: name for key, name in named.items() if name is not None}


class GoldenSpec(_Part, frozen=True):
    files: list[str] = []
    rtol: Tolerance = 1e-3
    atol: Tolerance = 1e-4


class Budget(_Part, frozen=True):
    p95_ms: Positive | None = None
    cold_start_ms: Positive | None = None
    memory_mb: Positive | None = None
    enforce: bool = True


class Metric(_Part, frozen=True):
    name: str
    original: float | None = None
    converted: float | None = None


class Source(_Part, frozen=True):
    framework: str | None = None
    original_sha256: Sha256 | None = None
    metric: Metric | None = None
    tools: dict[str, str] = {}


class Manifest(_Part, frozen=True):
    """model.toml, exactly."""

    schema: Literal[1]
    name: Name
    version: Version
    task: Task
    file: File
    description: str = ""
    image: Image | None = None
    answer: Answer = msgspec.field(default_factory=Answer)
    golden: GoldenSpec = msgspec.field(default_factory=GoldenSpec)
    budget: Budget = msgspec.field(default_factory=Budget)
    source: Source = msgspec.field(default_factory=Source)


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

    def check_hash(self) -> str:
        """Return the model file's SHA-256; raise BundleError when it is not the manifest's."""
        found = sha256_of(self.model_path)
        if self.sha256 is not None and found != self.sha256:
            raise BundleError(
                f"{self.directory / MANIFEST}: file.sha256: want {self.sha256}, found {found} in {self.model_path.name}"
            )
        return found


def read_bundle(path: Path) -> Bundle:
    """Read a bundle directory, or a bare .onnx file (name = file stem, version "1", no samples).

    Raises:
        BundleError: anything that docs/bundle.md forbids.
    """
    if path.is_dir():
        return _read_directory(path)
    if path.suffix == ".onnx" and path.is_file():
        return _bare(path)
    if path.suffix == ".onnx" or not path.exists():
        raise BundleError(f"{path}: want a bundle directory or an .onnx file, found nothing there")
    raise BundleError(f"{path}: want a bundle directory or an .onnx file, found another kind of file")


def _bare(path: Path) -> Bundle:
    name = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")[:63].strip("-")
    if not name:
        raise BundleError(f"{path}: want a file name with a letter or digit, found {path.name!r}")
    return Bundle(
        path.parent, name, "1", "tensor", path, None, "", None, Answer(), (), (), GoldenSpec(), Budget(), Source()
    )


def _read_directory(directory: Path) -> Bundle:
    file = directory / MANIFEST
    try:
        manifest = read_toml(file, Manifest, MAX_MANIFEST_BYTES)
    except ConfigError as exc:
        raise BundleError(_friendly(str(exc))) from None
    labels = manifest.answer.labels
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
        labels=_labels(_inside(directory, "answer.labels", labels)) if labels else (),
        golden_files=tuple(_inside(directory, "golden.files", name) for name in manifest.golden.files),
        golden=manifest.golden,
        budget=manifest.budget,
        source=manifest.source,
    )


def _friendly(text: str) -> str:
    """Say what a pattern means rather than show it."""
    for key, form in _FORMS.items():
        text = re.sub(rf": {re.escape(key)}: want `str` matching regex .*, found", f": {key}: want {form}, found", text)
    return text


def _inside(directory: Path, key: str, name: str) -> Path:
    """Return the file `name` of the bundle; symlinks are followed, and must not lead out of it."""
    path = directory / name
    if not path.resolve().is_relative_to(directory.resolve()):
        raise BundleError(f"{directory / MANIFEST}: {key}: want a path inside the bundle, found {name!r}")
    if not path.is_file():
        raise BundleError(f"{directory / MANIFEST}: {key}: want a file, found no {name!r} in {directory}")
    return path


def _labels(path: Path) -> tuple[str, ...]:
    try:
        lines = read_bytes(path, MAX_LABELS_BYTES).decode().splitlines()
    except UnicodeDecodeError:
        raise BundleError(f"{path}: want UTF-8 text, found other bytes") from None
    labels = tuple(line.strip() for line in lines if line.strip())
    if len(set(labels)) != len(labels):
        raise BundleError(f"{path}: want each label once, found one twice")
    return labels


def sha256_of(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal; raise BundleError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise BundleError(f"{path}: {(exc.strerror or str(exc)).lower()}") from None


def manifest_dict(manifest: Manifest) -> dict[str, Any]:
    """Return `manifest` as plain data for a TOML writer, defaults and unset keys left out."""
    plain: dict[str, Any] = msgspec.to_builtins(manifest)
    return plain
