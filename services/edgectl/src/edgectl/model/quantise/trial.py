"""A quantised graph, tried: how much worse its answers are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgectl.bundle.session import Model
from edgectl.model.data import Feed
from edgectl.model.graphs import write_model
from edgectl.model.quantise.build import Build
from edgectl.model.quantise.yardstick import Worse, Yardstick
from edgectl.model.scratch import filling_scratch, scratch

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
    found = _worse(model, feeds, by)
    return Trial(model, frozenset(chosen), found.drop, found.error)


def _worse(model: onnx.ModelProto, feeds: Sequence[Feed], by: Yardstick) -> Worse:
    with scratch() as aside:
        file = aside / "trial.onnx"
        with filling_scratch():
            write_model(model, file)
        graph = Model(file)
        return by.worse(graph.run(feed) for feed in feeds)
