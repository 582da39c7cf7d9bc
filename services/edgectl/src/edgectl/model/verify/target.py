"""What is verified: a bundle, or a bare graph and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_common.bundle import Bundle, check_graph, read_bundle
from edge_common.manifest import Answer
from edge_common.target import check_target
from edgectl.bundle.graph import load_level
from edgectl.bundle.options import answer_of, read_labels
from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    from edge_common.tensors import TensorSpec
    from edgectl.bundle.session import Model


# Keys of [answer] whose outputs hold numbers; a label, or the classes of boxes, may be words.
_NUMBERS = frozenset({"probabilities", "boxes", "scores", "mask", "score"})


@dataclass(frozen=True, slots=True)
class Target:
    """`bundle` is None for a bare graph; `labels` are the names of the classes."""

    path: Path
    bundle: Bundle | None
    model: Model
    task: str
    answer: Answer
    labels: tuple[str, ...]

    @property
    def naming(self) -> str:
        """How its classes are given names."""
        return "--classes labels.txt" if self.bundle is None else "convert it again with --labels labels.txt"


def target_of(path: Path, task: str | None, pairs: Sequence[str], classes: Path | None) -> Target:
    """Return the bundle or graph at `path`; `task`, `pairs` (--answer key=output) and `classes` are of a graph only.

    Without them, an output called as a key of [answer] is taken for it, and the task for what such outputs tell.

    Raises:
        StartError: no bundle or graph there, one that is broken, or options that do not go with it.
    """
    from edgectl.bundle.session import Model

    bundle = read_bundle(path)
    bundle.check_hash()
    if bundle.target is not None:
        import onnxruntime

        check_target(bundle, onnxruntime.__version__)
    model = Model(bundle.model_path, optimised=load_level(bundle.model_path) == "none")
    if bundle.sha256 is not None:
        if said := [name for name, given in _given(task, pairs, classes) if given]:
            raise ModelError(f"{said[0]}: want it for a bare graph only; {path / 'model.toml'} says it of a bundle")
        check_graph(bundle, model.inputs, model.outputs)
        return Target(bundle.model_path, bundle, model, bundle.task, bundle.answer, bundle.labels)
    answer = answer_of(pairs) if pairs else _guessed(model.outputs)
    _check(answer, model)
    labels = tuple(read_labels(classes)) if classes else ()
    return Target(path, None, model, task or _task(answer), answer, labels)


def _given(task: str | None, pairs: Sequence[str], classes: Path | None) -> Sequence[tuple[str, object]]:
    return (("--task", task), ("--answer", pairs), ("--classes", classes))


def _guessed(outputs: Sequence[TensorSpec]) -> Answer:
    keys = [key for key in Answer.__struct_fields__ if key != "labels"]
    return Answer(**{spec.name: spec.name for spec in outputs if spec.name in keys})


def _check(answer: Answer, model: Model) -> None:
    specs = {spec.name: spec for spec in model.outputs}
    for key, output in answer.outputs().items():
        if output not in specs:
            raise ModelError(f"--answer {key}: want an output of the graph {list(specs)}, found {output!r}")
        if key in _NUMBERS and specs[output].datatype == "BYTES":
            raise ModelError(f"--answer {key}: want an output of numbers, found text in '{output}'")
    if answer.boxes and not (answer.scores and answer.classes):
        raise ModelError("--answer: want scores and classes beside boxes, found boxes alone")


def _task(answer: Answer) -> str:
    if answer.boxes:
        return "detection"
    if answer.mask:
        return "segmentation"
    if answer.score:
        return "anomaly"
    return "classification" if answer.label or answer.probabilities or answer.scores else "tensor"
