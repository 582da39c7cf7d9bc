"""The samples on which a conversion is furthest off, saved to be looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson

from edge_common.tensors import Array, TensorSpec
from edgectl.bundle.session import Model
from edgectl.model.aside import written
from edgectl.model.data_npz import narrowed
from edgectl.model.ours import WORST
from edgectl.model.verify.run import answered
from edgectl.model.verify.verdict import SHOWN, Verdict

if TYPE_CHECKING:
    from edgectl.model.convert.source import Original


def save_worst(folder: Path, verdict: Verdict, original: Original, model: Model, force: bool) -> list[str]:
    """Write the worst samples to the new directory `folder`, and return the names of its files.

    worst.json says which they are and how far off. Each is an .npz with `in.<input>`, `original.<output>` and
    `out.<output>` (the graph's), and a PNG of each input that is a picture where OpenCV is installed; the names begin
    with the rank, 0 being the worst. Samples that do not differ at all are left out.

    Raises:
        ModelError: something is there already and not `force`, or the disk does not take it.
    """
    with written(folder, force, "directory") as aside:
        aside.mkdir()
        (aside / WORST).write_bytes(orjson.dumps(verdict.facts()["worst"], option=orjson.OPT_INDENT_2) + b"\n")
        for rank, index in enumerate(verdict.worst[:SHOWN]):
            if verdict.off[index] > (0.0, 0.0):
                _save(aside, f"{rank}-{_plain(verdict.dataset.names[index])}", verdict, index, original, model)
        return sorted(path.name for path in aside.iterdir())


def _save(aside: Path, stem: str, verdict: Verdict, index: int, original: Original, model: Model) -> None:
    read = verdict.dataset.feeds[index]
    feed = narrowed(read, model.inputs)
    arrays = {f"in.{name}": array for name, array in feed.items()}
    arrays |= {f"original.{name}": array for name, array in answered(original, verdict.dataset, index, read).items()}
    arrays |= {f"out.{name}": array for name, array in model.run(feed).items()}
    plain = {name: array.astype(np.str_) if array.dtype.kind == "O" else array for name, array in arrays.items()}
    np.savez_compressed(aside / f"{stem}.npz", allow_pickle=False, **plain)
    _draw(aside, stem, feed, model.inputs)


def _draw(aside: Path, stem: str, feed: Mapping[str, Array], inputs: tuple[TensorSpec, ...]) -> None:
    try:
        import cv2
    except ImportError:
        return
    for spec in inputs:
        pixels = feed[spec.name]
        if pixels.dtype == np.uint8 and pixels.ndim == 4 and pixels.shape[3] == 3 and pixels.size:
            bgr = np.ascontiguousarray(pixels[0, :, :, ::-1])
            (aside / f"{stem}.{_plain(spec.name)}.png").write_bytes(cv2.imencode(".png", bgr)[1].tobytes())


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name.replace(".npz", "")).strip("-")[:80]
