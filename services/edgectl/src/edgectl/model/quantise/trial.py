"""A quantised graph, tried: what it answers, and how much worse that is."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgectl.bundle.session import Model
from edgectl.model.data import Feed
from edgectl.model.graphs import write_model
from edgectl.model.quantise.build import Build
from edgectl.model.quantise.yardstick import Answers, Yardstick

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True, slots=True)
class Trial:
    """`model` with the layers `quantised`, its `drop` and `error` by the yardstick."""

    model: onnx.ModelProto
    quantised: frozenset[str]
    drop: float
    error: float


def tried(build: Build, chosen: Collection[str], feeds: Sequence[Feed], by: Yardstick) -> Trial:
    """Return what quantising the layers `chosen` does to the answers to `feeds`.

    Raises:
        ModelError: the quantiser refuses.
        BundleError: ONNX Runtime refuses what it made.
    """
    model = build(chosen)
    got = answers(model, feeds)
    return Trial(model, frozenset(chosen), by.drop(got), by.error(got))


def answers(model: onnx.ModelProto, feeds: Sequence[Feed]) -> Answers:
    """Return what `model` answers to each of `feeds`."""
    with tempfile.TemporaryDirectory(prefix="edgectl-quantise-") as aside:
        file = Path(aside) / "trial.onnx"
        write_model(model, file)
        graph = Model(file)
        return [graph.run(feed) for feed in feeds]
