"""A graph in memory, ready to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_common.bundle import BundleError
from edgectl.bundle.session import Model
from edgectl.model.errors import ModelError
from edgectl.model.graphs import check_size
from edgectl.model.scratch import filling_scratch, scratch

if TYPE_CHECKING:
    import onnx


def loaded(source: str, model: onnx.ModelProto) -> Model:
    """Return `model` in ONNX Runtime; raise ModelError, which names `source`."""
    check_size(source, model.ByteSize())
    with scratch() as directory:
        path = directory / "model.onnx"
        with filling_scratch():
            path.write_bytes(model.SerializeToString())
        try:
            return Model(path)
        except BundleError as exc:
            raise ModelError(str(exc).replace(str(path), source)) from None
