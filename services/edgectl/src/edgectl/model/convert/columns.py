"""What a scikit-learn estimator takes: one matrix, or a column each where some hold text or are chosen by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from edge_common.tensors import TensorSpec
from edgectl.model.convert.walk import head, walk
from edgectl.model.errors import ModelError
from edgectl.model.extras import how_to_install

if TYPE_CHECKING:
    from edge_common.tensors import Array
    from edgectl.model.convert.options import Precision

FEATURES = "features"
Kind = Literal["float", "int", "text"]
_DATATYPES = {"int": "INT64", "text": "BYTES"}


@dataclass(frozen=True, slots=True)
class Column:
    """An input [N, width]."""

    name: str
    width: int = 1
    kind: Kind = "float"

    def spec(self, precision: Precision, batch: int | None = None) -> TensorSpec:
        floats = "FP32" if precision == "float32" else "FP64"
        return TensorSpec(self.name, _DATATYPES.get(self.kind, floats), (batch or -1, self.width))


def columns_of(source: str, estimator: Any) -> tuple[Column, ...]:
    """Return the inputs of a fitted estimator; raise ModelError for one that is not fitted."""
    count = getattr(estimator, "n_features_in_", None)
    if count is None:
        raise ModelError(f"{source}: want a fitted estimator, found {type(estimator).__name__} without features")
    first = head(estimator)
    kinds: list[Kind] = ["float"] * count
    for index, categories in _categories(first):
        kinds[index] = _kind(categories)
    if all(kind == "float" for kind in kinds) and not _by_name(first):
        return (Column(FEATURES, count),)
    names = getattr(estimator, "feature_names_in_", [f"column_{i}" for i in range(count)])
    return tuple(Column(str(name), 1, kind) for name, kind in zip(names, kinds, strict=True))


def fed(columns: Sequence[Column], rows: Mapping[str, Array], precision: Precision) -> dict[str, Array]:
    """Return `rows` (column name -> array) in the types that a graph of `precision` takes."""
    kinds = {"float": precision, "int": "int64", "text": "object"}
    return {column.name: rows[column.name].astype(kinds[column.kind]) for column in columns}


def matrix(source: str, estimator: Any, columns: Sequence[Column], feed: Mapping[str, Array]) -> Any:
    """Return what `estimator.predict` takes of a feed; columns that the graph does not need may lack in it."""
    feed = _as_fitted(estimator, feed)
    if is_matrix(columns):
        return feed[FEATURES]
    rows = len(next(iter(feed.values())))
    arrays = {
        column.name: feed.get(column.name, np.full((rows, 1), "" if column.kind == "text" else 0)) for column in columns
    }
    if hasattr(estimator, "feature_names_in_"):
        return _frame(source, arrays)
    return np.concatenate([array.astype(object) for array in arrays.values()], axis=1)


def is_matrix(columns: Sequence[Column]) -> bool:
    """Whether they are the one input of numbers, rather than the only column of a table."""
    return [(column.name, column.kind) for column in columns] == [(FEATURES, "float")]


def _as_fitted(estimator: Any, feed: Mapping[str, Array]) -> Mapping[str, Array]:
    """Clusters answer in the precision that they were fitted in, and refuse any other."""
    centres = next((each.cluster_centers_ for _, each in walk(estimator) if hasattr(each, "cluster_centers_")), None)
    if centres is None:
        return feed
    return {name: array.astype(centres.dtype) if array.dtype.kind == "f" else array for name, array in feed.items()}


def _frame(source: str, arrays: Mapping[str, Array]) -> Any:
    try:
        import pandas  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ModuleNotFoundError:
        raise ModelError(
            f"{source}: want pandas to run it, as it was fitted on a table with named columns, found no such package: "
            f"{how_to_install('sklearn')}"
        ) from None
    return pandas.DataFrame({name: array[:, 0] for name, array in arrays.items()})


def _categories(first: Any) -> Iterator[tuple[int, Any]]:
    """Yield (index of a feature, its categories) of the encoders that see the features as they come."""
    if hasattr(first, "transformers_"):
        for name, transformer, _ in first.transformers_:
            indices = first._transformer_to_input_indices.get(name, [])
            found = _encoder(transformer)
            yield from zip(indices, found, strict=False)
    else:
        yield from enumerate(_encoder(first))


def _encoder(transformer: Any) -> Sequence[Any]:
    """Return the categories by feature of an encoder, perhaps behind an imputer; nothing of other transformers."""
    for step in [step for _, step in getattr(transformer, "steps", [("", transformer)])]:
        if hasattr(step, "categories_"):
            found: Sequence[Any] = step.categories_
            return found
    return ()


def _kind(categories: Any) -> Kind:
    if any(isinstance(value, str) for value in categories):
        return "text"
    return "int" if all(isinstance(value, int | np.integer) for value in categories) else "float"


def _by_name(first: Any) -> bool:
    chosen = [columns for _, _, columns in getattr(first, "transformers", [])]
    return any(isinstance(each, str) or (np.size(each) and isinstance(np.ravel(each)[0], str)) for each in chosen)
