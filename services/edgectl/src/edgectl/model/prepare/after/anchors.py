"""SSD's anchors (prior boxes): the file that the declaration names."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_common.tensors import Array
from edgectl.model.errors import ModelError
from edgectl.model.prepare.after.spec import Boxes

# SSD300 has 8 732 anchors, RetinaNet at 800 pixels about 120 000; a million are 16 MB in the graph.
MAX_ANCHORS = 1_000_000
# As doubles, and the head of the file.
_MAX_BYTES = MAX_ANCHORS * 32 + 4096
_KEY = "output.boxes.anchors"


def read_anchors(spec: Boxes, count: int) -> npt.NDArray[np.float32]:
    """Return the anchors float32 [boxes, 4]: centre and extents, in shares of the input, x before y unless `y_first`.

    Raises:
        ModelError: no .npy file there, no [boxes, 4] of finite numbers in it, or not `count` (-1 for any) of them.
    """
    path = Path(spec.anchors or "")
    array = _read(path)
    if array.dtype.kind != "f" or array.ndim != 2 or array.shape[1] != 4:
        raise ModelError(f"{_KEY}: {path}: want floats [boxes, 4], found {array.dtype} {list(array.shape)}")
    if count not in (-1, len(array)):
        raise ModelError(f"{_KEY}: {path}: want {count} anchors, as the model has boxes, found {len(array)}")
    anchors = array.astype(np.float32)
    if not np.isfinite(anchors).all():
        raise ModelError(f"{_KEY}: {path}: want finite numbers, found NaN or infinity")
    if spec.anchor_form == "centre":
        return anchors
    low, high = anchors[:, :2], anchors[:, 2:]
    return np.concatenate([(low + high) / np.float32(2), high - low], 1)


def _read(path: Path) -> Array:
    try:
        with path.open("rb") as file:
            if (size := os.fstat(file.fileno()).st_size) > _MAX_BYTES:
                raise ModelError(f"{_KEY}: {path}: want at most {MAX_ANCHORS} anchors, found a file of {size} bytes")
            array: Array = np.lib.format.read_array(file, allow_pickle=False)
            return array
    except OSError as exc:
        raise ModelError(f"{_KEY}: want an .npy file, found {str(path)!r}: {(exc.strerror or '').lower()}") from None
    except (ValueError, EOFError):
        raise ModelError(f"{_KEY}: want an .npy file, found {str(path)!r}: that is no array of numbers") from None
