"""A source, converted and compared: everything that a bundle is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgectl.bundle.session import Model
from edgectl.model.convert.example import advised
from edgectl.model.convert.loaded import loaded
from edgectl.model.convert.open import open_original
from edgectl.model.convert.opset import opset_of
from edgectl.model.convert.options import ConvertOptions
from edgectl.model.convert.parity import Parity, parity
from edgectl.model.convert.report import facts_of
from edgectl.model.convert.run import convert
from edgectl.model.convert.samples import samples_of
from edgectl.model.graphs import write_model
from edgectl.model.scratch import filling_scratch, scratch

if TYPE_CHECKING:
    import onnx

    from edge_common.bundle import Bundle
    from edge_common.tensors import Array
    from edgectl.bundle.create import Facts
    from edgectl.model.convert.source import Original


@dataclass(frozen=True, slots=True)
class Converted:
    """`model` is the graph, `session` the same in ONNX Runtime; `feeds` are what `parity` was measured on."""

    source: str
    original: Original
    model: onnx.ModelProto
    session: Model
    feeds: Sequence[Mapping[str, Array]]
    parity: Parity

    @property
    def facts(self) -> dict[str, Any]:
        return facts_of(self.source, self.original, self.session, opset_of(self.model), self.parity)

    def doubt(self, rtol: float, atol: float) -> str:
        """Return why no bundle should be made of it, in a line, or nothing."""
        if doubt := str(getattr(self.original, "doubt", "")):
            return doubt
        if self.parity.holds:
            return ""
        names = ", ".join(f"'{row.output}'" for row in self.parity.rows if row.beyond)
        return f"want answers within {rtol:g} relative and {atol:g} absolute of the original's, found others in {names}"

    def write(self, out: Path, facts: Facts, golden: int, **others: Any) -> Bundle:
        """Write the bundle `out`, with golden samples spread over the feeds; `others` go to create_bundle."""
        from edgectl.bundle.create import create_bundle

        count = min(golden, len(self.feeds))
        inputs = [self.feeds[i * len(self.feeds) // count] for i in range(count)]
        with scratch() as directory:
            graph = directory / "model.onnx"
            with filling_scratch():
                write_model(self.model, graph)
            return create_bundle(graph, out, inputs=inputs, **others, **facts)


def converted(source: str, options: ConvertOptions, rtol: float, atol: float) -> Converted:
    """Convert `source` and compare the graph with it.

    Raises:
        ModelError: it cannot be opened, converted or run.
    """
    original = open_original(source, options=options)
    model = convert(original)
    session = loaded(source, model)
    feeds = samples_of(original, options.example)
    with advised(options):
        return Converted(source, original, model, session, feeds, parity(original, session, feeds, rtol, atol))
