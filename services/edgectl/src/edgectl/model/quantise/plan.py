"""What a quantisation shall be, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from edge_common.manifest import Answer
from edgectl.model.cost import Cost

Method = Literal["auto", "dynamic", "static", "fp16"]
Calibrate = Literal["minmax", "entropy", "percentile"]
Measure = Literal["auto", "accuracy", "agreement", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`max_drop` and what it bounds are shares, 0.005 for half a per cent.

    `labels` are the classes' names in order; `answer` says which output means what, None to tell by their looks.
    `measure` "accuracy" stands for the metric of the task: mAP of boxes, IoU of masks, ROC AUC of scores.

    `exclude` names nodes that stay float whatever is measured. `full_range` gives weights all eight bits, with which
    CPUs that have AVX2 or AVX-512 but no VNNI are slower, since they have to be kept from saturating. The float and
    the quantised graph are timed for `seconds` each.
    """

    method: Method = "auto"
    calibrate: Calibrate = "minmax"
    max_drop: float = 0.005
    measure: Measure = "auto"
    exclude: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    answer: Answer | None = None
    full_range: bool = False
    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Layer:
    """A node with float32 weights; `parameters` counts them."""

    name: str
    operator: str
    parameters: int


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What quantising this layer alone does: `drop` by the plan's measure, `error` relative to the float answers."""

    layer: Layer
    drop: float
    error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`refused` says why nothing was written, and is empty when it was; the costs are None when it did not get so far.

    `drop` is the drop by `measure` (a metric's name, "agreement" or "error") of the graph as written, or of the one
    refused, and `error` its relative error; `baseline` is the float graph's metric, if that is measured. `excluded`
    are the layers left float for the bound.
    """

    method: str
    measure: str
    max_drop: float
    baseline: float | None
    drop: float
    error: float
    samples: int
    sampled: str
    quantised: int
    excluded: Sequence[str]
    sensitivity: Sequence[Sensitivity]
    before: Cost | None
    after: Cost | None
    notes: Sequence[str]
    refused: str

    def facts(self) -> dict[str, Any]:
        """Return it as plain data, for JSON and reports."""
        return asdict(self)
