"""What the caller says of an original beyond where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

# As `source.framework` of a bundle names them, and `--framework` takes them.
Framework = Literal["keras", "tensorflow", "tflite", "sklearn", "xgboost", "lightgbm", "torch", "onnx"]
Precision = Literal["float32", "float64"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertOptions:
    """`framework` and `dtype` None mean: found out; `batch` None means: any.

    `trust` lets the original run code of its own (pickles, Lambda layers). `example` is an .npz with one array per
    input, the first axis being samples. `shapes` (input name -> extents with the batch first) are for frameworks
    that do not know their inputs' shapes.
    """

    trust: bool = False
    framework: Framework | None = None
    example: Path | None = None
    dtype: Precision | None = None
    batch: int | None = None
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
