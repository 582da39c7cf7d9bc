"""A sample to try the model with: what the bundle's author recorded, in the protocol's words."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from edge_common.bundle import BundleError
from edge_common.errors import NotReady
from edge_common.golden import load_golden
from edge_common.tensors import BINARY_ONLY, Array, TensorSpec, to_json
from edge_inference.service import Service

# Elements of a sample that a person can read and change in the page.
MAX_EXAMPLE = 256
# A sample file over this, unpacked and with its outputs, is not one of those.
MAX_EXAMPLE_BYTES = 64 * 1024


def example(service: Service) -> dict[str, Any] | None:
    """The first golden sample as the body of an infer request; None for a large one, or before the model is ready."""
    files = service.bundle.golden_files
    try:
        return _sample(files[0], service.plane().engine.inputs) if files else None
    except NotReady:
        return None


# Asked every second by every open page; a process serves one bundle, which does not change.
@lru_cache(maxsize=1)
def _sample(path: Path, specs: tuple[TensorSpec, ...]) -> dict[str, Any] | None:
    try:
        arrays = load_golden(path, MAX_EXAMPLE_BYTES).inputs
    except BundleError:
        return None
    fits = sum(array.size for array in arrays.values()) <= MAX_EXAMPLE
    if not fits or any(spec.datatype in BINARY_ONLY or spec.name not in arrays for spec in specs):
        return None
    return {"inputs": [_tensor(spec, arrays[spec.name]) for spec in specs]}


def _tensor(spec: TensorSpec, array: Array) -> dict[str, Any]:
    data = to_json(array, spec.datatype)
    return {"name": spec.name, "shape": list(array.shape), "datatype": spec.datatype, "data": data}
