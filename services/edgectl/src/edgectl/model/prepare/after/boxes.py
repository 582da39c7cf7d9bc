"""A detection: decoded, suppressed, and put where the things are in the pixels that were sent."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgectl.model.prepare.after.decode import decoded
from edgectl.model.prepare.after.nodes import Nodes, single
from edgectl.model.prepare.after.sources import Sources
from edgectl.model.prepare.after.spec import Boxes
from edgectl.model.prepare.after.suppress import kept
from edgectl.model.prepare.geometry import FRAME, OFFSET, SCALE


def add(nodes: Nodes, spec: Boxes, found: Sources, tensors: Mapping[str, str], geometry: bool) -> None:
    """Add `boxes` float32 [n, 4], `scores` float32 [n] and `classes` int64 [n] to the graph."""
    best = kept(nodes, spec, decoded(nodes, spec, found, tensors))
    corners = _in_frame(nodes, best.corners) if geometry else best.corners
    nodes.output("boxes", corners, np.float32, ["boxes", 4])
    nodes.output("scores", best.scores, np.float32, ["boxes"])
    nodes.output("classes", best.classes, np.int64, ["boxes"])


def _in_frame(nodes: Nodes, corners: str) -> str:
    """Return `corners` in the pixels of the frame, none outside of it."""
    scale, offset, frame = (nodes("Concat", axes, axes, axis=0) for axes in map(nodes.pair, (SCALE, OFFSET, FRAME)))
    placed = nodes("Div", nodes("Sub", corners, offset), scale)
    return nodes("Min", nodes("Max", placed, single(0)), frame)
