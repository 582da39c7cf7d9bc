"""A graph as ONNX Runtime's optimiser leaves it, saved: portable, or laid out for this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    import onnx

    from edge_common.manifest import Target

Level = Literal["portable", "target"]
# What every ONNX Runtime of any build and CPU has; "ai.onnx" is the standard's other name for "".
STANDARD = frozenset(("", "ai.onnx", "ai.onnx.ml"))


def save_optimised(source: Path, out: Path, level: Level) -> None:
    """Write the graph `source`, optimised, to `out` as one file; at the level "target" it names this machine.

    Raises:
        ModelError: ONNX Runtime refuses the graph, or it has operators that are not portable although it shall be.
    """
    from edgectl.model.graphs import read_model, write_model

    _save(source, out, "BASIC" if level == "portable" else "ALL")
    model = read_model(out)
    if level == "portable":
        _refuse_foreign(source, model)
    else:
        _name_target(model)
    _only_used_opsets(model)
    write_model(model, out)


def operators(path: Path) -> int:
    """Return how many nodes the graph in the file `path` has."""
    from edgectl.model.graphs import read_model

    return sum(1 for _ in nodes(read_model(path).graph))


def nodes(graph: onnx.GraphProto) -> Iterator[Any]:
    """Yield every node of `graph`, those of the graphs inside its nodes too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from nodes(inner)


def _save(source: Path, out: Path, level: str) -> None:
    # It would report its use to its maker otherwise.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime as ort
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    from edge_common.ortoptions import share
    from edge_common.ortreason import ort_faults, ort_reason

    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
    options.optimized_model_filepath = str(out)
    options.intra_op_num_threads = 1
    share(options)
    try:
        ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    except ort_faults(state) as exc:
        raise ModelError(f"{source}: ONNX Runtime {ort.__version__} cannot load it: {ort_reason(exc)}") from None


def _refuse_foreign(source: Path, model: onnx.ModelProto) -> None:
    """onnx's checker passes operators that only ONNX Runtime has, so each node's domain is looked at here."""
    foreign = next((node for node in nodes(model.graph) if node.domain not in STANDARD), None)
    if foreign is not None:
        raise ModelError(
            f"{source}: a portable graph wants standard operators only, found {foreign.domain}.{foreign.op_type} "
            f"('{foreign.name}'); start from the graph before it was optimised or quantised, or use --level target"
        )


def _name_target(model: onnx.ModelProto) -> None:
    import onnx
    import onnxruntime as ort

    from edge_common.target import this_target
    from edgectl.bundle.graph import TARGET, target_text

    target: Target = this_target(ort.__version__)
    kept = {entry.key: entry.value for entry in model.metadata_props} | {TARGET: target_text(target)}
    onnx.helper.set_model_props(model, kept)


def _only_used_opsets(model: onnx.ModelProto) -> None:
    """ONNX Runtime writes down every domain it knows; another runtime might refuse one it never heard of."""
    used = {"", *(node.domain for node in nodes(model.graph))}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
