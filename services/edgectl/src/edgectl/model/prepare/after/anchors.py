"""SSD's anchors (prior boxes): the file that the declaration names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgectl.model.errors import ModelError
from edgectl.model.prepare.after.spec import Boxes

# SSD300 has 8 732 anchors, RetinaNet at 800 pixels about 120 000; a million are 16 MB in the graph.
MAX_ANCHORS = 1_000_000
_KEY = "output.boxes.anchors"


def read_anchors(spec: Boxes, count: int) -> npt.NDArray[np.float32]:
    """Return the anchors float32 [boxes, 4]: centre and extents, in shares of the input, x before y unless `y_first`.

    Raises:
        ModelError: no .npy file there, no [boxes, 4] of finite numbers in it, or not `count` (-1 for any) of them.
    """
    path = Path(spec.anchors or "")
    try:
        # Mapped, so that a file of another shape is not read at all.
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as exc:
        reason = (exc.strerror or str(exc)) if isinstance(exc, OSError) else "that is no array of numbers"
        raise ModelError(f"{_KEY}: want an .npy file, found {str(path)!r}: {reason.lower()}") from None
    _check(path, mapped, count)
    anchors = np.array(mapped, np.float32)
    if not np.isfinite(anchors).all():
        raise ModelError(f"{_KEY}: {path}: want finite numbers, found NaN or infinity")
    if spec.anchor_form == "centre":
        return anchors
    low, high = anchors[:, :2], anchors[:, 2:]
    return np.concatenate([(low + high) / np.float32(2), high - low], 1)


def _check(path: Path, array: Any, count: int) -> None:
    kind = getattr(array, "dtype", None)
    if kind is None or kind.kind != "f" or array.ndim != 2 or array.shape[1] != 4:
        found = "an .npz archive" if kind is None else f"{kind} {list(array.shape)}"
        raise ModelError(f"{_KEY}: {path}: want floats [boxes, 4], found {found}")
    if not 1 <= len(array) <= MAX_ANCHORS:
        raise ModelError(f"{_KEY}: {path}: want 1 to {MAX_ANCHORS} anchors, found {len(array)}")
    if count not in (-1, len(array)):
        raise ModelError(f"{_KEY}: {path}: want {count} anchors, as the model has boxes, found {len(array)}")
