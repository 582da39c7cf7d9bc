"""What the graph and the original are compared on."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from edgectl.model.convert.parity import SAMPLES
from edgectl.model.data import generated, read_feeds
from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    from edge_common.tensors import Array
    from edgectl.model.convert.source import Original

# An original that can say what its inputs look like gives rows; one in so many is enough.
_EVERY = 31


def samples_of(original: Original, example: Path | None, seed: int = 0) -> list[Mapping[str, Array]]:
    """Return feeds of --example, else what the original says of its inputs, else noise."""
    if example is not None:
        try:
            return list(read_feeds(example, original.inputs, SAMPLES).feeds)
        except ModelError as exc:
            raise ModelError(f"--example {exc}") from None
    own = getattr(original, "samples", None)
    if own is not None:
        return list(islice(own(), 0, SAMPLES * _EVERY, _EVERY))
    return list(generated(original.inputs, SAMPLES, seed).feeds)
