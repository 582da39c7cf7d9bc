"""The original as the user names it, opened so that it fits the graph it is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgectl.model.convert.detect import detect
from edgectl.model.convert.open import open_original
from edgectl.model.convert.options import ConvertOptions, Framework

if TYPE_CHECKING:
    from edgectl.model.convert.source import Original
    from edgectl.model.verify.target import Target

# Kinds (edgectl.model.convert.detect) that convert to either precision, and those that do not know their own shapes.
_EITHER = frozenset({"skops", "pickle", "xgboost", "lightgbm"})
_SHAPELESS = frozenset({"torchscript", "factory"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the user says of the original; `shapes` are `input=1,3,32,32`."""

    declaration: Path | None = None
    trust: bool = False
    framework: Framework | None = None
    example: Path | None = None
    shapes: Sequence[str] = ()


def opened(source: str, target: Target, given: Given) -> Original:
    """Return the original at `source`, with the processing of `given.declaration` around it if there is one.

    Its precision, and the shapes that PyTorch does not know, are those of the graph's inputs.

    Raises:
        StartError: as open_original, or a declaration that does not fit it.
    """
    from edgectl.bundle.options import shapes_of

    kind = detect(source, given.framework)
    double = any(spec.datatype == "FP64" for spec in target.model.inputs)
    shapes = {name: tuple(shape) for name, shape in shapes_of(given.shapes).items()}
    if kind in _SHAPELESS and not (shapes or given.example or given.declaration):
        shapes = _shapes(target)
    options = ConvertOptions(
        trust=given.trust,
        framework=given.framework,
        example=given.example,
        dtype=("float64" if double else "float32") if kind in _EITHER else None,
        shapes=shapes,
    )
    original = open_original(source, options=options)
    return original if given.declaration is None else _prepared(original, given.declaration, target)


def _shapes(target: Target) -> dict[str, tuple[int, ...]]:
    """Return the graph's shapes with a batch of 1; nothing when an extent beyond the batch is free."""
    specs = target.model.inputs
    if any(-1 in spec.shape[1:] for spec in specs):
        return {}
    return {spec.name: (1, *spec.shape[1:]) for spec in specs if spec.shape}


def _prepared(original: Original, declaration: Path, target: Target) -> Original:
    from edgectl.model.prepare.declaration import read_declaration
    from edgectl.model.prepare.reference import Prepared

    return Prepared(original, read_declaration(declaration), target.labels)
