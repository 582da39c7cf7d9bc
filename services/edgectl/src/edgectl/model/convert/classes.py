"""The names that a classifier has for its own classes, in the order of its probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    from edgectl.model.convert.source import Original


def own_classes(original: Original) -> tuple[str | int, ...]:
    """Return the classes as the original knows them, text or whole numbers; empty where it names none."""
    return tuple(getattr(original, "classes", ()))


def plain(classes: Any) -> tuple[str | int, ...]:
    """Return an estimator's `classes_` when labels.txt can hold them all, or they are whole numbers; else nothing."""
    values = classes.tolist() if hasattr(classes, "tolist") else list(classes)
    if all(type(value) is int for value in values):
        return tuple(values)
    writable = all(isinstance(value, str) and value.isprintable() and value.strip() == value != "" for value in values)
    return tuple(values) if writable else ()


def labels_of(original: Original, given: Sequence[str], where: str) -> tuple[str, ...]:
    """Return `given`, or the original's own where its classes are text and nothing is given.

    Raises:
        ModelError: `where` (--labels, or a recipe's key) gives others than the original's, or another order.
    """
    own = own_classes(original)
    texts = tuple(value for value in own if isinstance(value, str))
    if not (texts and given):
        return tuple(given) or texts
    names = tuple(label.strip() for label in given)
    if len(names) != len(texts):
        raise ModelError(
            f"{where}: want {len(texts)} labels, the model's own classes {_listed(texts)}; found {len(names)}; "
            "leave it out: they are taken from the model"
        )
    if names != texts:
        said = "in this order" if set(names) == set(texts) else "as they are called in it"
        raise ModelError(
            f"{where}: want the model's own classes {said}, {_listed(texts)}; found {_listed(names)}; "
            "leave it out: they are taken from the model"
        )
    return names


def label_tells(original: Original) -> bool:
    """Return whether the output `label` names classes as `labels.txt` would: by name, or by place in it."""
    own = own_classes(original)
    return bool(own) and (isinstance(own[0], str) or own == tuple(range(len(own))))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name)[:60] for name in names[:10]) + (", ..." if len(names) > 10 else "")
