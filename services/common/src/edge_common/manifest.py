"""model.toml as types: what a bundle says about itself. docs/bundle.md explains every key."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

SCHEMA = 1
Task = Literal["classification", "detection", "segmentation", "tabular", "anomaly", "tensor"]

_NUMBER = r"(0|[1-9][0-9]*)"
_PRE = r"(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_BUILD = r"[0-9A-Za-z-]+"
# \Z and not $, which would let a line end pass.
Name = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z",
        description="an RFC 1123 label (lower-case letters, digits and '-', at most 63)",
    ),
]
Version = Annotated[
    str,
    Meta(
        pattern=rf"^{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_PRE}(\.{_PRE})*)?(\+{_BUILD}(\.{_BUILD})*)?\Z",
        max_length=128,
        description="a semantic version such as 1.2.0",
    ),
]
Sha256 = Annotated[
    str, Meta(pattern=r"^[0-9a-f]{64}\Z", description="64 lower-case hexadecimal digits, as sha256sum prints them")
]
Text = Annotated[str, Meta(min_length=1, description="a name that is not empty")]
# The upper bounds keep infinity out: a tolerance or budget that nothing can exceed is a mistake.
Limit = Annotated[float, Meta(gt=0, le=1e9, description="a number above 0, at most 1e9")]
Relative = Annotated[float, Meta(ge=0, le=1, description="a number from 0 to 1")]
Absolute = Annotated[float, Meta(ge=0, le=1e9, description="a number from 0 to 1e9")]
Figure = Annotated[float, Meta(ge=-1e300, le=1e300, description="a finite number")]

Count = Annotated[int, Meta(ge=0, le=10**9, description="a whole number from 0 to 1e9")]


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table of model.toml."""


class Target(Part, frozen=True):
    """The machine a graph was optimised for; on another it may answer wrongly in silence (edge_common.target)."""

    machine: Text
    cpu: Annotated[list[Text], Meta(max_length=100)]
    onnxruntime: Text


class File(Part, frozen=True):
    path: Text
    sha256: Sha256
    target: Target | None = None


class Image(Part, frozen=True):
    """Only for models that take pixels: `input` is uint8 NHWC RGB; a client downscales to `max_side` first."""

    input: Text
    max_side: Annotated[int, Meta(ge=16, le=16384, description="16 to 16384 pixels")] = 1280


class Answer(Part, frozen=True):
    """Which output means what; every key but `labels` (a file) names an output of the graph."""

    boxes: Text | None = None
    scores: Text | None = None
    classes: Text | None = None
    label: Text | None = None
    probabilities: Text | None = None
    mask: Text | None = None
    score: Text | None = None
    labels: Text | None = None

    def outputs(self) -> dict[str, str]:
        """Return key -> output name, the labels file left out."""
        named = {key: getattr(self, key) for key in self.__struct_fields__ if key != "labels"}
        return {key: name for key, name in named.items() if name is not None}


class GoldenSpec(Part, frozen=True):
    files: Annotated[list[Text], Meta(max_length=100)] = []
    rtol: Relative = 1e-3
    atol: Absolute = 1e-4


class Reference(Part, frozen=True):
    """What the model answered to real inputs when its golden samples were recorded: counts of its predictions.

    `score_counts` are of the bins that `score_edges` part, an edge belonging to the bin below it.
    """

    predictions: Annotated[int, Meta(ge=1, le=10**9, description="a whole number from 1 to 1e9")]
    classes: dict[Text, Count] = {}
    score_edges: Annotated[list[Figure], Meta(max_length=20, description="at most 20 numbers")] = []
    score_counts: list[Count] = []

    def __post_init__(self) -> None:
        """Raise ValueError for counts that cannot be of so many predictions."""
        edges, counts, classes = self.score_edges, self.score_counts, sum(self.classes.values())
        if fallen := next(((a, b) for a, b in pairwise(edges) if a >= b), None):
            raise ValueError(f"score_edges: want numbers that rise, found {fallen[1]:g} after {fallen[0]:g}")
        if (edges or counts) and len(counts) != len(edges) + 1:
            raise ValueError(f"score_counts: want {len(edges) + 1}, one more than score_edges, found {len(counts)}")
        if counts and sum(counts) != self.predictions:
            raise ValueError(f"score_counts: want {self.predictions} in all as predictions says, found {sum(counts)}")
        if classes > self.predictions:
            raise ValueError(f"classes: want at most {self.predictions} in all as predictions says, found {classes}")
        if not (counts or self.classes):
            raise ValueError("classes: want counts by class, or score_counts, found neither")


class Budget(Part, frozen=True):
    p95_ms: Limit | None = None
    cold_start_ms: Limit | None = None
    memory_mb: Limit | None = None
    enforce: bool = True


class Metric(Part, frozen=True):
    name: Text
    original: Figure | None = None
    converted: Figure | None = None


class Source(Part, frozen=True):
    framework: str | None = None
    original_sha256: Sha256 | None = None
    metric: Metric | None = None
    tools: dict[str, str] = {}


class Manifest(Part, frozen=True):
    """model.toml, exactly."""

    schema: Literal[1]
    name: Name
    version: Version
    task: Task
    file: File
    description: Annotated[str, Meta(max_length=2000)] = ""
    image: Image | None = None
    answer: Answer = msgspec.field(default_factory=Answer)
    golden: GoldenSpec = msgspec.field(default_factory=GoldenSpec)
    reference: Reference | None = None
    budget: Budget = msgspec.field(default_factory=Budget)
    source: Source = msgspec.field(default_factory=Source)

    def __post_init__(self) -> None:
        """Raise ValueError for a detection that does not say where its boxes are: its answers would be unreadable."""
        missing = [key for key in ("boxes", "scores", "classes") if key not in self.answer.outputs()]
        if self.task == "detection" and missing:
            raise ValueError(f"answer.{missing[0]}: want the name of an output, as task is 'detection', found no key")


def manifest_dict(manifest: Manifest) -> dict[str, Any]:
    """Return `manifest` as plain data for a TOML writer; defaults, unset keys and empty tables are left out."""
    plain: dict[str, Any] = msgspec.to_builtins(manifest)
    return {key: value for key, value in plain.items() if value != {}}
