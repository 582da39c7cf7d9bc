"""What was put into a graph, for programs and for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgectl.model.prepare.run import AFTER, BEFORE

if TYPE_CHECKING:
    import onnx
    from rich.console import RenderableType


def facts_of(own: onnx.ModelProto, whole: onnx.ModelProto, model: Path, output: Path) -> dict[str, Any]:
    """Return inputs and outputs of `own`, the model, and of `whole`, the prepared graph, and the operators added."""
    return {
        "model": str(model),
        "output": str(output),
        "size_bytes": whole.ByteSize(),
        "before": _ends(own),
        "after": _ends(whole),
        "added": {"input": _operators(whole, BEFORE), "output": _operators(whole, AFTER)},
    }


def _ends(model: onnx.ModelProto) -> dict[str, Any]:
    constants = {constant.name for constant in model.graph.initializer}
    fed = [value for value in model.graph.input if value.name not in constants]
    return {"inputs": [_end(value) for value in fed], "outputs": [_end(value) for value in model.graph.output]}


def _end(value: onnx.ValueInfoProto) -> dict[str, Any]:
    from onnx import TensorProto

    kind = value.type.tensor_type
    shape = [dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?" for dim in kind.shape.dim]
    return {"name": value.name, "type": TensorProto.DataType.Name(kind.elem_type).lower(), "shape": shape}


def _operators(model: onnx.ModelProto, prefix: str) -> dict[str, int]:
    """Return operator -> how many, of the part whose names begin with `prefix`."""
    return dict(Counter(node.op_type for node in model.graph.node if node.name.startswith(prefix)).most_common())


def tables(facts: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield inputs and outputs before and after, and a line on what was added and where it is."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "before", "after", title=escape(f"prepared {facts['model']}"), title_justify="left")
    for kind in ("inputs", "outputs"):
        table.add_row(kind, *(_listed(facts[side][kind]) for side in ("before", "after")))
    yield table
    for side, operators in facts["added"].items():
        if operators:
            counted = ", ".join(f"{count} {operator}" for operator, count in operators.items())
            yield escape(f"{side}: {sum(operators.values())} operators added: {counted}")
    yield escape(f"written to {facts['output']}, {facts['size_bytes']:,} B, standard ONNX operators only")


def _listed(ends: Iterable[Mapping[str, Any]]) -> str:
    from rich.markup import escape

    return escape("\n".join(f"{end['name']} {end['type']} [{', '.join(map(str, end['shape']))}]" for end in ends))
