"""Rows such as an estimator may have been fitted on, when nobody gives real ones: made of what it has learnt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgectl.model.convert.columns import FEATURES, Column, is_matrix
from edgectl.model.convert.walk import head

if TYPE_CHECKING:
    from edge_common.tensors import Array

# Enough to see one disagreement in two hundred, in well under a second for most estimators.
ROWS = 500
_UNKNOWN = "edge-unknown"


def likely(estimator: Any, columns: Sequence[Column], seed: int = 0) -> dict[str, Array]:
    """Return column name -> ROWS values [ROWS, width]: float64, or text in object arrays."""
    rng = np.random.default_rng(seed)
    first = head(estimator)
    if is_matrix(columns) and not hasattr(first, "transformers_"):
        return {FEATURES: numbers(first, columns[0].width, rng)}
    count = sum(column.width for column in columns)
    values: list[Any] = list(rng.standard_normal((count, ROWS)))
    for transformer, indices in _parts(first, count):
        for position, column in enumerate(_columns(transformer, len(indices), rng)):
            values[indices[position]] = column
    if is_matrix(columns):
        return {FEATURES: np.stack(values, axis=1).astype(float)}
    return {column.name: np.asarray(each).reshape(-1, 1) for column, each in zip(columns, values, strict=True)}


def numbers(estimator: Any, count: int, rng: np.random.Generator) -> Array:
    """Return [ROWS, count] of what the estimator's learnt numbers say of its features; standard normal by default."""
    for made in (_of_rows, _of_moments, _of_range, _of_thresholds):
        found = made(estimator, rng)
        if found is not None and found.shape == (ROWS, count) and np.isfinite(found).all():
            return found
    return rng.standard_normal((ROWS, count))


def _parts(first: Any, count: int) -> list[tuple[Any, Sequence[int]]]:
    if not hasattr(first, "transformers_"):
        return [(first, range(count))]
    indices = first._transformer_to_input_indices
    return [(each, indices[name]) for name, each, _ in first.transformers_ if hasattr(each, "get_params")]


def _columns(transformer: Any, count: int, rng: np.random.Generator) -> list[Any]:
    """Return the columns of one transformer: its categories, or numbers."""
    for step in [step for _, step in getattr(transformer, "steps", [("", transformer)])]:
        if hasattr(step, "categories_"):
            return [_categories(step, values, rng) for values in step.categories_]
    return list(numbers(head(transformer), count, rng).T)


def _categories(encoder: Any, values: Any, rng: np.random.Generator) -> Array:
    """Every category, and one that the encoder does not know where it says what to do then."""
    chosen = np.array([value for value in values if value == value and value is not None], object)
    lenient = getattr(encoder, "handle_unknown", "error") != "error" and isinstance(chosen[0], str)
    picked: Array = rng.choice(np.append(chosen, _UNKNOWN) if lenient else chosen, ROWS)
    return picked if isinstance(chosen[0], str) else picked.astype(float)


def _of_rows(estimator: Any, rng: np.random.Generator) -> Array | None:
    """Neighbours and support vectors are rows it was fitted on."""
    for attribute in ("_fit_X", "support_vectors_", "cluster_centers_", "theta_"):
        rows = getattr(estimator, attribute, None)
        if isinstance(rows, np.ndarray) and rows.ndim == 2 and len(rows):
            picked: Array = rows[rng.integers(0, len(rows), ROWS)].astype(float)
            picked += rng.standard_normal(picked.shape) * _spread(rows) / 10
            return picked
    return None


def _of_moments(estimator: Any, rng: np.random.Generator) -> Array | None:
    """Scalers know the centre and the spread of each feature."""
    pairs: tuple[tuple[str, Callable[[Any], Any]], ...] = (
        ("mean_", lambda it: np.sqrt(it.var_) if getattr(it, "var_", None) is not None else 1.0),
        ("center_", lambda it: it.scale_ if it.scale_ is not None else 1.0),
    )
    for attribute, spread in pairs:
        centre = getattr(estimator, attribute, None)
        if isinstance(centre, np.ndarray) and centre.ndim == 1:
            found: Array = centre + rng.standard_normal((ROWS, len(centre))) * spread(estimator)
            return found
    return None


def _of_range(estimator: Any, rng: np.random.Generator) -> Array | None:
    low, high = getattr(estimator, "data_min_", None), getattr(estimator, "data_max_", None)
    if isinstance(low, np.ndarray) and isinstance(high, np.ndarray):
        return rng.uniform(low, high, (ROWS, len(low)))
    most = getattr(estimator, "max_abs_", None)
    return rng.uniform(-most, most, (ROWS, len(most))) if isinstance(most, np.ndarray) else None


def _of_thresholds(estimator: Any, rng: np.random.Generator) -> Array | None:
    """Trees ask where a feature matters: around their thresholds."""
    bins = getattr(getattr(estimator, "_bin_mapper", None), "bin_thresholds_", None)
    if bins is not None:
        return around([np.asarray(each, float) for each in bins], rng)
    trees = [each.tree_ for each in np.ravel(getattr(estimator, "estimators_", [estimator])) if hasattr(each, "tree_")]
    if not trees or getattr(estimator, "max_features_", None) not in (None, estimator.n_features_in_):
        return None
    feature = np.concatenate([tree.feature for tree in trees])
    threshold = np.concatenate([tree.threshold for tree in trees])
    return around([threshold[feature == index] for index in range(estimator.n_features_in_)], rng)


def around(thresholds: Sequence[Array], rng: np.random.Generator) -> Array:
    """Return ROWS values by feature, normal around its thresholds; standard normal where it has none."""
    columns = []
    for values in thresholds:
        picked = rng.choice(values, ROWS) if len(values) else np.zeros(ROWS)
        columns.append(picked + rng.standard_normal(ROWS) * (_spread(values) if len(values) else 1.0) / 4)
    return np.stack(columns, axis=1)


def _spread(values: Array) -> Any:
    """Return the standard deviation along the first axis, 1 where there is none."""
    found = np.std(values.astype(float), axis=0)
    return np.where(found > 0, found, 1.0)
