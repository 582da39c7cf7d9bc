"""scikit-learn estimators and pipelines by skl2onnx, in the precision that agrees with predict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from edge_common.tensors import TensorSpec
from edgectl.model.convert.classes import plain
from edgectl.model.convert.columns import Column, columns_of, fed, matrix
from edgectl.model.convert.example import read_example
from edgectl.model.convert.likely import likely
from edgectl.model.convert.names import versions
from edgectl.model.convert.options import ConvertOptions, Precision
from edgectl.model.convert.precision import Trial, tried
from edgectl.model.convert.quiet import framework
from edgectl.model.convert.shapes import described, fixed
from edgectl.model.convert.skl import answers, method
from edgectl.model.convert.walk import unwrapped
from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    import onnx

    from edge_common.tensors import Array


# Rounding may turn a label that hangs by a thread; more is another model.
MOST_DIFFERING = 0.01


@dataclass(frozen=True, slots=True)
class SklearnModel:
    """A fitted `estimator` and the graph that was chosen of it.

    `rows` (column name -> values) is what the choice was made on, and `notes` say in a line each how a precision did.
    """

    source: str
    estimator: Any
    columns: tuple[Column, ...]
    rows: Mapping[str, Array]
    trial: Trial
    notes: Sequence[str]
    inputs: tuple[TensorSpec, ...]
    tools: Mapping[str, str]
    framework: str = "sklearn"

    def convert(self) -> onnx.ModelProto:
        import onnx

        copy = onnx.ModelProto()
        copy.CopyFrom(self.trial.model)
        return fixed(copy, self.inputs)

    def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        with framework(f"{self.source}: scikit-learn cannot run it"):
            given = matrix(self.source, self.estimator, self.columns, feed)
            return answers(self.estimator, given, self.trial.session.outputs)

    @property
    def own(self) -> Mapping[str, str]:
        """What the tensors are in scikit-learn: columns of X, and methods."""
        ins = {each.name: described("X", each.kind, [None, each.width]) for each in self.columns}
        return ins | {spec.name: method(self.estimator, spec.name) for spec in self.trial.session.outputs}

    @property
    def classes(self) -> tuple[str | int, ...]:
        """The classes in the order of the probabilities; empty for what is no classifier."""
        from sklearn.base import is_classifier

        return plain(self.estimator.classes_) if is_classifier(self.estimator) else ()

    @property
    def doubt(self) -> str:
        """Why the graph should not be used, or nothing."""
        if self.trial.differing <= self.trial.rows * MOST_DIFFERING:
            return ""
        return (
            f"{'; '.join(self.notes)}; want at most {MOST_DIFFERING:.0%}; scale the features to about 1 "
            "before they reach the model, or give real ones with --example"
        )

    def samples(self) -> Iterator[dict[str, Array]]:
        """Yield feeds of one batch each, made of the rows that the choice was made on."""
        size = max(1, self.inputs[0].shape[0])
        arrays = fed(self.columns, self.rows, self.trial.precision)
        for start in range(0, len(next(iter(arrays.values()))) - size + 1, size):
            yield {spec.name: arrays[spec.name][start : start + size] for spec in self.inputs}


def open_estimator(source: str, estimator: Any, options: ConvertOptions) -> SklearnModel:
    """Convert in both precisions, or in that of `options.dtype`, and return what agrees with `predict`.

    Raises:
        ModelError: estimators that skl2onnx does not know, each with its step; several labels per row.
    """
    if options.shapes:
        raise ModelError(f"{source}: want no --shape, as the estimator knows its features; found one")
    estimator = unwrapped(estimator)
    if isinstance(classes := getattr(estimator, "classes_", None), list):
        raise ModelError(f"{source}: want one label per row, found {len(classes)} outputs; fit one model each")
    columns = columns_of(source, estimator)
    rows = _rows(estimator, columns, options)
    precisions: Sequence[Precision] = (options.dtype,) if options.dtype else ("float32", "float64")
    trial, notes = tried(source, estimator, columns, rows, precisions)
    inputs = tuple(replace(s, shape=(options.batch or -1, *s.shape[1:])) for s in trial.session.inputs)
    tools = versions(["scikit-learn", "skl2onnx", "onnx"])
    return SklearnModel(source, estimator, columns, rows, trial, notes, inputs, tools)


def _rows(estimator: Any, columns: Sequence[Column], options: ConvertOptions) -> dict[str, Array]:
    if options.example is None:
        return likely(estimator, columns)
    arrays = read_example(options.example)
    for column in columns:
        found = arrays.get(column.name)
        if found is None or found.shape[1:] != (column.width,):
            kind = "no such array" if found is None else f"{found.dtype} {list(found.shape)}"
            raise ModelError(
                f"--example {options.example}: input '{column.name}': want [samples, {column.width}], found {kind}"
            )
        if (found.dtype.kind == "O") != (column.kind == "text"):
            raise ModelError(
                f"--example {options.example}: input '{column.name}': want {column.kind}, found {found.dtype}"
            )
    return {column.name: arrays[column.name] for column in columns}
