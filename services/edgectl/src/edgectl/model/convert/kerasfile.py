"""What a Keras file says of its layers before it is loaded: some run code of their own."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgectl.model.convert.archive import DAMAGED
from edgectl.model.errors import ModelError

# The configuration of a model of thousands of layers takes a few MB.
_MAX_CONFIG_BYTES = 64 * 1024 * 1024
_MAX_DEPTH = 100


def refuse_code(source: str, trust: bool) -> None:
    """Raise ModelError, which lists the Lambda layers with Python code of the file, unless `trust`."""
    if trust:
        return
    found = [f"'{name}'" for name in _lambdas(source, _config(source), 0)]
    if found:
        raise ModelError(
            f"{source}: want layers that are data, found Lambda {', '.join(found[:5])}, whose Python code loading "
            "would run; use built-in layers instead, or --trust when you know who made the file"
        )


def _config(source: str) -> Any:
    try:
        text = _from_zip(source) if zipfile.is_zipfile(source) else _from_hdf5(source)
        return json.loads(text)
    except DAMAGED as exc:
        raise ModelError(f"{source}: want a Keras model, found no configuration in it: {exc}") from None


def _from_zip(source: str) -> bytes:
    with zipfile.ZipFile(source) as archive:
        if archive.getinfo("config.json").file_size > _MAX_CONFIG_BYTES:
            raise ModelError(f"{source}: want at most {_MAX_CONFIG_BYTES} bytes of config.json, found more")
        return archive.read("config.json")


def _from_hdf5(source: str) -> str:
    # Comes with keras.
    import h5py  # type: ignore[import-not-found,unused-ignore]

    with h5py.File(Path(source), "r") as file:
        text = file.attrs.get("model_config")
    if text is None:
        raise ModelError(
            f"{source}: want a whole model, found HDF5 without model_config: weights alone; save it with model.save"
        )
    return text if isinstance(text, str) else str(text, "utf-8")


def _lambdas(source: str, config: Any, depth: int) -> Iterator[str]:
    """Yield the names of Lambda layers whose function is Python code, models within models too."""
    if depth > _MAX_DEPTH:
        raise ModelError(f"{source}: want layers nested at most {_MAX_DEPTH} deep, found more")
    if isinstance(config, dict):
        if config.get("class_name") == "Lambda":
            inner = config.get("config") or {}
            yield str(inner.get("name", config.get("name", "?")))
            return
        config = list(config.values())
    if isinstance(config, list):
        for item in config:
            yield from _lambdas(source, item, depth + 1)
