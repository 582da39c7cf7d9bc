"""Which output of the model an operation takes, and whether it can."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_common.tensors import TensorSpec
from edgectl.model.errors import ModelError
from edgectl.model.prepare.after.spec import After

FLOATS = ("FP32", "FP16", "FP64")
WHOLES = ("UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64")
Fits = Callable[[TensorSpec], bool]


def picked(outputs: Sequence[TensorSpec], key: str, name: str | None, fits: Fits, wanted: str) -> TensorSpec:
    """Return the output called `name`, or without a name the only one that `fits`.

    Raises:
        ModelError: none of that name, it does not fit what is `wanted`, or without a name there is none or a choice.
    """
    if name is not None:
        found = next((spec for spec in outputs if spec.name == name), None)
        if found is None:
            raise ModelError(f"{key}: want an output of the model, {_list(outputs)}, found {name!r}")
        if not fits(found):
            raise ModelError(f"{key}: want {wanted}, found {shown(found)}")
        return found
    fitting = [spec for spec in outputs if fits(spec)]
    if not fitting:
        raise ModelError(f"{key}: want {wanted}, found {_list(outputs)}")
    if len(fitting) > 1:
        raise ModelError(f"{key}: want the name of one, as {len(fitting)} outputs fit, found none; {_list(fitting)}")
    return fitting[0]


def of(datatypes: Sequence[str], *ranks: int) -> Fits:
    """Return whether an output has one of `datatypes` and one of `ranks`."""
    return lambda spec: spec.datatype in datatypes and len(spec.shape) in ranks


def one_frame(key: str, spec: TensorSpec) -> None:
    """Raise ModelError for an output of a batch that is fixed at more than one frame."""
    if spec.shape[0] not in (-1, 1):
        raise ModelError(f"{key}: want an output of one frame, [1, ...], found {shown(spec)}")


def classes_fit(key: str, spec: TensorSpec, count: int, labels: Sequence[str], note: str = "") -> None:
    """Raise ModelError unless `count` classes, -1 for unknown, have a label each, or there are no labels at all."""
    if labels and count not in (-1, len(labels)):
        hint = f"; {note}" if note else ""
        raise ModelError(
            f"{key}: want {len(labels)} classes, as there are labels, found {count} in {shown(spec)}{hint}"
        )


def answers(spec: After) -> tuple[str, ...]:
    """Return the names of the answers that `spec` makes."""
    if spec.boxes is not None:
        return ("boxes", "scores", "classes")
    if spec.mask is not None:
        return ("mask",)
    if spec.anomaly is not None:
        return ("score", "label", "threshold")
    ranked = spec.classes is not None and spec.classes.top is not None
    return ("probabilities", "label", *(("top_labels", "top_scores") if ranked else ()))


def refuse_kept(spec: After) -> None:
    """Raise ModelError where an output that is to be kept has the name of an answer."""
    for name in spec.keep:
        if name in answers(spec):
            raise ModelError(f"output.keep: want no name of the answers {list(answers(spec))}, found {name!r}")


def shown(spec: TensorSpec) -> str:
    """Return name, type and shape for an error's text."""
    return f"'{spec.name}' {spec.datatype} {list(spec.shape)}"


def _list(outputs: Sequence[TensorSpec]) -> str:
    return ", ".join(map(shown, outputs)) or "no output at all"
