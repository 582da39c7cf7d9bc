"""Does labels.txt have the classes in the order of the model's own? Any order would pass the checks of shapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from edge_common.bundle import Bundle, BundleError
from edge_common.golden import Golden
from edge_common.tensors import Array

# A share this much larger than that of the class the model named is no tie: with calibrated shares, or a threshold of
# its own, a model that wavers may name the second best.
_CLEAR = 0.2


def check_order(bundle: Bundle, samples: Iterable[Golden]) -> None:
    """Raise BundleError where the text that the model names a class with is not the label of its largest share.

    Where one row of a class agrees, the others are the model's own doing. Nothing is said of a model that names its
    classes by number, or gives no shares.
    """
    texts, shares, labels = bundle.answer.label, bundle.answer.probabilities, bundle.labels
    if not (texts and shares and labels):
        return
    found: dict[str, tuple[str, str]] = {}
    agreed = set()
    file = bundle.directory / (bundle.answer.labels or "")
    for sample in samples:
        for text, row in _rows(sample, texts, shares, len(labels)):
            if text not in labels:
                raise BundleError(
                    f"{file}: want the names of the model's own classes: golden {sample.name} is {text!r:.60}, "
                    "which labels.txt lacks"
                )
            most = int(row.argmax())
            if labels[most] == text:
                agreed.add(text)
            elif row[most] - row[labels.index(text)] > _CLEAR:
                found.setdefault(text, (sample.name, labels[most]))
    _refuse(file, shares, {text: said for text, said in found.items() if text not in agreed})


def _rows(sample: Golden, texts: str, shares: str, count: int) -> Iterator[tuple[str, Array]]:
    named, rows = sample.outputs.get(texts), sample.outputs.get(shares)
    if named is None or rows is None or named.dtype.kind not in "OU" or rows.shape != (named.size, count):
        return
    yield from zip(map(str, named.ravel().tolist()), rows, strict=True)


def _refuse(file: Path, shares: str, wrong: dict[str, tuple[str, str]]) -> None:
    for text, (sample, label) in wrong.items():
        raise BundleError(
            f"{file}: want the order of the model's own classes: golden {sample} is {text!r:.60} and '{shares}' is "
            f"largest where labels.txt has {label!r:.60}"
        )
