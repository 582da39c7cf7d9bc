"""What a model's outputs mean, by the bundle's [answer]: classes and their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge_common.manifest import Answer
from edge_common.tensors import Array

Outputs = Mapping[str, Array]
Named = tuple[str, float | None]

# Labels with series of their own; with all thousand of ImageNet, a scrape would take a megabyte.
MAX_CLASSES = 100
OTHER = "other"


def series_names(labels: Sequence[str]) -> list[str]:
    """Return the name each label is counted under: its own, or OTHER past the first MAX_CLASSES."""
    return [label if index < MAX_CLASSES else OTHER for index, label in enumerate(labels)]


def predictions(answer: Answer, labels: tuple[str, ...], outputs: Outputs, most: int | None = None) -> list[Named]:
    """Return (label, score) of a detection's boxes or a classification's rows, the first `most` of them.

    Where the model names the class itself (`answer.label`), that is the class; else the one with the largest share.
    The score is None where the model gives none: neither a share of that class nor one number a row.
    """
    if answer.boxes is not None:
        indexes, scores = outputs.get(answer.classes or ""), outputs.get(answer.scores or "")
        if indexes is None or scores is None:
            return []
        pairs = zip(indexes.ravel()[:most].tolist(), scores.ravel()[:most].tolist(), strict=False)
        return [(_label(labels, index), score) for index, score in pairs]
    rows = shares(answer, outputs, most)
    chosen = outputs.get(answer.label or "")
    if chosen is not None:
        values = chosen.ravel()[:most].tolist()
        if len(rows) != len(values):
            single = outputs.get(answer.score or "")
            alike = single is not None and single.size == chosen.size
            told = row_scores(answer, outputs, most) if alike else [None] * len(values)
            return [(_label(labels, value), score) for value, score in zip(values, told, strict=True)]
        return [(_label(labels, value), _share(labels, value, row)) for value, row in zip(values, rows, strict=True)]
    # Plain lists: for the few columns there are, numpy's argmax costs more than the whole loop.
    return [(_label(labels, row.index(best := max(row))), best) for row in rows if row]


def shares(answer: Answer, outputs: Outputs, most: int | None = None) -> list[list[float]]:
    """Return each row's share per class, nothing when the model gives none."""
    array = outputs.get(answer.probabilities or answer.scores or "")
    return array[:most].tolist() if array is not None and array.ndim == 2 else []


def row_scores(answer: Answer, outputs: Outputs, most: int | None = None) -> list[float]:
    """Return the one number a row that `answer.score` names, nothing when the model gives none."""
    array = outputs.get(answer.score or "")
    return array.ravel()[:most].tolist() if array is not None else []


def counted(answer: Answer, labels: tuple[str, ...], outputs: Outputs, most: int | None = None) -> list[Named]:
    """Return what a call is remembered by: its predictions, or its scores under no label where it names no class."""
    return predictions(answer, labels, outputs, most) or [("", score) for score in row_scores(answer, outputs, most)]


def _share(labels: tuple[str, ...], value: Any, row: list[float]) -> float | None:
    index = labels.index(value) if isinstance(value, str) and value in labels else value
    return row[index] if isinstance(index, int) and 0 <= index < len(row) else None


def _label(labels: tuple[str, ...], index: Any) -> str:
    """The label of a class index; what is no index of labels.txt stands for itself."""
    if isinstance(index, float) and index.is_integer():
        index = int(index)
    return labels[index] if isinstance(index, int) and 0 <= index < len(labels) else str(index)
