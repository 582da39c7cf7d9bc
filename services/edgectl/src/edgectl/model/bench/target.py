"""What is measured: a bundle or a graph, and the input it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    from edge_common.bundle import Bundle
    from edge_common.manifest import Image
    from edge_common.tensors import Array, TensorSpec

# A batch of more is no longer what a gateway does; memory grows with it.
MAX_BATCH = 4096
_COLOURS = 3


@dataclass(frozen=True, slots=True)
class Target:
    """`feed` maps input name -> array; `source` says in words where it is from, `level` how to load the graph."""

    bundle: Bundle
    inputs: tuple[TensorSpec, ...]
    feed: Mapping[str, Array]
    source: str
    level: str = "all"

    @property
    def batch(self) -> int:
        """How many inputs one run answers: the extent of the first axis where that is free, else 1."""
        free = [spec for spec in self.inputs if spec.shape[:1] == (-1,)]
        return int(self.feed[free[0].name].shape[0]) if free else 1

    def of_batch(self, batch: int) -> Target:
        """Return the same with its samples repeated along the free first axes until there are `batch` (1 to MAX_BATCH).

        Raises:
            ModelError: no input has a free first axis.
        """
        import numpy as np

        free = {spec.name for spec in self.inputs if spec.shape[:1] == (-1,)}
        if not free and batch != 1:
            shapes = ", ".join(f"{spec.name} {list(spec.shape)}" for spec in self.inputs)
            raise ModelError(
                f"--batch {batch}: want an input with a free first axis, found {shapes}; leave --batch out"
            )
        taken = {name: np.arange(batch) % array.shape[0] for name, array in self.feed.items() if name in free}
        return replace(self, feed={n: a[taken[n]] if n in taken else a for n, a in self.feed.items()})

    def shapes(self) -> dict[str, str]:
        """Return input name -> its datatype and shape, as fed."""
        return {spec.name: f"{spec.datatype} {list(self.feed[spec.name].shape)}" for spec in self.inputs}


def open_target(path: Path, inputs: Path | None = None, shapes: Sequence[str] = ()) -> Target:
    """Return what `path` (bundle directory or .onnx) is and what to feed it.

    The feed is `inputs` (an .npz with an array per input), else the bundle's first golden sample, else noise, whose
    free axes `shapes` (`input=1,480,640,3`) settle.

    Raises:
        StartError: no such bundle or graph, or inputs that do not fit it.
    """
    from edge_common.bundle import read_bundle
    from edge_common.golden import load_golden
    from edgectl.bundle.graph import load_level
    from edgectl.bundle.options import read_feed
    from edgectl.bundle.session import Model

    bundle = read_bundle(path)
    bundle.check_hash()
    level = load_level(bundle.model_path)
    graph = Model(bundle.model_path, optimised=level == "none")
    feed: Mapping[str, Array]
    if inputs is not None:
        feed, source = read_feed(inputs), f"--inputs {inputs}"
    elif bundle.golden_files and not shapes:
        feed, source = load_golden(bundle.golden_files[0]).inputs, f"golden sample {bundle.golden_files[0].stem}"
    else:
        feed, source = _noise(graph.inputs, shapes, bundle.image), "noise"
    graph.check(feed, source)
    _refuse_empty(feed, source)
    return Target(bundle, graph.inputs, feed, source, level)


def _refuse_empty(feed: Mapping[str, Array], source: str) -> None:
    for name, array in feed.items():
        if not array.size:
            raise ModelError(f"{source}: input '{name}': want something to run on, found none: {list(array.shape)}")


def _noise(inputs: Sequence[TensorSpec], shapes: Sequence[str], image: Image | None) -> Mapping[str, Array]:
    from edge_common.manifest import Image
    from edgectl.bundle.generate import generate
    from edgectl.bundle.options import shapes_of

    # A bare graph does not say that an input is an image; a picture of one pixel would measure nothing.
    pixels = [spec.name for spec in inputs if spec.datatype == "UINT8" and spec.shape[3:] == (_COLOURS,)]
    if image is None and pixels:
        image = Image(input=pixels[0])
    return generate(inputs, 1, 0, shapes_of(shapes), image)[0]
