"""The estimators inside an estimator: steps of pipelines, members of ensembles, what a search found best."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# Estimators nest a few deep; a file that nests deeper is damaged or hostile.
_MAX_DEPTH = 20


def unwrapped(estimator: Any) -> Any:
    """Return what a hyper-parameter search found best; other estimators as they are."""
    return getattr(estimator, "best_estimator_", estimator)


def head(estimator: Any) -> Any:
    """Return the estimator that sees the features as they come."""
    for _ in range(_MAX_DEPTH):
        if not hasattr(estimator, "steps"):
            break
        steps = [step for _, step in estimator.steps if step not in (None, "passthrough")]
        if not steps:
            break
        # An imputer's output are the features still.
        estimator = steps[1] if len(steps) > 1 and hasattr(steps[0], "statistics_") else steps[0]
    return estimator


def last(estimator: Any) -> Any:
    """Return the estimator that answers."""
    for _ in range(_MAX_DEPTH):
        if not hasattr(estimator, "steps"):
            break
        estimator = estimator.steps[-1][1]
    return estimator


def walk(estimator: Any, place: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield (place such as "scale/log", estimator) of it and all in it that have a name of their own."""
    yield place, estimator
    if depth < _MAX_DEPTH:
        for name, inner in _inner(estimator):
            yield from walk(inner, f"{place}/{name}" if place else name, depth + 1)


def _inner(estimator: Any) -> Iterator[tuple[str, Any]]:
    for attribute in ("steps", "transformers_", "transformer_list", "estimators"):
        for item in getattr(estimator, attribute, None) or ():
            if isinstance(item, tuple) and hasattr(item[1], "get_params"):
                yield str(item[0]), item[1]
    for attribute in ("estimator", "final_estimator_", "regressor_", "transformer_"):
        if hasattr(inner := getattr(estimator, attribute, None), "get_params"):
            yield attribute.rstrip("_"), inner
