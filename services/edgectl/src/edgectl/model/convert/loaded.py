"""A graph in memory, ready to run."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edge_common.bundle import BundleError
from edgectl.bundle.session import Model
from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    import onnx


def loaded(source: str, model: onnx.ModelProto) -> Model:
    """Return `model` in ONNX Runtime; raise ModelError, which names `source`."""
    try:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "model.onnx")
            path.write_bytes(model.SerializeToString())
            return Model(path)
    except BundleError as exc:
        raise ModelError(str(exc).replace(str(path), source)) from None
    except OSError as exc:
        raise ModelError(f"{source}: cannot be written aside: {(exc.strerror or str(exc)).lower()}") from None
