"""skl2onnx as we call it: the opsets of every step, plain probabilities, names that do not change by estimator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edge_common.tensors import Array, TensorSpec
from edgectl.model.convert.boostfile import refuse_no_trees
from edgectl.model.convert.columns import Column
from edgectl.model.convert.names import renamed
from edgectl.model.convert.operators import refuse
from edgectl.model.convert.quiet import framework
from edgectl.model.convert.sklboost import register
from edgectl.model.convert.walk import last, walk
from edgectl.model.graphs import BATCH, OPSET

if TYPE_CHECKING:
    import onnx

    from edgectl.model.convert.options import Precision

# IsolationForest does not convert with another: the plain number is taken for ai.onnx.ml's as well.
_OPSETS = {"": OPSET, "ai.onnx.ml": 3}
_ADVICE = "skl2onnx.supported_converters() lists what can be used instead"


def to_onnx(source: str, estimator: Any, columns: Sequence[Column], precision: Precision) -> onnx.ModelProto:
    """Return the graph of a fitted estimator; raise ModelError with the estimators that have no converter."""
    import skl2onnx

    _refuse_unknown(source, estimator)
    for _, each in walk(estimator):
        if getattr(each, "flatten_transform", False):
            # Of a vote's transform(), which the graph has no use for, and the converter does not know.
            each.flatten_transform = False
    kinds = [(column.name, _kind(column, precision)) for column in columns]
    with framework(f"{source}: skl2onnx cannot convert it"):
        for options in _options(estimator):
            try:
                model = skl2onnx.convert_sklearn(
                    estimator, "model", kinds, options={id(last(estimator)): options}, target_opset=_OPSETS
                )
                break
            except NameError:
                # Which options an estimator knows is written nowhere but in this error.
                continue
    found = [value.name for value in model.graph.output]
    return _freed(renamed(model, dict(zip(found, outputs_of(estimator), strict=False))))


def outputs_of(estimator: Any) -> tuple[str, ...]:
    """Return what the outputs are called, in skl2onnx's order."""
    from sklearn.base import is_classifier, is_clusterer, is_outlier_detector

    if hasattr(estimator, "predict_proba"):
        return ("label", "probabilities")
    if is_classifier(estimator) or is_clusterer(estimator) or is_outlier_detector(estimator):
        return ("label", "scores")
    return ("prediction",) if hasattr(estimator, "predict") else ("transformed",)


def method(estimator: Any, output: str) -> str:
    """Return the name of the estimator's method that answers as the output does."""
    if output == "probabilities":
        return "predict_proba"
    if output == "scores" and hasattr(estimator, "decision_function"):
        return "decision_function"
    return "transform" if output in ("scores", "transformed") else "predict"


def sized(model: onnx.ModelProto, found: Mapping[str, Array]) -> onnx.ModelProto:
    """Return `model`, changed in place, whose outputs are declared as wide as those `found` are.

    skl2onnx leaves some widths out and gets others wrong, of which ONNX Runtime warns at every run.
    """
    for value in model.graph.output:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if axis:
                dim.dim_value = found[value.name].shape[axis]
    return model


def answers(estimator: Any, matrix: Any, outputs: Sequence[TensorSpec]) -> dict[str, Array]:
    """Return output name -> array as the graph gives it, computed by the estimator."""
    import numpy as np

    from edge_common.tensors import DTYPES

    arrays = {}
    for spec in outputs:
        array = np.asarray(_answer(estimator, spec.name, matrix))
        if array.ndim == 1 and len(spec.shape) > 1:
            array = array.reshape(-1, 1)
        arrays[spec.name] = array.astype(DTYPES[spec.datatype])
    return arrays


def _answer(estimator: Any, name: str, matrix: Any) -> Any:
    import numpy as np
    from sklearn.base import is_classifier

    called = method(estimator, name)
    found = getattr(estimator, called)(matrix)
    # Encoders give what is mostly zeros in a sparse form, the graph never does.
    found = np.asarray(found.toarray() if hasattr(found, "toarray") else found)
    if called == "decision_function" and is_classifier(estimator) and found.ndim == 1:
        # skl2onnx gives both classes a column.
        return np.stack([-found, found], 1)
    return found


def _options(estimator: Any) -> Iterator[dict[str, bool]]:
    raw = {} if hasattr(estimator, "predict_proba") else {"raw_scores": True}
    yield {"zipmap": False, **raw}
    yield raw
    yield {"zipmap": False}
    yield {}


def _kind(column: Column, precision: Precision) -> Any:
    from skl2onnx.common import data_types

    floats = data_types.FloatTensorType if precision == "float32" else data_types.DoubleTensorType
    kinds = {"float": floats, "int": data_types.Int64TensorType, "text": data_types.StringTensorType}
    return kinds[column.kind]([None, column.width])


def _refuse_unknown(source: str, estimator: Any) -> None:
    """The table of converters is private to skl2onnx; its own error names one class and no place."""
    from skl2onnx._supported_operators import sklearn_operator_name_map as known

    boosted = set()
    for _, each in walk(estimator):
        if kind := _booster(each):
            refuse_no_trees(source, each)
            register(kind)
            boosted.add(kind)
    unknown = [
        (type(each).__name__, place)
        for place, each in walk(estimator)
        if _has_code(each) or (type(each) not in known and type(each) not in boosted and not _is_composite(each))
    ]
    if unknown:
        refuse(source, unknown, _ADVICE)


def _has_code(estimator: Any) -> bool:
    """Whether it is a FunctionTransformer with a function of Python, which is no data."""
    return type(estimator).__name__ == "FunctionTransformer" and estimator.func is not None


def _is_composite(estimator: Any) -> bool:
    return hasattr(estimator, "steps") or hasattr(estimator, "transformer_list")


def _booster(estimator: Any) -> Any:
    return type(estimator) if type(estimator).__module__.partition(".")[0] in ("xgboost", "lightgbm") else None


def _freed(model: onnx.ModelProto) -> onnx.ModelProto:
    """Make every first extent the batch: skl2onnx leaves some out and fixes others at 1."""
    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        if dims:
            dims[0].dim_param = BATCH
    return model
