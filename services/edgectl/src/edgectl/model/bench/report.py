"""What a bench found, for people and programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgectl.model.bench.rows import SERVICE, Row, table
from edgectl.model.bench.target import Target
from edgectl.model.cost import size_of

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, slots=True)
class Report:
    """`notes` are lines about what was left out or got in the way."""

    target: Target
    machine: Mapping[str, Any]
    seconds: float
    rows: Sequence[Row]
    notes: Sequence[str]

    def title(self) -> str:
        """Return the model's name and version."""
        return f"{self.target.bundle.name} {self.target.bundle.version}"

    def subtitle(self) -> str:
        """Return what was fed and where it ran."""
        shapes = ", ".join(f"{name} {shape}" for name, shape in self.target.shapes().items())
        machine = self.machine
        return f"{shapes} · {machine['cpu']}, {machine['cpus']} CPUs · ONNX Runtime {machine['onnxruntime']}"

    def facts(self) -> dict[str, Any]:
        """Return what --json prints."""
        bundle = self.target.bundle
        return {
            "name": bundle.name,
            "version": bundle.version,
            "sha256": bundle.sha256,
            "size_bytes": size_of(bundle.model_path),
            "inputs": self.target.shapes(),
            "inputs_from": self.target.source,
            "seconds": self.seconds,
            "machine": dict(self.machine),
            "rows": [row.facts() for row in self.rows],
            "notes": list(self.notes),
        }

    def tables(self) -> Iterator[RenderableType]:
        """Yield the table, and under it what one must know to read it."""
        from rich.markup import escape

        size = size_of(self.target.bundle.model_path) / 1000
        yield table(self.rows, f"{self.title()}, {size:,.1f} kB")
        yield escape(f"{self.subtitle()}; fed: {self.target.source}")
        if any(row.way == SERVICE and row.load_ms is not None for row in self.rows):
            yield "service: load is from exec to ready, PSS the whole process; in process: the session and what it adds"
        yield from map(escape, self.notes)
