"""Optimise a graph offline, and show what it brought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from edge_common.bundle import Bundle, read_bundle
from edgectl.bundle.check import check_bundle
from edgectl.bundle.graph import target_in
from edgectl.bundle.session import Model
from edgectl.model.aside import Kind, written
from edgectl.model.data import Feed
from edgectl.model.errors import ModelError
from edgectl.model.optimise.bundled import copy_with_graph
from edgectl.model.optimise.graph import Level, operators, save_optimised
from edgectl.model.optimise.samples import answers, first_difference, furthest, samples_of
from edgectl.model.scratch import filling_scratch, scratch

if TYPE_CHECKING:
    from edgectl.model.cost import Cost

# One load is one figure a process; three tell it from what else the machine did.
ROUNDS, SECONDS = 3, 0.3


class AnswersDiffer(ModelError):
    """The optimised graph answers otherwise, beyond the tolerance of golden samples; nothing is written."""


def optimise(
    model: Path,
    out: Path,
    level: Level = "portable",
    *,
    inputs: Path | None = None,
    force: bool = False,
    rounds: int = ROUNDS,
) -> dict[str, Any]:
    """Write `model` (an .onnx file or a bundle directory), optimised, to `out` as the same kind; return what changed.

    Answers are compared on `inputs` (an .npz or a folder), on the bundle's golden samples, or else on noise. Costs are
    the medians of so many `rounds`, two processes each.

    Raises:
        AnswersDiffer: the optimised graph answers otherwise.
        ModelError: a graph that cannot be optimised so, inputs that do not fit it, or no place to write to.
        BundleError: `model` is neither a graph nor a bundle.
    """
    source = read_bundle(model)
    source.check_hash()
    if (made_for := target_in(source.model_path)) is not None:
        raise ModelError(
            f"{model}: want a graph for any machine, found one optimised for {made_for.machine} and ONNX Runtime "
            f"{made_for.onnxruntime}; give the graph that it was made from"
        )
    kind: Kind = "file" if source.sha256 is None else "directory"
    with (
        written(out, force, kind, reads=[model, inputs]) as place,
        scratch() as aside,
    ):
        graph = aside / "graph.onnx"
        with filling_scratch():
            save_optimised(source.model_path, graph, level)
        _place(source, graph, place)
        compared = _compared(source, graph, level, inputs, rounds)
    return {"model": str(model), "output": str(out), "level": level} | compared


def _place(source: Bundle, graph: Path, place: Path) -> None:
    if source.sha256 is None:
        place.write_bytes(graph.read_bytes())
    else:
        copy_with_graph(source, graph, place)
        if differences := check_bundle(place).differences:
            raise AnswersDiffer(f"{source.directory}: the optimised graph answers otherwise: {differences[0]}")


def _compared(source: Bundle, graph: Path, level: Level, inputs: Path | None, rounds: int) -> dict[str, Any]:
    import msgspec

    before, after = Model(source.model_path), Model(graph, optimised=level == "target")
    feeds = samples_of(source, before, inputs)
    noise = inputs is None and not source.golden_files
    wanted, got = answers(before, feeds, noise), answers(after, feeds, noise)
    if (difference := first_difference(feeds, wanted, got, source)) is not None:
        raise AnswersDiffer(f"{source.model_path}: the optimised graph answers otherwise: {difference}")
    target = target_in(graph)
    return {
        "target": msgspec.to_builtins(target) if target else None,
        **_costs(source.model_path, graph, feeds[0], bool(target), rounds),
        "max_difference": furthest(wanted, got),
        "samples": len(feeds),
        "sampled": "noise" if noise else "inputs" if inputs else "golden samples",
    }


def _costs(before: Path, after: Path, feed: Feed, laid_out: bool, rounds: int) -> dict[str, dict[str, Any]]:
    """Return the cost of both graphs, each figure the median of `rounds` processes, which take turns."""
    from edgectl.model.cost import cost_of

    # Loaded as edge-inference will: what is laid out for this machine already is taken as it is.
    graphs = {"before": (before, "all"), "after": (after, "none" if laid_out else "all")}
    found: dict[str, list[Cost]] = {side: [] for side in graphs}
    for _ in range(rounds):
        for side, (graph, level) in graphs.items():
            found[side].append(cost_of(graph, feed, seconds=SECONDS, level=level))
    return {side: _medians(found[side]) | {"operators": operators(graph)} for side, (graph, _) in graphs.items()}


def _medians(costs: Sequence[Cost]) -> dict[str, Any]:
    rows = [asdict(cost) for cost in costs]
    return {key: median(row[key] for row in rows) for key in rows[0]}
