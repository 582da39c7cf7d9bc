"""A graph as ONNX Runtime's optimiser leaves it, saved: portable, or laid out for this machine."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgectl.model.errors import ModelError
from edgectl.model.graphs import foreign, nodes_in, read_model, write_model

if TYPE_CHECKING:
    import onnx

    from edge_common.manifest import Target

Level = Literal["portable", "target"]


def save_optimised(source: Path, out: Path, level: Level) -> None:
    """Write the graph `source`, optimised, to `out` as one file; at the level "target" it names this machine.

    Raises:
        ModelError: ONNX Runtime refuses the graph, or it has operators that are not portable although it shall be.
        OSError: no room for it.
    """
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
    return sum(1 for _ in nodes_in(read_model(path, weights=False).graph))


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
        # "Protobuf serialization failed" is all that it says of a full disk.
        if shutil.disk_usage(out.parent).free < source.stat().st_size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None
        raise ModelError(f"{source}: ONNX Runtime {ort.__version__} cannot load it: {ort_reason(exc)}") from None


def _refuse_foreign(source: Path, model: onnx.ModelProto) -> None:
    """onnx's checker passes operators that only ONNX Runtime has, so each node's domain is looked at here."""
    if (alien := next(foreign(model), None)) is not None:
        raise ModelError(
            f"{source}: a portable graph wants standard operators only, found {alien.domain}.{alien.op_type} "
            f"('{alien.name}'); start from the graph before it was optimised or quantised, or use --level target"
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
    used = {"", *(node.domain for node in nodes_in(model.graph))}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
