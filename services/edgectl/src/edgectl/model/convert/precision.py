"""float32 or float64: the graph that says what `predict` says on real data.

Scalers and linear models of large numbers lose labels in float32; bare trees lose them in float64, as scikit-learn's
own cast to float32. So both are tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgectl.bundle.session import Model
from edgectl.model.convert.columns import Column, fed, matrix
from edgectl.model.convert.loaded import loaded
from edgectl.model.convert.quiet import framework
from edgectl.model.convert.skl import answers, sized, to_onnx
from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    import onnx

    from edge_common.tensors import Array
    from edgectl.model.convert.options import Precision

# What a golden sample may differ by, unless it says otherwise.
_RTOL, _ATOL = 1e-3, 1e-4
# Of two shares: float32's rounding of numbers up to 1, summed over some trees.
_TIE = 1e-6


@dataclass(frozen=True, slots=True)
class Trial:
    """What a graph of one precision answers: `differing` of `rows` are not as the estimator's."""

    precision: Precision
    rows: int
    differing: int
    model: onnx.ModelProto
    session: Model

    def __str__(self) -> str:
        return f"{self.precision}: {self.differing} of {self.rows} answers differ from predict"


def tried(
    source: str,
    estimator: Any,
    columns: Sequence[Column],
    rows: Mapping[str, Array],
    precisions: Sequence[Precision],
) -> tuple[Trial, list[str]]:
    """Return the trial of `precisions` with the fewest differences, the first of equals, and a line on each.

    Raises:
        ModelError: none of them can be converted.
    """
    trials: list[Trial] = []
    lines: list[str] = []
    failures: list[ModelError] = []
    for precision in precisions:
        try:
            trials.append(_trial(source, estimator, columns, rows, precision))
            lines.append(str(trials[-1]))
        except ModelError as exc:
            failures.append(exc)
            lines.append(f"{precision}: not possible: {str(exc).removeprefix(f'{source}: ')}")
    if not trials:
        raise failures[0]
    return min(trials, key=lambda trial: trial.differing), lines


def _trial(
    source: str, estimator: Any, columns: Sequence[Column], rows: Mapping[str, Array], precision: Precision
) -> Trial:
    model = to_onnx(source, estimator, columns, precision)
    session = loaded(source, model)
    needed = {spec.name for spec in session.inputs}
    found = session.run({name: array for name, array in fed(columns, rows, precision).items() if name in needed})
    session = loaded(source, sized(model, found))
    with framework(f"{source}: scikit-learn cannot run it"):
        wanted = answers(estimator, matrix(source, estimator, columns, rows), session.outputs)
    count = len(next(iter(rows.values())))
    return Trial(precision, count, int(_differing(wanted, found, count).sum()), model, session)


def _differing(wanted: Mapping[str, Array], found: Mapping[str, Array], count: int) -> Array:
    """Return which rows differ in any output."""
    differs = np.zeros(count, bool)
    hung = tied(wanted, count)
    for name, array in wanted.items():
        if array.shape != found[name].shape:
            return np.ones(count, bool)
        if array.dtype.kind == "f":
            same = np.isclose(found[name].astype(float), array.astype(float), _RTOL, _ATOL, equal_nan=True)
        else:
            same = np.asarray(found[name] == array)
        rows = ~same.reshape(count, -1).all(axis=1)
        differs |= rows & ~hung if name == "label" else rows
    return differs


def tied(answers: Mapping[str, Array], count: int) -> Array:
    """Return which rows have two classes of equal share: then either label is right, and rounding decides."""
    shares = answers.get("probabilities")
    if shares is None or shares.ndim != 2 or shares.shape[1] < 2:
        return np.zeros(count, bool)
    highest = np.sort(shares.astype(float), axis=1)[:, -2:]
    return np.asarray(highest[:, 1] - highest[:, 0] <= _TIE)
