"""Quantise a graph within a bound, or say why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgectl.bundle.session import GraphRefuses, Model
from edgectl.model.aside import written
from edgectl.model.cost import pair
from edgectl.model.data import Feed, generated, spaced
from edgectl.model.errors import ModelError
from edgectl.model.graphs import foreign, write_model
from edgectl.model.quantise.build import Build, builder
from edgectl.model.quantise.picked import MIN_SPLIT, Finite, Picked, split
from edgectl.model.quantise.plan import Plan, Result, Sensitivity
from edgectl.model.quantise.search import sensitivities, within_bound
from edgectl.model.quantise.source import Ready, ready
from edgectl.model.quantise.trial import Trial, tried
from edgectl.model.quantise.yardstick import Answers, Yardstick, yardstick

if TYPE_CHECKING:
    import onnx

    from edge_common.tensors import Array

GENERATED, _SEED = 32, 11
# Two runs of the very same graph differ by this on a machine that does other things too.
SLOWER = 1.05
# What the float graph answers is kept, to hold each trial's answers against: little for a machine that builds.
MAX_ANSWER_BYTES = 256 * 1024 * 1024


class _Refused(Exception):
    """Leaves nothing written; `args[0]` is the Result."""


def quantise(
    model: Path,
    out: Path,
    plan: Plan,
    calibration: Sequence[Feed],
    *,
    labels: Mapping[str, Array] | None = None,
    names: Sequence[str] = (),
    force: bool = False,
) -> Result:
    """Write the graph `model`, quantised as `plan` says, to `out`; what is refused is not written and says why.

    `calibration` (real inputs; noise stands in when empty and the method needs none) is split in two unless they are
    few: what the ranges are made from is not what the drop is measured on. `labels` and `names` are as Dataset's.

    Raises:
        ModelError: bad input, or a graph that cannot be quantised so.
    """
    calibration = Finite(calibration, names)
    try:
        with written(out, force, "file", reads=[model]) as place:
            result, graph = quantised(model, plan, calibration, labels=labels)
            if not result.refused:
                write_model(graph, place)
                result = _costed(model, place, _one(model, calibration), result, plan.seconds)
            if result.refused:
                raise _Refused(result)
    except _Refused as refused:
        result = refused.args[0]
    return result


def quantised(
    path: Path, plan: Plan, calibration: Sequence[Feed], *, labels: Mapping[str, Array] | None = None
) -> tuple[Result, onnx.ModelProto]:
    """Return what `quantise` writes, and all that it knows before it times it.

    Raises:
        ModelError: as quantise.
    """
    graph = ready(path, plan, bool(calibration))
    noise = () if calibration else generated(Model(path).inputs, GENERATED, _SEED).feeds
    fit, held = (
        split(calibration, _classes(labels)) if calibration else (Picked((), ()), Picked(noise, range(len(noise))))
    )
    all_held, float_graph = len(held), Model(path)
    held = _affordable(float_graph, held, bool(calibration))
    truth = {name: array[list(held.indexes)] for name, array in labels.items()} if labels else None
    by = yardstick(_answers(float_graph, held, bool(calibration)), float_graph.outputs, truth, plan)
    build = builder(path, graph, plan, fit)
    ranked = [] if graph.method == "fp16" else sensitivities(build, graph.layers, held, by)
    trial = within_bound(build, ranked, held, by, plan.max_drop) if ranked else _whole(build, graph, held, by)
    result = _result(graph, plan, by, trial, ranked, "real inputs" if calibration else "noise")
    notes = [*result.notes, *_sample_notes(len(calibration), len(held), all_held)]
    refused = _over_bound(path, result) if trial.drop > plan.max_drop else ""
    return replace(result, refused=refused, notes=notes), trial.model


def _classes(labels: Mapping[str, Array] | None) -> Sequence[Any] | None:
    """Return the class of each sample, None where they are not known or a sample has several."""
    label = (labels or {}).get("label")
    return None if label is None or not len(label) or label.size != len(label) else label.ravel().tolist()


def _affordable(graph: Model, held: Picked, real: bool) -> Picked:
    """Return as many of the samples `held`, evenly spaced, as have answers of MAX_ANSWER_BYTES by the first one's."""
    each = sum(array.nbytes for array in _answers(graph, held[:1], real)[0].values())
    kept = spaced(len(held), max(1, MAX_ANSWER_BYTES // max(1, each)))
    return Picked(held.feeds, [held.indexes[place] for place in kept])


def _sample_notes(given: int, measured: int, held: int) -> Iterator[str]:
    """Say on which samples the drop was measured where that is less than one would think."""
    if 0 < given < MIN_SPLIT:
        yield (
            f"the drop was measured on the {given} inputs that calibrated, so it is likely larger on others: "
            f"give {MIN_SPLIT} or more, and half of them only measure"
        )
    if measured < held:
        yield f"answers are large: the drop was measured on {measured} of {held} samples"


def _one(path: Path, calibration: Sequence[Feed]) -> Feed:
    return calibration[0] if calibration else generated(Model(path).inputs, 1, _SEED).feeds[0]


def _answers(graph: Model, feeds: Sequence[Feed], real: bool) -> Answers:
    try:
        return [graph.run(feed) for feed in feeds]
    except GraphRefuses as exc:
        raise ModelError(str(exc) if real else f"{exc}; noise does not suit it: give --calibration") from None


def _whole(build: Build, graph: Ready, feeds: Sequence[Feed], by: Yardstick) -> Trial:
    return tried(build, [layer.name for layer in graph.layers], feeds, by)


def _result(
    graph: Ready, plan: Plan, by: Yardstick, trial: Trial, ranked: Sequence[Sensitivity], sampled: str
) -> Result:
    return Result(
        method=graph.method,
        measure=by.measure,
        max_drop=plan.max_drop,
        baseline=by.baseline(),
        drop=trial.drop,
        error=trial.error,
        samples=len(by.wanted),
        sampled=sampled,
        quantised=len(trial.quantised),
        excluded=[each.layer.name for each in ranked if each.layer.name not in trial.quantised],
        sensitivity=ranked,
        before=None,
        after=None,
        notes=list(_notes(graph, by, trial, plan.max_drop, sampled)),
        refused="",
    )


def _notes(graph: Ready, by: Yardstick, trial: Trial, max_drop: float, sampled: str) -> Iterator[str]:
    if sampled == "noise":
        yield "the drop was measured on noise, which says little of real inputs: give --calibration"
    if graph.left:
        yield f"{graph.left} convolutions stay float: dynamic quantisation makes them slower; static is for them"
    if graph.method == "fp16":
        yield "float16 is for size: most CPUs have no kernels for it, and cast to float32 and back at every run"
    if alien := sorted({f"{node.domain}.{node.op_type}" for node in foreign(trial.model)}):
        yield f"only ONNX Runtime has {', '.join(alien)}"
    if by.measure in ("accuracy", "agreement") and not by.answer.mask and 1 / len(by.wanted) > max_drop:
        yield f"one of {len(by.wanted)} samples is {1 / len(by.wanted):.1%}: it takes more to tell a drop this small"


def _over_bound(path: Path, result: Result) -> str:
    """Say which bound does not hold; with the least sensitive layer alone, or as a whole for float16."""
    what = "relative error" if result.measure == "error" else f"drop of {result.measure}"
    with_what = "in float16" if result.method == "fp16" else "even with the least sensitive layer alone in eight bits"
    return (
        f"{path}: --max-drop: want a {what} of at most {result.max_drop:.2%}, "
        f"found {result.drop:.2%} {with_what}; allow more, or train the model to be quantised"
    )


def _costed(path: Path, place: Path, feed: Feed, result: Result, seconds: float) -> Result:
    """Return `result` with what both graphs cost, and refused when the new one is the worse in both ways."""
    before, after = pair(path, place, feed, seconds=seconds)
    slower, larger = after.p50_ms > before.p50_ms * SLOWER, after.size_bytes > before.size_bytes
    times = f"{before.p50_ms:.3f} to {after.p50_ms:.3f} ms a run"
    sizes = f"{before.size_bytes:,} to {after.size_bytes:,} bytes"
    refused = f"{path}: the quantised graph is slower and larger: {times}, {sizes}; keep the float one"
    notes = [f"slower on this CPU: {times}"] * slower + [f"larger: {sizes}"] * larger
    return replace(
        result,
        before=before,
        after=after,
        notes=[*result.notes, *([] if slower and larger else notes)],
        refused=refused if slower and larger else "",
    )
